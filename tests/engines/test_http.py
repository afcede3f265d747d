"""Both clients, over real sockets, against servers that do what real ones do at their worst."""

import asyncio
import contextlib
import os
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme

from _llamagate.config import EngineSettings
from _llamagate.engines import connection
from _llamagate.engines.dial import open_client
from _llamagate.engines.http import Answer, Client
from _llamagate.engines.lean import LeanClient
from _llamagate.engines.session import SessionClient
from _llamagate.errors import (
    EngineBroke,
    EngineGarbled,
    EngineTimeout,
    EngineUnreachable,
    InvalidRequest,
    TooLarge,
)
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


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    ca = trustme.CA()
    file = tmp_path_factory.mktemp("tls") / "ca.pem"
    ca.cert_pem.write_to_path(file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1", "::1", "localhost").configure_cert(context)
    return file, context


@pytest.fixture(params=["lean", "session", "tls"])
def way(request: pytest.FixtureRequest, authority: tuple[Path, ssl.SSLContext]) -> Way:
    file, context = authority
    return Way(request.param, str(file), context)


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


# What is sent


async def test_a_request_says_what_it_was_told_and_nothing_more(way: Way) -> None:
    async with way.talking_to(keeps_answering, headers={"Content-Type": "application/json"}) as (
        client,
        server,
    ):
        async with await client.send("POST", "/api/chat?a=b%20c", b"{}", {"X-Request-ID": "r1"}):
            pass
        line, *fields = server.heads[0].decode().strip().split("\r\n")
        assert line == "POST /api/chat?a=b%20c HTTP/1.1"
        assert sorted(fields) == [
            "Content-Length: 2",
            "Content-Type: application/json",
            f"Host: 127.0.0.1:{server.port}",
            "X-Request-ID: r1",
        ]
        assert server.peers[0].bodies == [b"{}"]


async def test_a_prefix_in_the_address_comes_before_every_path(way: Way) -> None:
    async with way.server(keeps_answering) as server, way.client(f"{server.url}/up/") as client:
        await get(client, "/v1/models")
        assert server.heads[0].startswith(b"GET /up/v1/models HTTP/1.1\r\n")
        assert b"content-length" not in server.heads[0].lower()


async def test_a_post_without_a_body_has_the_length_zero(way: Way) -> None:
    async with way.talking_to(keeps_answering) as (client, server):
        async with await client.send("POST", "/") as answer:
            assert await answer.read_all() == b"ok"
        assert b"Content-Length: 0\r\n" in server.heads[0]


async def test_a_header_of_a_request_replaces_the_client_s_own(way: Way) -> None:
    async with way.talking_to(keeps_answering, headers={"Content-Type": "application/json"}) as (
        client,
        server,
    ):
        async with await client.send("PUT", "/", b"x", {"content-type": "text/plain"}):
            pass
        assert b"text/plain" in server.heads[0]
        assert server.heads[0].lower().count(b"content-type") == 1


@pytest.mark.parametrize("size", [0, 1, 70_000, 5_000_000])
async def test_a_body_of_any_size_arrives_whole(way: Way, size: int) -> None:
    body = bytes(i % 251 for i in range(1000)) * (size // 1000) + b"x" * (size % 1000)
    async with way.talking_to(keeps_answering) as (client, server):
        async with await client.send("POST", "/", body) as answer:
            assert await answer.read_all() == b"ok"
        assert server.peers[0].bodies == [body]


async def test_a_body_in_pieces_is_sent_in_chunks(way: Way) -> None:
    async def body() -> AsyncIterator[bytes]:
        for piece in (b"one", b"", b"x" * 300_000, b"three"):
            yield piece
            await asyncio.sleep(0)

    async with way.talking_to(keeps_answering) as (client, server):
        for _ in range(2):
            async with await client.send("POST", "/", body()) as answer:
                assert await answer.read_all() == b"ok"
        bodies = [body for peer in server.peers for body in peer.bodies]
        assert bodies == [b"one" + b"x" * 300_000 + b"three"] * 2


async def test_an_answer_before_the_end_of_the_body_is_heard_at_once(way: Way) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()

    async def engine(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 413 No\r\nContent-Length: 4\r\n\r\nbig!")
        await peer.gone()

    async with way.talking_to(engine, timeout=3) as (client, server):
        async with asyncio.timeout(1), await client.send("POST", "/", endless()) as answer:
            assert answer.status == 413
            assert await answer.read_all() == b"big!"
        await soon(server.peers[0])


async def test_an_answer_to_a_body_that_the_engine_does_not_read_is_heard(way: Way) -> None:
    async def engine(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 413 No\r\nContent-Length: 4\r\n\r\nbig!")
        await peer.hang()

    async with way.talking_to(engine) as (client, server):
        for _ in range(2):
            async with await client.send("POST", "/", b"x" * 20_000_000) as answer:
                assert answer.status == 413
                assert await answer.read_all() == b"big!"
        assert len(server.peers) == 2  # the rest of a body is in the way of another request


@pytest.mark.parametrize("error", [TooLarge("too much"), TimeoutError(), ConnectionResetError()])
async def test_what_breaks_a_body_in_pieces_is_told_as_it_is(way: Way, error: Exception) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"x"
        raise error

    async with way.talking_to(replies(OK)) as (client, server):
        with pytest.raises(type(error)):
            await client.send("POST", "/", body())
        await soon(server.peers[0])


async def test_an_engine_that_takes_no_more_of_a_body_is_silent(way: Way) -> None:
    async def body() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1_000_000

    async def engine(peer: Peer) -> None:
        await peer.head()
        await peer.hang()

    async with way.talking_to(engine, timeout=0.2) as (client, _):
        with pytest.raises(EngineTimeout):
            await client.send("POST", "/", body())


async def test_a_slow_source_of_a_body_is_not_the_engine_s_silence(way: Way) -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(3):
            await asyncio.sleep(0.15)
            yield b"x"

    async with way.talking_to(keeps_answering, timeout=0.2) as (client, server):
        async with await client.send("POST", "/", body()) as answer:
            assert answer.status == 200
        assert server.peers[0].bodies == [b"xxx"]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/a\r\nX: y", {}),
        ("/a b", {}),
        ("/a\0", {}),
        ("/ä", {}),
        ("/", {"X-A": "b\r\nX-Evil: 1"}),
        ("/", {"X-A": "b\nX-Evil: 1"}),
        ("/", {"X-A": "b\0"}),
        ("/", {"X-A\r\nX-Evil": "1"}),
    ],
)
async def test_nothing_breaks_out_of_a_head(way: Way, path: str, headers: dict[str, str]) -> None:
    async with way.talking_to(keeps_answering) as (client, server):
        with pytest.raises(InvalidRequest):
            await client.send("GET", path, headers=headers)
        assert server.peers == []


# What comes back


async def test_an_answer_has_a_status_headers_and_a_body(way: Way) -> None:
    reply = (
        b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nX-Two: 1\r\nx-two: 2\r\n"
        b"X-Empty:\r\nContent-Length: 3\r\n\r\nno!"
    )
    async with way.talking_to(replies(reply)) as (client, _):
        async with await client.send("GET", "/") as answer:
            assert answer.status == 404
            assert answer.header("content-type") == "application/json"
            assert answer.header("x-empty") == ""
            assert answer.header("x-none") == ""
            assert ("X-Two", "1") in answer.headers
            assert ("x-two", "2") in answer.headers
            assert await answer.read_all() == b"no!"
            assert await answer.read() == b""
        assert await answer.read() == b""


@pytest.mark.parametrize(
    ("reply", "body"),
    [
        (CHUNKED + chunk(b"one") + chunk(b"two") + LAST, b"onetwo"),
        (CHUNKED + b"3;name=value\r\none\r\n0\r\nTrailer: x\r\n\r\n", b"one"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nonetwo", b"onetwo"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
        (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", b"ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Wait\r\nX: y\r\n\r\n" + OK, b"ok"),
        (b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 2\r\n\r\nok", b"ok"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    ],
)
async def test_a_body_ends_where_its_head_says_and_the_connection_is_used_again(
    way: Way, reply: bytes, body: bytes
) -> None:
    async with way.talking_to(replies(reply, reply)) as (client, server):
        for _ in range(2):
            async with await client.send("GET", "/") as answer:
                assert answer.header("x") == answer.header("trailer") == ""
                assert await answer.read_all() == body
        assert len(server.peers) == 1
        assert len(server.heads) == 2


@pytest.mark.parametrize(
    ("reply", "body"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b""),
    ],
)
async def test_a_body_without_a_length_ends_with_the_connection(
    way: Way, reply: bytes, body: bytes
) -> None:
    async def engine(peer: Peer) -> None:
        await peer.request()
        await peer.send(reply)

    async with way.talking_to(engine) as (client, server):
        for _ in range(2):
            assert await get(client) == body
        assert len(server.peers) == 2


async def test_an_answer_to_head_has_no_body(way: Way) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"
    async with way.asked(replies(head), method="HEAD") as answer:
        assert answer.header("content-length") == "5000"
        assert await answer.read_all() == b""


async def test_bytes_that_come_one_at_a_time_make_the_same_answer(way: Way) -> None:
    reply = b"HTTP/1.1 200 OK\r\nX-Name: value\r\nTransfer-Encoding: chunked\r\n\r\n"

    async def engine(peer: Peer) -> None:
        await peer.request()
        for byte in reply + chunk(b"one") + chunk(b"two") + LAST:
            await peer.send(bytes([byte]))
            await asyncio.sleep(0)
        await peer.gone()

    async with way.asked(engine) as answer:
        assert answer.header("x-name") == "value"
        assert await answer.read_all() == b"onetwo"


async def test_chunks_of_one_packet_are_one_read(way: Way) -> None:
    reply = CHUNKED + b"".join(chunk(b"line %d\n" % i) for i in range(100)) + LAST
    async with way.asked(replies(reply)) as answer:
        assert (await answer.read()).count(b"\n") == 100
        assert await answer.read() == b""


async def test_a_piece_is_read_as_soon_as_it_is_here(way: Way) -> None:
    more = asyncio.Event()

    async def engine(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + chunk(b"one"))
        await more.wait()
        await peer.send(chunk(b"two") + LAST)
        await peer.gone()

    async with way.asked(engine) as answer:
        assert await answer.read() == b"one"
        more.set()
        assert await answer.read() == b"two"
        assert await answer.read() == b""


async def test_a_line_of_five_megabytes_arrives_whole(way: Way) -> None:
    line = bytes(i % 251 for i in range(1000)) * 5000
    async with way.talking_to(replies(CHUNKED + chunk(line) + LAST)) as (client, _):
        assert await get(client) == line


async def test_a_slow_reader_makes_the_engine_wait(way: Way) -> None:
    sent = 0

    async def engine(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        await peer.send(CHUNKED)
        for _ in range(800):
            await peer.send(chunk(b"x" * 100_000))
            sent += 100_000
        await peer.send(LAST)

    async with way.talking_to(engine) as (client, _):
        async with await client.send("GET", "/") as answer:
            received = len(await answer.read())
            before = -1
            while sent > before:
                before = sent
                await asyncio.sleep(0.1)
            assert sent < 40_000_000  # what the sockets hold, and no more
            while piece := await answer.read():
                received += len(piece)
        assert received == sent == 80_000_000


async def test_a_body_beyond_the_limit_is_refused(way: Way) -> None:
    async with way.asked(replies(CHUNKED + chunk(b"x" * 1001) + LAST)) as answer:
        with pytest.raises(EngineGarbled, match="1000"):
            await answer.read_all(limit=1000)


async def test_a_read_that_was_given_up_can_be_done_again(way: Way) -> None:
    async def engine(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED)
        await asyncio.sleep(0.1)
        await peer.send(chunk(b"late") + LAST)
        await peer.gone()

    async with way.asked(engine) as answer:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(answer.read(), 0.02)
        assert await answer.read() == b"late"


# What goes wrong


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        (b"", EngineBroke),
        (b"HTTP/1.1 200 OK\r\nContent-Le", EngineBroke),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", EngineBroke),
        (CHUNKED + chunk(b"half"), EngineBroke),
        (CHUNKED + b"10\r\nhalf", EngineBroke),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", EngineGarbled),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok", EngineGarbled),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", EngineGarbled),
        (b"HTTP/1.1 101 Away\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", EngineGarbled),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 80_000 + b"\r\n\r\n", EngineGarbled),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n", EngineGarbled),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000, EngineGarbled),
    ],
)
async def test_an_answer_that_is_none_is_an_error(
    way: Way, reply: bytes, fault: type[Exception]
) -> None:
    async def engine(peer: Peer) -> None:
        await peer.request()
        await peer.send(reply)

    async with way.talking_to(engine) as (client, server):
        with pytest.raises(fault, match=f"127.0.0.1:{server.port}"):
            async with await client.send("POST", "/", b"{}") as answer:
                await answer.read_all()
        assert len(server.heads) == 1


async def test_a_body_that_is_no_longer_http_is_garbled(way: Way) -> None:
    async def engine(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + chunk(b"one"))
        await peer.send(b"not a size\r\n")
        await peer.hang()

    async with way.talking_to(engine, timeout=0.5) as (client, _):
        with pytest.raises(EngineGarbled):
            async with await client.send("POST", "/", b"{}") as answer:
                await answer.read_all()


async def test_a_reset_in_the_middle_of_a_body_is_a_break(way: Way) -> None:
    async def engine(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + chunk(b"half"))
        await asyncio.sleep(0.05)
        peer.reset()

    async with way.asked(engine) as answer:
        assert await answer.read() == b"half"
        with pytest.raises(EngineBroke):
            await answer.read()


async def test_a_reset_before_any_answer_is_an_engine_out_of_reach(way: Way) -> None:
    async def engine(peer: Peer) -> None:
        await peer.request()
        peer.reset()

    async with way.talking_to(engine) as (client, server):
        with pytest.raises(EngineUnreachable, match=f"127.0.0.1:{server.port}"):
            await client.send("POST", "/", b"{}")


async def test_an_engine_that_does_not_listen_is_out_of_reach(way: Way) -> None:
    async with way.server(keeps_answering) as server:
        url = server.url
    async with way.client(url) as client:
        with pytest.raises(EngineUnreachable, match=f"127.0.0.1:{server.port}.*start it"):
            await client.send("POST", "/", b"{}")


async def test_a_host_without_an_address_is_out_of_reach(way: Way) -> None:
    scheme = "https" if way.name == "tls" else "http"
    async with way.client(f"{scheme}://engine.invalid:11434") as client:
        with pytest.raises(EngineUnreachable, match=r"engine.invalid:11434 is unknown"):
            await client.send("GET", "/")


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


async def test_a_machine_that_does_not_answer_is_out_of_reach(way: Way) -> None:
    scheme = "https" if way.name == "tls" else "http"
    async with (
        deaf() as port,
        way.client(f"{scheme}://127.0.0.1:{port}", connect_timeout=0.2) as client,
    ):
        with pytest.raises(EngineUnreachable, match=f"127.0.0.1:{port} within 0.2 s"):
            await client.send("GET", "/")


async def test_silence_before_the_head_is_a_timeout(way: Way) -> None:
    async with way.talking_to(replies(b""), timeout=0.2) as (client, server):
        started = time.monotonic()
        with pytest.raises(EngineTimeout, match=f"127.0.0.1:{server.port}.*0.2 s.*TIMEOUT"):
            await client.send("POST", "/", b"{}")
        assert 0.15 < time.monotonic() - started < 1
        await soon(server.peers[0])
        assert len(server.heads) == 1


async def test_silence_in_the_middle_of_a_body_is_a_timeout(way: Way) -> None:
    async with way.asked(replies(CHUNKED + chunk(b"one")), timeout=0.2) as answer:
        assert await answer.read() == b"one"
        with pytest.raises(EngineTimeout):
            await answer.read()


async def test_a_request_may_have_a_patience_of_its_own(way: Way) -> None:
    async with way.talking_to(replies(b""), timeout=60) as (client, _):
        with pytest.raises(EngineTimeout, match="0.1 s"):
            await client.send("GET", "/", timeout=0.1)
    async with way.talking_to(replies(OK, b""), timeout=60) as (client, server):
        assert await get(client) == b"ok"
        with pytest.raises(EngineTimeout, match="0.1 s"):
            await client.send("POST", "/", timeout=0.1)
        assert len(server.peers) == 1


async def test_a_stream_may_last_longer_than_any_wait(way: Way) -> None:
    async def engine(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED)
        for _ in range(8):
            await asyncio.sleep(0.1)
            await peer.send(chunk(b"x"))
        await peer.send(LAST)
        await peer.gone()

    async with way.talking_to(engine, timeout=0.4) as (client, _):
        assert await get(client) == b"x" * 8


async def test_a_slow_reader_is_not_the_engine_s_silence(way: Way) -> None:
    async with way.asked(replies(CHUNKED + chunk(b"one") + LAST), timeout=0.1) as answer:
        await asyncio.sleep(0.3)
        assert await answer.read_all() == b"one"


# Leaving


async def test_leaving_in_the_middle_of_a_body_closes_the_connection_at_once(way: Way) -> None:
    async with way.talking_to(replies(CHUNKED + chunk(b"one"))) as (client, server):
        async with await client.send("POST", "/", b"{}") as answer:
            assert await answer.read() == b"one"
        await soon(server.peers[0])


async def test_leaving_while_the_engine_sends_as_fast_as_it_can_stops_it(way: Way) -> None:
    stopped = asyncio.Event()

    async def engine(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED)
        try:
            while True:
                await peer.send(chunk(b"x" * 10_000))
        finally:
            stopped.set()

    async with way.talking_to(engine) as (client, _):
        async with await client.send("POST", "/", b"{}") as answer:
            await answer.read()
            await asyncio.sleep(0.05)
        async with asyncio.timeout(0.5):
            await stopped.wait()


async def test_a_cancelled_wait_for_the_head_closes_the_connection_at_once(way: Way) -> None:
    asked = asyncio.Event()

    async def engine(peer: Peer) -> None:
        await peer.request()
        asked.set()
        await peer.hang()

    async with way.talking_to(engine) as (client, server):
        task = asyncio.create_task(client.send("POST", "/", b"{}"))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await soon(server.peers[0])


async def test_a_cancelled_read_closes_the_connection_at_once(way: Way) -> None:
    reading = asyncio.Event()

    async def read(client: Client) -> None:
        async with await client.send("POST", "/", b"{}") as answer:
            await answer.read()
            reading.set()
            await answer.read()

    async with way.talking_to(replies(CHUNKED + chunk(b"one"))) as (client, server):
        task = asyncio.create_task(read(client))
        await reading.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await soon(server.peers[0])


async def test_a_cancelled_connect_leaves_nothing_open(way: Way) -> None:
    scheme = "https" if way.name == "tls" else "http"
    async with deaf() as port, way.client(f"{scheme}://127.0.0.1:{port}") as client:
        opened = []
        for _ in range(3):
            task = asyncio.create_task(client.send("GET", "/"))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.sleep(0.01)
            opened.append(open_files())
        assert opened[2] <= opened[0]


async def test_closing_the_client_ends_what_runs(way: Way) -> None:
    async with way.talking_to(replies(CHUNKED + chunk(b"one"))) as (client, server):
        async with await client.send("POST", "/", b"{}") as answer:
            assert await answer.read() == b"one"
            waiting = asyncio.create_task(answer.read())
            await asyncio.sleep(0)
            await client.close()
            with pytest.raises(EngineBroke):
                await waiting
        await soon(server.peers[0])
        with pytest.raises(EngineBroke, match="stopping"):
            await client.send("GET", "/")


# Using a connection again


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ],
)
async def test_a_connection_that_shall_close_is_not_used_again(way: Way, reply: bytes) -> None:
    async with way.talking_to(replies(reply)) as (client, server):
        for _ in range(2):
            assert await get(client) == b"ok"
        assert len(server.peers) == 2
        await soon(server.peers[0])


