"""The log: JSON lines to the console and a file, through moves, full disks and bad values."""

import errno
import json
import logging
import os
import stat
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
import pytest

from _llamagate.log import Log, configure_logging


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gate.log"


@pytest.fixture
def console() -> BytesIO:
    return BytesIO()


@pytest.fixture
def log(console: BytesIO, path: Path) -> Iterator[Log]:
    opened = Log(console, path)
    yield opened
    opened.close()


def lines(written: BytesIO | Path) -> list[dict[str, Any]]:
    data = written.read_bytes() if isinstance(written, Path) else written.getvalue()
    return [orjson.loads(line) for line in data.splitlines()]


def test_a_line_goes_to_the_console_and_the_file(log: Log, console: BytesIO, path: Path) -> None:
    log.write({"a": 1})
    assert lines(console) == lines(path) == [{"a": 1}]


def test_a_file_is_for_its_owner_alone_and_is_appended_to(path: Path) -> None:
    for number in range(2):
        log = Log(None, path)
        log.write({"start": number})
        log.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert lines(path) == [{"start": 0}, {"start": 1}]


def test_a_file_that_was_moved_away_is_made_anew(log: Log, path: Path) -> None:
    log.write({"line": 1})
    moved = path.rename(path.with_suffix(".1"))
    log.write({"line": 2})
    moved.unlink()
    log.write({"line": 3})
    assert lines(path) == [{"line": 2}, {"line": 3}]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_folder_that_is_gone_stops_nothing(log: Log, console: BytesIO, path: Path) -> None:
    folder = path.parent
    path.unlink()
    folder.rmdir()
    log.write({"line": 1})
    folder.mkdir()
    log.write({"line": 2})
    assert lines(path) == [{"line": 2}]
    assert len(lines(console)) == 2


class Full(BytesIO):
    """A disk without room, until somebody makes some."""

    room = False

    def write(self, data: Any, /) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(data)


def test_a_full_disk_stops_nothing() -> None:
    full = Full()
    log = Log(full)
    log.write({"line": 1})
    full.room = True
    log.write({"line": 2})
    assert lines(full) == [{"line": 2}]


def test_a_closed_console_stops_nothing(path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb", buffering=0) as broken:
        log = Log(broken, path)
        log.write({"line": 1})
        log.write({"line": 2})
        log.close()
    assert len(lines(path)) == 2


def test_reopening_goes_to_the_file_that_is_named_now(log: Log, path: Path) -> None:
    log.write({"line": 1})
    other = path.with_name("other.log")
    log.reopen(other)
    log.write({"line": 2})
    log.reopen(None)
    log.write({"line": 3})
    assert (lines(path), lines(other)) == ([{"line": 1}], [{"line": 2}])


async def test_lines_are_gathered_while_the_loop_runs(log: Log, console: BytesIO) -> None:
    log.start()
    for number in range(300):
        log.write({"line": number})
    assert len(lines(console)) == 256
    log.flush()
    assert len(lines(console)) == 300


def test_an_event_has_its_name_its_facts_and_its_level(log: Log, console: BytesIO) -> None:
    configure_logging(log, debug=False)
    logging.getLogger("llamagate.pool").warning("engine_lost", extra={"engine": "gpu-1"})
    (line,) = lines(console)
    assert isinstance(line.pop("time"), int)
    assert line == {
        "level": "warning",
        "event": "engine_lost",
        "logger": "llamagate.pool",
        "engine": "gpu-1",
    }


def test_a_value_that_json_does_not_know_is_written_all_the_same(
    log: Log, console: BytesIO
) -> None:
    configure_logging(log, debug=False)
    facts = {"path": Path("/x"), "bytes": b"\xff", "text": "\udcff", "number": 1 << 80}
    logging.getLogger("llamagate").error("odd", extra=facts)
    line = json.loads(console.getvalue())
    assert (line["path"], line["text"]) == ("/x", "\udcff")


def test_of_a_fault_it_says_where_and_not_what(log: Log, console: BytesIO) -> None:
    configure_logging(log, debug=False)
    try:
        raise ValueError("a secret of some request")
    except ValueError as error:
        logging.getLogger("llamagate").error("failed", exc_info=error)
    (line,) = lines(console)
    assert line["error"].startswith("ValueError at test_log.py:")
    assert b"secret" not in console.getvalue()


@pytest.mark.parametrize(("debug", "said"), [(False, 0), (True, 1)])
def test_debugging_is_said_only_when_asked_for(
    log: Log, console: BytesIO, debug: bool, said: int
) -> None:
    configure_logging(log, debug)
    logging.getLogger("llamagate.pool").debug("probed")
    logging.getLogger("somebody.else").info("chatter")
    assert len(lines(console)) == said
