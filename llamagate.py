"""The command: `llamagate`, `python llamagate.py` and the frozen executable all start here."""

from _llamagate.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
