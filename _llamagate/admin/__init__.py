"""What operators ask of a running gateway, as JSON: its state, and its engines drained and tested.

    routes.py   the paths under /admin/, for administrators only
    state.py    engines, lines and turns as plain values

The commands that show it to people are the command line's.
"""
