"""HTTP as the engines speak it: one small protocol, two clients behind it.

`lean.py` is the hot path (plain http, httptools, keep-alive pool); `session.py` is aiohttp's
client, for TLS. Both turn every fault into our errors here at the door and neither follows a
redirect, reads a proxy variable or keeps a cookie. `dial.py` chooses between them.
"""

from collections.abc import AsyncIterable, Mapping
from types import TracebackType
from typing import Protocol, Self

from _llamagate.engines import faults


class Answer(Protocol):
    """An engine's answer, whose body may still be coming. Used as an async context manager:
    leaving it before the end of the body closes the connection, which stops the engine."""

    __slots__ = ()

    peer: str  # the engine's host:port
    status: int

    def header(self, name: str) -> str:
        """The value of a header, "" where there is none. `name` is lower-case."""

    @property
    def headers(self) -> list[tuple[str, str]]: ...

    async def read(self) -> bytes:
        """What has come of the body since the last read, at once if it is here; b"" at the end."""

    async def read_all(self, limit: int = 64 * 1024 * 1024) -> bytes:
        """The whole body, or what is left of it."""
        pieces = []
        left = limit
        while piece := await self.read():
            left -= len(piece)
            if left < 0:
                raise faults.oversized(self.peer, limit)
            pieces.append(piece)
        return b"".join(pieces)

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Client(Protocol):
    """The way to one engine."""

    async def send(
        self,
        method: str,
        path: str,
        body: bytes | AsyncIterable[bytes] = b"",
        headers: Mapping[str, str] | None = None,
        *,
        timeout: float | None = None,
    ) -> Answer:
        """Send and wait for the head of the answer. `timeout` bounds the wait for the head and
        each wait for a piece of the body, never the whole; None is the client's own.
        `headers` stand before the client's own of the same name."""

    async def close(self) -> None: ...
