"""Connections at the short door: what they may do, and when they go to the other one."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import orjson
import pytest

from _llamagate.call import Answer, Flow, Post
from _llamagate.door import client
from _llamagate.errors import NoSuchModel
from _llamagate.exchange import Event, Text
from tests.conftest import Running
from tests.fakes.bare import Bare, bare

Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def echo(post: Post) -> Answer:
    return Answer(b"<%b>" % post.body)


def asking(body: bytes, path: str = "/", *headers: str) -> bytes:
    """A request as plain as can be. One of `/?x` goes through aiohttp's door."""
    lines = [f"POST {path} HTTP/1.1", "Host: h", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def dial(served: Bare) -> Peer:
    return await asyncio.open_connection("127.0.0.1", served.port)


async def answer(peer: Peer) -> tuple[int, dict[str, str], bytes]:
    async with asyncio.timeout(5):
        raw = await peer[0].readuntil(b"\r\n\r\n")
        first, *lines = raw.decode().strip().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        body = await peer[0].readexactly(int(headers["Content-Length"]))
        return int(first.split()[1]), headers, body


async def ended(peer: Peer) -> bool:
    try:
        async with asyncio.timeout(5):
            return await peer[0].read(1) == b""
    finally:
        peer[1].close()


async def test_requests_are_answered_one_after_the_other() -> None:
    async with bare(echo) as served:
        peer = await dial(served)
        for body in (b"one", b"", b"three"):
            peer[1].write(asking(body))
            assert (await answer(peer))[::2] == (200, b"<%b>" % body)
        peer[1].close()
    assert [line["path"] for line in served.lines()] == ["/", "/", "/"]


async def test_requests_that_come_at_once_are_answered_in_order() -> None:
    async with bare(echo) as served:
        peer = await dial(served)
        peer[1].write(b"".join(asking(b"%d" % number) for number in range(50)))
        for number in range(50):
            assert (await answer(peer))[2] == b"<%d>" % number
        peer[1].close()


async def test_who_sends_more_than_a_door_holds_is_answered_once_more() -> None:
    async def slow(post: Post) -> Answer:
        await asyncio.sleep(0.1)
        return Answer(b"%d" % len(post.body))

    async with bare(slow) as served:
        peer = await dial(served)
        peer[1].write(asking(b"x" * 100_000) * 30)
        _, headers, body = await answer(peer)
        assert (headers["Connection"], body) == ("close", b"100000")
        assert await ended(peer)


async def test_who_leaves_with_much_behind_the_request_is_noticed() -> None:
    begun, over = asyncio.Event(), asyncio.Event()

    async def waits(post: Post) -> Answer:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            over.set()
        return Answer()

    async with bare(waits) as served:
        peer = await dial(served)
        peer[1].write(asking(b"x" * 100_000) * 20)
        await begun.wait()
        await asyncio.sleep(0.05)
        peer[1].transport.abort()
        async with asyncio.timeout(2):
            await over.wait()


async def test_who_reads_no_answers_gets_no_more_of_them() -> None:
    asked = 0

    async def large(post: Post) -> Answer:
        nonlocal asked
        asked += 1
        return Answer(b"x" * 1_000_000)

    async with bare(large) as served:
        peer = await dial(served)
        peer[1].transport.pause_reading()  # type: ignore[attr-defined]  # a reader's transport is both
        for _ in range(100):
            peer[1].write(asking(b"more"))
            await asyncio.sleep(0.005)
        assert asked < 50
        peer[1].transport.abort()


async def test_who_reads_no_answer_is_sent_away_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "OPENING", 0.2)
    monkeypatch.setattr(client, "IDLE", 0.2)

    async def huge(post: Post) -> Answer:
        return Answer(b"x" * 30_000_000)

    async with bare(huge) as served:
        peer = await dial(served)
        peer[1].write(asking(b"more"))
        await asyncio.sleep(1)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await answer(peer)
        peer[1].close()


