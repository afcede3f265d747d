"""Both clients, over real sockets: what is sent, and what comes back."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from _llamagate.errors import (
    EngineGarbled,
    EngineTimeout,
    InvalidRequest,
    TooLarge,
)
from tests.engines.ways import (
    CHUNKED,
    LAST,
    OK,
    Way,
    chunk,
    get,
    keeps_answering,
    replies,
    soon,
)
from tests.fakes.raw import Peer

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
        while not server.peers:  # it may take longer to notice that somebody came
            await asyncio.sleep(0.01)
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
