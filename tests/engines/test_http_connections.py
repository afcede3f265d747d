"""Connections of both clients: left, kept, used again, and closed in the end."""

import asyncio
import contextlib
import os
import socket
import ssl
import time
from pathlib import Path

import pytest

from _llamagate.config import EngineSettings
from _llamagate.engines import connection
from _llamagate.engines.dial import open_client
from _llamagate.engines.http import Client
from _llamagate.engines.lean import LeanClient
from _llamagate.engines.session import SessionClient
from _llamagate.errors import (
    EngineBroke,
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
from tests.fakes.raw import Peer, Raw

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