async def test_a_connection_closed_after_a_stream_costs_no_request(way: Way) -> None:
    """As llama-server does it: it promises to keep the connection, and closes it."""

    async def engine(peer: Peer) -> None:
        await peer.request()
        head = b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5, max=100\r\nTransfer-Encoding: chunked"
        await peer.send(head + b"\r\n\r\n" + chunk(b"data: [DONE]\n\n") + LAST)

    async with way.talking_to(engine) as (client, _):
        for _ in range(30):
            async with await client.send("POST", "/", b"{}") as answer:
                assert await answer.read_all() == b"data: [DONE]\n\n"


async def test_a_kept_connection_that_is_dead_is_replaced_once(way: Way) -> None:
    async def engine(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await peer.request()  # and closes in its face

    async with way.talking_to(engine) as (client, server):
        for _ in range(3):
            async with await client.send("POST", "/", b"{}") as answer:
                assert await answer.read_all() == b"ok"
        assert [len(peer.heads) for peer in server.peers] == [2, 2, 1]


async def test_a_fresh_connection_that_dies_is_not_tried_again(way: Way) -> None:
    async def engine(peer: Peer) -> None:
        await peer.request()

    async with way.talking_to(engine) as (client, server):
        with pytest.raises(EngineBroke, match="without an answer"):
            await client.send("POST", "/", b"{}")
        assert len(server.heads) == 1


async def test_an_answer_that_breaks_off_is_not_asked_for_again(way: Way) -> None:
    async def engine(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await peer.request()
        await peer.send(CHUNKED + chunk(b"half"))

    async with way.talking_to(engine) as (client, server):
        assert await get(client) == b"ok"
        with pytest.raises(EngineBroke):
            async with await client.send("POST", "/", b"{}") as answer:
                await answer.read_all()
        assert len(server.heads) == 2


async def test_an_answer_nobody_asked_for_is_given_to_nobody(way: Way) -> None:
    stray = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray"
    async with way.talking_to(replies(OK + stray, OK)) as (client, server):
        for _ in range(2):
            assert await get(client) == b"ok"
        assert len(server.peers) == 2


async def test_junk_on_an_idle_connection_closes_it(way: Way) -> None:
    idle, sent = asyncio.Event(), asyncio.Event()

    async def engine(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await idle.wait()
        await peer.send(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
        sent.set()
        await peer.gone()

    async with way.talking_to(engine) as (client, server):
        assert await get(client) == b"ok"
        idle.set()
        await sent.wait()
        await asyncio.sleep(0.05)
        assert await get(client) == b"ok"
        assert len(server.peers) == 2


async def test_no_cookie_is_kept(way: Way) -> None:
    reply = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\nok"
    async with way.talking_to(replies(reply, reply)) as (client, server):
        for _ in range(2):
            assert await get(client) == b"ok"
        assert b"cookie" not in server.heads[1].lower()


async def test_no_proxy_variable_is_heard(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.lower(), "http://127.0.0.1:9")
    async with way.talking_to(keeps_answering) as (client, _):
        assert await get(client) == b"ok"


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


async def test_a_thousand_requests_leave_nothing_behind(way: Way) -> None:
    async def engine(peer: Peer) -> None:
        while True:
            await peer.request()
            if peer.heads[-1].startswith(b"GET /cut"):
                await peer.send(CHUNKED + chunk(b"half"))
                await peer.gone()
            await peer.send(OK)

    async def ask(client: Client, i: int) -> None:
        async with await client.send("GET", "/cut" if i % 10 == 0 else "/") as answer:
            await answer.read()

    async with way.server(engine) as server:
        before, tasks = open_files(), len(asyncio.all_tasks())
        async with way.client(server.url) as client:
            for i in range(0, 1000, 20):
                await asyncio.gather(*[ask(client, i + j) for j in range(20)])
            if way.name != "tls":
                assert open_files() <= before + 40
        async with asyncio.timeout(1):
            while open_files() > before or len(asyncio.all_tasks()) > tasks:
                await asyncio.sleep(0.01)


def loopbacks() -> list[str]:
    """Not every machine, and hardly any container, has the second."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return ["127.0.0.1", "::1"]
    return ["127.0.0.1"]


@pytest.mark.parametrize("host", loopbacks())
async def test_an_address_may_be_of_either_kind(way: Way, host: str) -> None:
    async with way.server(keeps_answering, host) as server, way.client(server.url) as client:
        assert await get(client) == b"ok"
        assert f"Host: {server.url.partition('//')[2]}\r\n".encode() in server.heads[0]


async def test_an_address_may_be_a_name(way: Way) -> None:
    async with way.server(keeps_answering) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        async with way.client(url) as client:
            assert await get(client) == b"ok"
        assert f"Host: localhost:{server.port}\r\n".encode() in server.heads[0]


# Each client's own


async def test_an_idle_connection_is_closed_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_IDLE", 0.1)
    async with Raw(keeps_answering) as server:
        client = LeanClient(server.url, timeout=5)
        assert await get(client) == b"ok"
        await asyncio.sleep(0.07)
        assert await get(client) == b"ok"
        assert len(server.peers) == 1
        started = time.monotonic()
        await server.peers[0].gone()
        assert time.monotonic() - started < 0.5
        await client.close()


async def test_the_connection_used_last_is_used_next() -> None:
    async with Raw(keeps_answering) as server:
        client = LeanClient(server.url, timeout=5)
        await asyncio.gather(*[get(client) for _ in range(3)])
        await get(client)
        latest = [len(peer.heads) for peer in server.peers].index(2)
        for _ in range(5):
            await get(client)
        assert len(server.peers) == 3
        assert len(server.peers[latest].heads) == 7
        await client.close()


async def test_junk_behind_an_answer_spoils_the_connection_not_the_answer() -> None:
    async with Raw(replies(OK + b"junk", b"")) as server:
        client = LeanClient(server.url, timeout=5)
        for _ in range(2):
            assert await get(client) == b"ok"
        assert len(server.peers) == 2
        await client.close()


async def test_no_more_connections_are_kept_than_asked_for() -> None:
    async with Raw(keeps_answering) as server:
        client = LeanClient(server.url, timeout=5, max_idle=2)
        await asyncio.gather(*[get(client) for _ in range(5)])
        await asyncio.sleep(0.05)
        assert sum(peer.reader.at_eof() for peer in server.peers) == 3
        await client.close()


async def test_an_engine_whose_certificate_nobody_vouches_for_is_out_of_reach(
    authority: tuple[Path, ssl.SSLContext],
) -> None:
    async with Raw(keeps_answering, authority[1]) as server:
        client = SessionClient(server.url, timeout=5)
        with pytest.raises(EngineUnreachable, match="ca_file"):
            await client.send("GET", "/")
        await client.close()


async def test_an_engine_without_tls_is_told_apart() -> None:
    async def engine(peer: Peer) -> None:
        await peer.reader.read(100)
        await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with Raw(engine) as server:
        client = SessionClient(server.url.replace("http:", "https:"), timeout=5)
        with pytest.raises(EngineUnreachable, match="does not speak TLS"):
            await client.send("GET", "/")
        await client.close()


async def test_the_scheme_chooses_the_client_and_the_key_goes_along(
    authority: tuple[Path, ssl.SSLContext],
) -> None:
    file, context = authority
    for tls in (None, context):
        async with Raw(keeps_answering, tls) as server:
            client = open_client(
                EngineSettings("a", "openai", server.url, key="sk-1", ca_file=str(file))
            )
            async with await client.send("POST", "/v1/chat/completions", b"{}"):
                pass
            assert b"\r\nAuthorization: Bearer sk-1\r\n" in server.heads[0]
            await client.close()
