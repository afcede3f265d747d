"""The log: JSON lines, written in batches to the console and, where asked, to a file.

An access line is one dict handed to `write`; everything else comes through `logging`, as an event
name with its facts in `extra`. A file that was moved away or SIGHUPed is opened again.
"""

import asyncio
import json
import logging
import os
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import IO

import orjson

_FLUSH_AFTER = 0.1  # seconds a line may wait
_FLUSH_AT = 256  # lines
# What every LogRecord has; the rest of its attributes are the facts of the event.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class Log:
    """Where lines go. Writing before `start` or after `close` goes out at once."""

    def __init__(self, console: IO[bytes] | None, path: Path | None = None) -> None:
        self._console = console
        self._path = path
        self._file: IO[bytes] | None = None
        self._inode = 0
        self._lines: list[dict[str, object]] = []  # written as JSON all at once, which is quicker
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        if path:
            self._open_file(path)

    def start(self) -> None:
        """From here on lines are gathered and written together."""
        self._loop = asyncio.get_running_loop()

    def write(self, facts: dict[str, object]) -> None:
        self._lines.append(facts)
        if self._loop is None or len(self._lines) >= _FLUSH_AT:
            self.flush()
        elif self._timer is None:
            self._timer = self._loop.call_later(_FLUSH_AFTER, self.flush)

    def flush(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if not self._lines:
            return
        lines, self._lines = self._lines, []
        data = b"".join(map(_encoded, lines))
        if self._console:
            self._put(self._console, data)
        if self._path and self._moved_away(self._path):
            with suppress(OSError):  # its folder is gone or full; the next lines try again
                self._open_file(self._path)
        if self._file:
            self._put(self._file, data)

    def reopen(self, path: Path | None) -> None:
        self.flush()
        self._path = path
        if self._file:
            self._file.close()
            self._file = None
        if path:
            self._open_file(path)

    def close(self) -> None:
        self.flush()
        self._loop = None
        if self._file:
            self._file.close()
            self._file = None

    def _open_file(self, path: Path) -> None:
        if self._file:
            self._file.close()
            self._file = None
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._inode = os.fstat(descriptor).st_ino
        self._file = os.fdopen(descriptor, "ab", buffering=0)

    def _moved_away(self, path: Path) -> bool:
        try:
            return os.stat(path).st_ino != self._inode
        except OSError:
            return True

    def _put(self, to: IO[bytes], data: bytes) -> None:
        """A full disk or a closed pipe must not stop the answers."""
        with suppress(OSError, ValueError):
            to.write(data)
            to.flush()


def _encoded(facts: dict[str, object]) -> bytes:
    try:
        return orjson.dumps(facts, default=str, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # half a surrogate pair, or a number beyond 64 bits
        return json.dumps(facts, default=str).encode() + b"\n"


class LogHandler(logging.Handler):
    """`logging` into the log."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        facts: dict[str, object] = {
            "level": record.levelname.lower(),
            "time": int(time.time()),
            "event": record.getMessage(),
            "logger": record.name,
        }
        facts |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info and record.exc_info[1]:
            facts["error"] = _frames(record.exc_info[1])
        self._log.write(facts)


def _frames(error: BaseException) -> str:
    """Where it happened and what kind it was. The message stays out: it may quote a request."""
    places = [
        f"{os.path.basename(frame.filename)}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    return f"{type(error).__name__} at " + " > ".join(places)


def configure_logging(log: Log, debug: bool) -> None:
    """Everything that speaks through `logging` speaks JSON from here on."""
    root = logging.getLogger()
    root.handlers[:] = [LogHandler(log)]
    root.setLevel(logging.WARNING)
    logging.getLogger("llamagate").setLevel(logging.DEBUG if debug else logging.INFO)
