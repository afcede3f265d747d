"""Ids of our own. Ollama's repeat after a thousand; ours never do, and cost no system call each."""

import itertools
import os

_prefix = os.urandom(8).hex()
_count = itertools.count(1)


def new_id(kind: str) -> str:
    """Such as chatcmpl-5f0c2a9be3d1a4771: the start is the process's, the end counts."""
    return f"{kind}{_prefix}{next(_count):x}"