async def test_who_leaves_what_others_wait_for_leaves_nothing_behind() -> None:
    go = asyncio.Event()

    async def shared(post: Post) -> Answer:
        post.call.shared = True
        await go.wait()
        return Answer(b"for others")

    async with bare(shared) as served:
        peer = await dial(served)
        peer[1].write(asking(b"one"))
        while not served.running:
            await asyncio.sleep(0.01)
        (task,) = served.running
        peer[1].transport.abort()
        await asyncio.sleep(0.05)
        go.set()
        async with asyncio.timeout(1):
            await asyncio.wait([task])


async def test_a_body_that_is_coming_may_still_come_when_the_listener_stops() -> None:
    async with bare(echo) as served:
        peer = await dial(served)
        peer[1].write(asking(b"a body")[:-3])
        await asyncio.sleep(0.05)
        served.listener.stop_accepting()
        await asyncio.sleep(0.05)
        peer[1].write(b"ody")
        _, headers, body = await answer(peer)
        assert (headers["Connection"], body) == ("close", b"<a body>")
        assert await ended(peer)


@pytest.mark.parametrize("size", [1, 40, 75, 100])
async def test_a_request_may_come_in_pieces(size: int) -> None:
    async with bare(echo) as served:
        peer = await dial(served)
        request = asking(b"a body of some length")
        for start in range(0, len(request), size):
            peer[1].write(request[start : start + size])
            await asyncio.sleep(0.002)
        assert (await answer(peer))[::2] == (200, b"<a body of some length>")
        peer[1].close()


@pytest.mark.parametrize("body", [b"x" * 300_000, b"x" * 100])
async def test_a_connection_goes_to_the_other_door_and_stays_there(body: bytes) -> None:
    other = "/" if len(body) > 256 * 1024 else "/?x"
    async with bare(echo) as served:
        peer = await dial(served)
        for one, path in ((b"one", "/"), (body, other), (b"two", "/"), (b"three", "/?x")):
            peer[1].write(asking(one, path))
            assert (await answer(peer))[::2] == (200, b"<%b>" % one)
        peer[1].close()


async def test_one_that_waits_behind_another_goes_there_too() -> None:
    async with bare(echo) as served:
        peer = await dial(served)
        peer[1].write(asking(b"one") + asking(b"two", "/?x") + asking(b"three"))
        for body in (b"one", b"two", b"three"):
            assert (await answer(peer))[::2] == (200, b"<%b>" % body)
        peer[1].close()


async def test_both_doors_say_the_same(gateway: Running) -> None:
    port = int(gateway.url.rpartition(":")[2])
    path = "/v1/chat/completions"
    sent = {"model": "llama3.1:8b", "messages": [{"role": "user", "content": "hi"}]}
    bodies = [
        sent,
        {**sent, "model": "nowhere"},
        {**sent, "temperature": "hot"},
        {**sent, "made_up": 1},
        {**sent, "made\r\nup\0": 1},
        {**sent, "n": 2, "stream": True},
    ]
    origin = "Origin: http://localhost:3000"
    for body in map(orjson.dumps, [*bodies, "no object"]):
        told = []
        for where in (path, f"{path}?x"):
            peer = await asyncio.open_connection("127.0.0.1", port)
            peer[1].write(asking(body, where, origin, "Cache-Control: no-cache"))
            async with asyncio.timeout(5):
                head = (await peer[0].readuntil(b"\r\n\r\n")).decode().split("\r\n")
            peer[1].close()
            told.append(sorted(filter(None, map(same, head))))
        assert told[0] == told[1]


def same(line: str) -> str:
    """A line of a head, without what two answers never share."""
    name, _, value = line.partition(": ")
    changing = ("date", "x-request-id", "x-ratelimit-remaining-requests", "content-length")
    return f"{name.lower()}: " if name.lower() in changing else f"{name.lower()}: {value}"


async def test_an_error_has_the_shape_of_the_dialect() -> None:
    async def refuses(post: Post) -> Answer:
        raise NoSuchModel.named("nobody")

    async with bare(refuses) as served:
        peer = await dial(served)
        for _ in range(2):
            peer[1].write(asking(b"{}"))
            status, headers, body = await answer(peer)
            assert (status, orjson.loads(body)["error"]["code"]) == (404, "model_not_found")
            assert headers["Content-Type"] == "application/json"
        peer[1].close()


