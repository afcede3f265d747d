"""The ways to talk to an engine over HTTP, and what their tests share."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from _llamagate.engines.http import Answer, Client
from _llamagate.engines.lean import LeanClient
from _llamagate.engines.session import SessionClient
from tests.fakes.raw import Peer, Raw

Engine = Callable[[Peer], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST = b"0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Way:
    """One of the clients, and servers that it can talk to."""

    name: str
    ca_file: str
    tls: ssl.SSLContext

    def server(self, engine: Engine, host: str = "127.0.0.1") -> Raw:
        return Raw(engine, self.tls if self.name == "tls" else None, host)

    @contextlib.asynccontextmanager
    async def client(self, url: str, timeout: float = 5, **options: Any) -> AsyncIterator[Client]:
        client: Client
        if self.name == "lean":
            client = LeanClient(url, timeout=timeout, **options)
        else:
            client = SessionClient(url, timeout=timeout, ca_file=self.ca_file, **options)
        try:
            yield client
        finally:
            await client.close()
            await asyncio.sleep(0)

    @contextlib.asynccontextmanager
    async def talking_to(
        self, engine: Engine, timeout: float = 5, **options: Any
    ) -> AsyncIterator[tuple[Client, Raw]]:
        async with (
            self.server(engine) as server,
            self.client(server.url, timeout, **options) as client,
        ):
            yield client, server

    @contextlib.asynccontextmanager
    async def asked(
        self, engine: Engine, timeout: float = 5, method: str = "POST"
    ) -> AsyncIterator[Answer]:
        async with (
            self.talking_to(engine, timeout) as (client, _),
            await client.send(method, "/") as answer,
        ):
            yield answer


def replies(*answers: bytes) -> Engine:
    """Answers each request with the next of these, then closes."""

    async def engine(peer: Peer) -> None:
        for answer in answers:
            await peer.request()
            await peer.send(answer)
        await peer.gone()

    return engine


async def keeps_answering(peer: Peer) -> None:
    while True:
        await peer.request()
        await peer.send(OK)


async def get(client: Client, path: str = "/", **options: Any) -> bytes:
    async with await client.send("GET", path, **options) as answer:
        return await answer.read_all()


async def soon(peer: Peer) -> None:
    """The client is seen to be gone at once: a busy machine may take a moment over it."""
    async with asyncio.timeout(0.25):
        await peer.gone()


@contextlib.asynccontextmanager
async def deaf() -> AsyncIterator[int]:
    """A port on which connections are neither accepted nor refused."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        await asyncio.sleep(0.05)
        yield listener.getsockname()[1]
