"""`transformers serve`, which ends when the gateway does: serve.py OPTION...

The gateway holds the other end of standard input. Whatever way it ends, killed included, that end
is closed, and no model is left behind in a memory that nobody frees.
"""

import os
import sys
import threading

from transformers.cli.transformers import main


def leave_with_the_gateway() -> None:
    while os.read(0, 1024):  # sys.stdin's lock, held by a thread, would spoil the end of Python
        pass
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=leave_with_the_gateway, daemon=True).start()
    sys.exit(main())
