"""Streams on their way out, through both doors: heads, signs of life, faults, and clients that do
not read."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable

import aiohttp
import orjson
import pytest
from yarl import URL

from _llamagate.call import STOPPING, Ask, Flow, Post
from _llamagate.dialects import outgoing
from _llamagate.errors import EngineBroke, GatewayError
from _llamagate.exchange import Event, Text, Waiting
from tests.fakes.bare import Bare, bare

Made = Callable[[], AsyncGenerator[list[Event], None]]


class Words:
    """A renderer whose words can be counted."""

    def feed(self, events: list[Event]) -> bytes:
        return b"".join(event.text.encode() for event in events if isinstance(event, Text))

    def end(self) -> bytes:
        return b"<end>"

    def fail(self, error: GatewayError, request_id: str) -> bytes:
        return f"<{error.code}>".encode()


@pytest.fixture(params=["short", "aiohttp's"])
def path(request: pytest.FixtureRequest) -> str:
    """By which a POST finds its door: the short one takes no query."""
    return "/" if request.param == "short" else "/?x"


def streaming(made: Made, every: float = 5.0, sign: bytes = b": .\n\n") -> Ask:
    async def ask(post: Post) -> Flow:
        return Flow(made(), Words(), {"X-Own": "1"}, sign, every)

    return ask


async def get(served: Bare, path: str) -> tuple[int, bytes]:
    async with aiohttp.request("POST", url(served, path), data=b"{}") as answer:
        return answer.status, await answer.read()


def url(served: Bare, path: str) -> URL:
    return URL(served.url + path, encoded=True)


async def test_pieces_go_out_as_they_come_and_then_the_end(path: str) -> None:
    async def words() -> AsyncGenerator[list[Event], None]:
        yield [Text("one "), Text("two ")]
        yield [Text("")]
        yield [Text("three")]

    async with (
        bare(streaming(words)) as served,
        aiohttp.request("POST", url(served, path), data=b"{}") as answer,
    ):
        assert answer.headers["X-Own"] == "1"
        assert await answer.read() == b"one two three<end>"


@pytest.mark.parametrize(
    ("first_line", "framed"),
    [
        (b"GET / HTTP/1.1", b"5\r\none, \r\n5\r\ntwo, \r\n5\r\nthree\r\n5\r\n<end>\r\n0\r\n\r\n"),
        (b"GET / HTTP/1.0", b"one, two, three<end>"),
    ],
)
async def test_pieces_are_framed_as_the_client_s_http_has_it(
    first_line: bytes, framed: bytes
) -> None:
    async def words() -> AsyncGenerator[list[Event], None]:
        for word in ("one, ", "two, ", "three"):
            yield [Text(word)]

    async with bare(streaming(words)) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(first_line + b"\r\nHost: here\r\nConnection: close\r\n\r\n")
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
    assert b" 200 " in head
    assert body == framed


async def test_a_stream_of_nothing_has_a_head_and_an_end(path: str) -> None:
    async def nothing() -> AsyncGenerator[list[Event], None]:
        return
        yield []

    async with bare(streaming(nothing)) as served:
        assert await get(served, path) == (200, b"<end>")


async def test_an_error_before_the_first_piece_is_an_answer_of_its_own(path: str) -> None:
    async def fails() -> AsyncGenerator[list[Event], None]:
        raise EngineBroke("It broke.")
        yield []

    async with bare(streaming(fails)) as served:
        status, body = await get(served, path)
    assert (status, orjson.loads(body)["error"]["code"]) == (502, "engine_broke_off")


async def test_an_error_after_it_travels_in_the_stream_and_is_in_the_log(path: str) -> None:
    async def fails() -> AsyncGenerator[list[Event], None]:
        yield [Text("one")]
        raise EngineBroke("It broke.")

    async with bare(streaming(fails)) as served:
        assert await get(served, path) == (200, b"one<engine_broke_off>")
    assert served.lines()[-1]["error"] == "engine_broke_off"


async def test_a_fault_of_ours_in_mid_stream_breaks_it_off(path: str) -> None:
    async def fails() -> AsyncGenerator[list[Event], None]:
        yield [Text("one")]
        raise ZeroDivisionError

    async with bare(streaming(fails)) as served:
        with pytest.raises(aiohttp.ClientPayloadError):
            await get(served, path)
        fault, access = [line for line in served.lines() if line["level"] == "error"]
    assert fault["error"].startswith("ZeroDivisionError at ")
    assert (access["status"], access["error"]) == (500, "internal_error")


async def test_events_are_closed_when_the_client_leaves(path: str) -> None:
    closed = asyncio.Event()

    async def endless() -> AsyncGenerator[list[Event], None]:
        try:
            while True:
                yield [Text("word ")]
                await asyncio.sleep(0.01)
        finally:
            closed.set()

    async with bare(streaming(endless)) as served:
        async with aiohttp.request("POST", url(served, path), data=b"{}") as answer:
            await answer.content.readany()
        async with asyncio.timeout(1):
            await closed.wait()


async def test_silence_is_broken_again_and_again(path: str) -> None:
    async def slow() -> AsyncGenerator[list[Event], None]:
        await asyncio.sleep(0.35)
        yield [Text("one")]
        await asyncio.sleep(0.25)
        yield [Text("two")]

    async with bare(streaming(slow, 0.1, b".")) as served:
        assert await get(served, path) == (200, b"...one..two<end>")


async def test_an_error_after_a_sign_of_life_travels_in_the_stream(path: str) -> None:
    async def fails() -> AsyncGenerator[list[Event], None]:
        await asyncio.sleep(0.15)
        raise EngineBroke("It broke.")
        yield []

    async with bare(streaming(fails, 0.1, b".")) as served:
        assert await get(served, path) == (200, b".<engine_broke_off>")


async def test_a_place_in_the_queue_is_told_once_the_head_is_out(path: str) -> None:
    async def waits() -> AsyncGenerator[list[Event], None]:
        yield [Waiting(3, 900)]
        await asyncio.sleep(0.15)
        yield [Waiting(2, 600)]
        yield [Text("one")]

    async with bare(streaming(waits, 0.1, b": .\n\n")) as served:
        told = b": .\n\n: place 2 in the queue, about 600 ms\n\none<end>"
        assert await get(served, path) == (200, told)
    async with bare(streaming(waits, 0.1, b" ")) as served:
        assert await get(served, path) == (200, b" one<end>")


async def test_a_stream_that_is_stopped_says_so(path: str) -> None:
    begun = asyncio.Event()

    async def endless() -> AsyncGenerator[list[Event], None]:
        yield [Text("one")]
        begun.set()
        await asyncio.sleep(60)

    async with bare(streaming(endless)) as served:
        request = asyncio.ensure_future(get(served, path))
        await begun.wait()
        for task in served.running:
            task.cancel(STOPPING)
        assert await request == (200, b"one<unavailable>")


@pytest.mark.parametrize("engine", ["goes on", "falls silent"])
async def test_a_client_that_reads_nothing_is_given_up_in_the_end(
    path: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "_PATIENCE", 0.3)
    closed = asyncio.Event()

    async def flood() -> AsyncGenerator[list[Event], None]:
        try:
            while engine == "goes on":
                yield [Text("x" * 100_000)]
            yield [Text("x" * 30_000_000)]
            await asyncio.sleep(60)
        finally:
            closed.set()

    async with bare(streaming(flood, 0.1, b".")) as served:
        _, writer = await asyncio.open_connection("127.0.0.1", served.port, limit=1)
        line = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n"
        writer.write(line.encode())
        began = time.monotonic()
        async with asyncio.timeout(5):
            await closed.wait()
        assert time.monotonic() - began > 0.3
        writer.close()
