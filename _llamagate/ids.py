"""Ids of our own. Ollama's repeat after a thousand; ours never do, and cost no system call each."""

import itertools
import os
import secrets

_prefix = os.urandom(8).hex()
_count = itertools.count(1)


def new_id(kind: str) -> str:
    """Such as chatcmpl-5f0c2a9be3d1a4771: the start is the process's, the end counts."""
    return f"{kind}{_prefix}{next(_count):x}"


def secret_id(kind: str) -> str:
    """One that cannot be guessed, for what may be read again by whoever names it."""
    return kind + secrets.token_hex(16)


class CallIds:
    """The ids of one answer's tool calls. No two are the same, whatever the engine says: a client
    finds the result of a call by its id."""

    def __init__(self, kind: str = "call_") -> None:
        self._kind = kind
        self._given: set[str] = set()

    @property
    def any(self) -> bool:
        return bool(self._given)

    def next(self, engine_id: str) -> str:
        found = engine_id
        if not found or found in self._given:
            found = new_id(self._kind)
        self._given.add(found)
        return found
