"""tokens.json: names and their tokens, looked at on every call, so that nobody has to restart.

What the operator wrote last is what counts: a file that is gone or holds `{}` lets nobody in.
Only a file that cannot be understood changes nothing: it may be half written.
"""

import json
import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from _llamagate.accounts.credential import fingerprint

_log = logging.getLogger("llamagate.accounts")

SHORTEST = 8
# Two writes within one tick of the file system's clock look alike, so a file this young is read
# on the next call too.
_TICK_NS = 20_000_000

_Look: TypeAlias = tuple[int, ...]
_GONE: _Look = ()


class TokensFile:
    """The first of `places` where there is a file, and from then on that one. `named` says that
    the operator named the place, so that it counts even while nothing is there."""

    def __init__(self, places: Sequence[Path], named: bool = False) -> None:
        self._places = [str(place) for place in places]
        self._path = self._places[0] if named else ""
        self._looked: _Look | None = None
        self._wrong = ""
        self._settled = False
        self._names: dict[bytes, str] = {}

    @property
    def counts(self) -> bool:
        """Is it there, or was it once? Taking it away does not open the door."""
        if not self._path:
            self._path = next((place for place in self._places if os.access(place, os.F_OK)), "")
        return self._path != ""

    def names(self) -> Mapping[bytes, str]:
        """By a token's fingerprint, whose it is. The same mapping until the file changes."""
        if self.counts:
            look = _look_at(self._path)
            if look != self._looked or not self._settled:
                self._read(look)
        return self._names

    def _read(self, look: _Look) -> None:
        wrong = ""
        try:
            self._names = parse(Path(self._path).read_bytes()) if look else {}
        except OSError as error:
            wrong = error.strerror or "unreadable"
        except ValueError as error:
            wrong = str(error)
        if (look, wrong) != (self._looked, self._wrong):
            _tell(self._path, look, wrong, len(self._names))
        self._looked, self._wrong = look, wrong
        self._settled = not wrong and (not look or abs(time.time_ns() - look[0]) > _TICK_NS)


def _look_at(path: str) -> _Look:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return _GONE
    except OSError as error:  # reading it will say the same
        return (error.errno or 1,)
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def _tell(path: str, look: _Look, wrong: str, tokens: int) -> None:
    facts = {"path": path, "tokens": tokens}
    if wrong:
        _log.warning("tokens_file_broken", extra=facts | {"reason": wrong})
    elif look:
        _log.info("tokens_file_read", extra=facts)
    else:
        _log.warning("tokens_file_missing", extra=facts)


def parse(data: bytes) -> dict[bytes, str]:
    """By a token's fingerprint, whose it is. ValueError says what is wrong, and quotes nothing."""
    try:
        # Objects as tuples of pairs: a dict would hide a name that stands there twice.
        entries = json.loads(data.decode("utf-8-sig"), object_pairs_hook=tuple)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    if not isinstance(entries, tuple):
        raise ValueError("it is not one JSON object of names and their tokens")
    names: dict[bytes, str] = {}
    for name, token in entries:
        if not name or not isinstance(token, str) or len(token) < SHORTEST:
            raise ValueError(f"it needs names, each with a token of at least {SHORTEST} characters")
        names[fingerprint(token)] = name
    if len(names) < len(entries) or len(set(names.values())) < len(entries):
        raise ValueError("it has a name or a token twice")
    return names
