"""The lean client: plain http to one engine over connections that are kept alive.

It writes the head of a request, picks a connection (the one used last, or a new one) and leaves
the exchange to it. TLS is `session.py`'s; nobody follows redirects, keeps cookies or asks a proxy.
"""

import asyncio
import socket
from collections.abc import AsyncIterable, Mapping
from functools import lru_cache
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from _llamagate.engines import faults
from _llamagate.engines.connection import Connection, Connections
from _llamagate.engines.http import Answer, Client
from _llamagate.errors import EngineError

_HEADS = 64  # beginnings of heads that are remembered
_BODILESS = ("GET", "HEAD", "DELETE", "OPTIONS")


class LeanClient(Client):
    """The way to one engine. See `http.Client`."""

    def __init__(
        self,
        base_url: str,
        *,
        timeout: float,
        headers: Mapping[str, str] | None = None,
        connect_timeout: float = 5.0,
        max_idle: int = 256,
    ) -> None:
        url = urlsplit(base_url)
        self._host = url.hostname or ""
        self._port = url.port or 80
        self._peer = faults.address(self._host, self._port)
        self._prefix = url.path.rstrip("/")
        self._timeout = timeout
        self._connect_timeout = connect_timeout
        self._own = {"Host": url.netloc.rpartition("@")[2], **(headers or {})}
        self._begin = lru_cache(_HEADS)(self._first_lines)
        self._connections = Connections(max_idle)
        self._closed = False

    async def send(
        self,
        method: str,
        path: str,
        body: bytes | AsyncIterable[bytes] = b"",
        headers: Mapping[str, str] | None = None,
        *,
        timeout: float | None = None,
    ) -> Answer:
        head = self._head(method, path, body, headers)
        patience = self._timeout if timeout is None else timeout
        head_only = method == "HEAD"
        # A body in pieces can be sent only once, so it never goes where the engine may have left.
        connection = self._connections.take() if isinstance(body, bytes) else None
        if connection is not None:
            try:
                await connection.exchange(head, body, patience, head_only)
                return LeanAnswer(connection)
            except EngineError:
                if not connection.stale:
                    raise
        connection = await self._connect()
        await connection.exchange(head, body, patience, head_only)
        return LeanAnswer(connection)

    async def close(self) -> None:
        self._closed = True
        self._connections.close(faults.closed(self._peer))

    def _head(
        self,
        method: str,
        path: str,
        body: bytes | AsyncIterable[bytes],
        headers: Mapping[str, str] | None,
    ) -> bytes:
        lines = self._begin(method, path, tuple(headers) if headers else ())
        if headers:
            lines += _lines(headers)
        if not isinstance(body, bytes):
            lines += "Transfer-Encoding: chunked\r\n"
        elif body or method not in _BODILESS:
            lines += f"Content-Length: {len(body)}\r\n"
        return f"{lines}\r\n".encode("ascii")

    def _first_lines(self, method: str, path: str, given: tuple[str, ...]) -> str:
        """The request line, and our own headers but those that are `given`."""
        faults.check_target(path)
        names = {name.lower() for name in given}
        own = {name: value for name, value in self._own.items() if name.lower() not in names}
        return f"{method} {self._prefix}{path} HTTP/1.1\r\n{_lines(own)}"

    async def _connect(self) -> Connection:
        if self._closed:
            raise faults.closed(self._peer)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect_timeout):
                _, connection = await loop.create_connection(
                    lambda: Connection(self._peer, loop, self._connections),
                    self._host,
                    self._port,
                )
        except socket.gaierror as exc:
            raise faults.unresolved(self._peer, exc.strerror) from exc
        except TimeoutError as exc:
            raise faults.unconnected(self._peer, self._connect_timeout) from exc
        except OSError as exc:
            raise faults.refused(self._peer, exc) from exc
        return connection


def _lines(headers: Mapping[str, str]) -> str:
    faults.check_headers(headers)
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()])


class LeanAnswer(Answer):
    """See `http.Answer`."""

    __slots__ = ("_connection", "_fields", "peer", "status")

    def __init__(self, connection: Connection) -> None:
        self._connection: Connection | None = connection  # None once it has been left
        self._fields = connection.fields
        self.peer = connection.peer
        self.status = connection.status

    def header(self, name: str) -> str:
        wanted = name.encode("latin-1")
        for field, value in self._fields:
            if field.lower() == wanted:
                return value.decode("latin-1")
        return ""

    @property
    def headers(self) -> list[tuple[str, str]]:
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self._fields]

    async def read(self) -> bytes:
        connection = self._connection
        if connection is None:
            return b""
        while not connection.pieces:
            if connection.ended:
                return b""
            if connection.error is not None:
                raise connection.error
            await connection.news()
        return connection.take()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.leave()
