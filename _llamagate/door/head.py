"""Heads of requests and answers.

A head is taken only when it is as plain as can be; aiohttp's door judges the rest.
"""

import time
from collections.abc import Sequence
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from multidict import CIMultiDict

_LONGEST = 8 * 1024
_MOST = 100  # fields
_VERSION = b" HTTP/1.1\r\n"
_ELSEWHERE = frozenset(
    {
        "content-encoding",
        "expect",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


class Head:
    """The head of a POST whose body has a length; `call.Asked` says what it is for."""

    __slots__ = ("headers", "path", "remote", "size", "whole")

    method = "POST"

    def __init__(
        self, path: str, headers: CIMultiDict[str], length: int, size: int, remote: str
    ) -> None:
        self.path = path
        self.headers = headers
        self.size = size  # of the head itself
        self.whole = size + length  # of the request
        self.remote = remote


def parse_head(data: bytes, remote: str) -> Head | None:
    """None where it is not all there, or not plain."""
    end = data.find(b"\r\n\r\n", 0, _LONGEST) + 4
    raw = data[:end]
    if end < 4 or not raw.startswith(b"POST /") or not raw.isascii():
        return None
    heard = _Heard()
    try:
        HttpRequestParser(heard).feed_data(raw)
    except (HttpParserError, HttpParserUpgrade):
        return None
    fields = heard.fields
    names = {name.lower() for name, _ in fields}
    # As many lines as fields, so that none was folded; and no name twice.
    if not raw.count(b"\n") - 2 == len(fields) == len(names) <= _MOST:
        return None
    if not names.isdisjoint(_ELSEWHERE):
        return None
    headers = CIMultiDict(fields)
    length = headers.get("Content-Length", "")  # digits only, says the parser
    kept = headers.get("Connection", "keep-alive").lower() == "keep-alive"
    if not 0 < len(length) < 16 or "Host" not in headers or not kept:
        return None
    if not raw.startswith(_VERSION, len(heard.path) + 5):
        return None
    return Head(heard.path, headers, int(length), end, remote)


class _Heard:
    """What the parser tells."""

    __slots__ = ("fields", "path")

    def __init__(self) -> None:
        self.path = ""
        self.fields: list[tuple[str, str]] = []

    def on_url(self, url: bytes) -> None:
        self.path = url.decode()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.decode(), value.decode().strip(" \t")))


def render_head(status: int, fields: Sequence[tuple[str, str]]) -> bytes:
    text = "".join([f"{name}: {value}\r\n" for name, value in fields])
    if not "".join([value for _, value in fields]).isprintable():
        raise ValueError("A header of the answer holds a character that no header may.")
    return f"{_first(status)}{text}{_date(int(time.time()))}".encode()


@lru_cache
def _first(status: int) -> str:
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"


@lru_cache(1)
def _date(now: int) -> str:
    return f"Date: {formatdate(now, usegmt=True)}\r\n\r\n"
