"""Bytes as Ollama writes them: Go's JSON, its time stamps, its error bodies."""

import json
import time
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

JSON = "application/json; charset=utf-8"
_ESCAPES = str.maketrans({char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"})


def dump(value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.translate(_ESCAPES).encode()


def line(value: Any) -> bytes:
    return dump(value) + b"\n"


def now() -> str:
    return stamp(time.time_ns())


def stamp(nanoseconds: int) -> str:
    """RFC 3339 in UTC, to the nanosecond."""
    whole, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def json_response(value: Any) -> web.Response:
    return web.Response(body=dump(value), headers={"Content-Type": JSON})


def error(
    status: int, message: str, headers: dict[str, str] | None = None, body: bytes | None = None
) -> web.Response:
    return web.Response(
        status=status,
        body=dump({"error": message}) if body is None else body,
        headers={"Content-Type": JSON, **(headers or {})},
    )
