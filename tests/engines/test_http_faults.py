"""Both clients against servers that do what real ones do at their worst."""

import asyncio
import time

import pytest

from _llamagate.errors import (
    EngineBroke,
    EngineGarbled,
    EngineTimeout,
    EngineUnreachable,
)
from tests.engines.ways import (
    CHUNKED,
    LAST,
    OK,
    Way,
    chunk,
    deaf,
    get,
    keeps_answering,
    replies,
    soon,
)
from tests.fakes.raw import Peer

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