async def test_a_fault_of_ours_is_one_request_s_and_not_the_connection_s() -> None:
    async def fails(post: Post) -> Answer:
        raise ZeroDivisionError

    async with bare(fails) as served:
        peer = await dial(served)
        for _ in range(2):
            peer[1].write(asking(b"{}"))
            assert (await answer(peer))[0] == 500
        peer[1].close()


@pytest.mark.parametrize("left_after", [b"POST / HT", asking(b"{}")[:-1], asking(b"{}")])
async def test_a_client_may_leave_at_any_time(left_after: bytes) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def waits(post: Post) -> Answer:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return Answer()

    async with bare(waits) as served:
        peer = await dial(served)
        peer[1].write(left_after)
        if left_after == asking(b"{}"):
            await begun.wait()
            peer[1].close()
            async with asyncio.timeout(1):
                await ended.wait()
        else:
            await asyncio.sleep(0.05)
            peer[1].close()
            await asyncio.sleep(0.05)
            assert not begun.is_set()


async def test_a_body_that_is_too_slow_is_refused_by_the_other_door(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client, "OPENING", 0.1)
    monkeypatch.setattr(client, "IDLE", 0.2)
    monkeypatch.setattr("_llamagate.dialects.base._PATIENCE", 0.1)
    async with bare(echo) as served:
        peer = await dial(served)
        peer[1].write(asking(b"half a body")[:-4])
        assert (await answer(peer))[0] == 400
        peer[1].close()


async def test_who_says_nothing_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "OPENING", 0.1)
    async with bare(echo) as served:
        assert await ended(await dial(served))


async def test_who_asks_nothing_more_is_kept_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "OPENING", 0.1)
    monkeypatch.setattr(client, "IDLE", 0.3)
    async with bare(echo) as served:
        peer = await dial(served)
        peer[1].write(asking(b"one"))
        await answer(peer)
        await asyncio.sleep(0.2)
        peer[1].write(asking(b"two"))
        assert (await answer(peer))[2] == b"<two>"
        assert await ended(peer)


async def test_a_long_answer_is_not_taken_for_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "OPENING", 0.1)
    monkeypatch.setattr(client, "IDLE", 0.1)

    async def slow(post: Post) -> Answer:
        await asyncio.sleep(0.4)
        return Answer(b"done")

    async with bare(slow) as served:
        peer = await dial(served)
        peer[1].write(asking(b"one"))
        assert (await answer(peer))[2] == b"done"
        peer[1].close()


async def test_closing_the_listener_lets_those_go_who_wait_for_nothing() -> None:
    async with bare(echo) as served:
        fresh, used = await dial(served), await dial(served)
        used[1].write(asking(b"one"))
        await answer(used)
    assert await ended(fresh)
    assert await ended(used)


async def test_the_last_answer_says_so() -> None:
    served_to: list[Any] = []
    go = asyncio.Event()

    async def waits(post: Post) -> Answer:
        served_to.append(post)
        await go.wait()
        return Answer(b"done")

    async with bare(waits) as served:
        peer = await dial(served)
        peer[1].write(asking(b"one"))
        while not served_to:
            await asyncio.sleep(0.01)
        served.listener.stop_accepting()
        go.set()
        _, headers, body = await answer(peer)
        assert (headers["Connection"], body) == ("close", b"done")
        assert await ended(peer)


async def test_a_stream_is_followed_by_another_request() -> None:
    async def words() -> AsyncGenerator[list[Event], None]:
        yield [Text("one")]
        yield [Text("two")]

    class Words:
        def feed(self, events: list[Event]) -> bytes:
            return b"".join(event.text.encode() for event in events if isinstance(event, Text))

        def end(self) -> bytes:
            return b""

        def fail(self, error: Exception, request_id: str) -> bytes:
            return b""

    async def streams(post: Post) -> Flow:
        return Flow(words(), Words(), {"X-Own": "1"}, b": .\n\n", 5)

    async with bare(streams) as served:
        peer = await dial(served)
        for _ in range(2):
            peer[1].write(asking(b"{}"))
            head = await peer[0].readuntil(b"\r\n\r\n")
            assert b"Transfer-Encoding: chunked" in head
            assert await peer[0].readuntil(b"0\r\n\r\n") == b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
        peer[1].close()
