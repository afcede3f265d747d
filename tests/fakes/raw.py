"""A server that sends exactly the bytes it is told to, for everything a real one would not do.

async def engine(peer: Peer) -> None:
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\\r\\n\\r\\nhalf an ans")

async with Raw(engine) as server:
    ... server.url, server.peers ...
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Self


class Peer:
    """One connection, as the server has it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self._reading = asyncio.Lock()  # a test may wait for the end while the server reads

    async def head(self) -> None:
        async with self._reading:
            self.heads.append(await self.reader.readuntil(b"\r\n\r\n"))

    async def request(self) -> None:
        """Reads one request; `heads` and `bodies` have it."""
        await self.head()
        async with self._reading:
            self.bodies.append(await self._body())

    async def _body(self) -> bytes:
        lines = self.heads[-1].lower().split(b"\r\n")[1:-2]
        fields = dict(line.split(b": ", 1) for line in lines)
        if fields.get(b"transfer-encoding") == b"chunked":
            body = b""
            while size := int(await self.reader.readuntil(b"\r\n"), 16):
                body += (await self.reader.readexactly(size + 2))[:-2]
            await self.reader.readexactly(2)
            return body
        return await self.reader.readexactly(int(fields.get(b"content-length", b"0")))

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def gone(self) -> None:
        """Until the client has closed."""
        async with self._reading:
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                while await self.reader.read(65536):
                    pass

    async def hang(self) -> None:
        await asyncio.Event().wait()

    def reset(self) -> None:
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.writer.transport.abort()


class Raw:
    def __init__(
        self,
        serve: Callable[[Peer], Awaitable[None]],
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.peers: list[Peer] = []
        self._serve = serve
        self._tls = tls
        self._host = host
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def heads(self) -> list[bytes]:
        return [head for peer in self.peers for head in peer.heads]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, self._host, 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        host = f"[{self._host}]" if ":" in self._host else self._host
        self.url = f"{'https' if self._tls else 'http'}://{host}:{self.port}"
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for peer in self.peers:
            if not peer.writer.is_closing():  # over TLS, Python 3.11.2 fails on a closed one
                peer.writer.transport.abort()
        await asyncio.sleep(0)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        self.peers.append(peer)
        self._tasks.add(asyncio.get_running_loop().create_task(self._run(peer)))

    async def _run(self, peer: Peer) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            await self._serve(peer)
        peer.writer.close()
