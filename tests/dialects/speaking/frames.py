"""Streams taken apart: server-sent events, and lines of JSON."""

from collections.abc import Iterator
from typing import Any

import orjson


def read_events(raw: bytes) -> Iterator[tuple[str, Any]]:
    """Server-sent events with their names."""
    assert raw.endswith(b"\n\n")
    for frame in raw.decode().split("\n\n")[:-1]:
        if not frame.startswith(":"):
            fields = dict(line.split(": ", 1) for line in frame.split("\n"))
            data = fields["data"]
            yield fields.get("event", ""), data if data == "[DONE]" else orjson.loads(data)


def read_lines(raw: bytes) -> Any:
    """As clients do it that end a line at every letter that may end one."""
    assert raw.endswith(b"\n")
    return [orjson.loads(line) for line in raw.decode().splitlines()]
