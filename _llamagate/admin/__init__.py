"""What operators ask of a running gateway: its state, and its engines drained and tested.

    routes.py   the paths under /admin/, for administrators only
    state.py    what the rooms know, as it is told
    report.py   the bodies, for those who tell and those who read

The commands that show it to people are the command line's.
"""
