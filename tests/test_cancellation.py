"""A client that leaves stops the engine within a second, wherever its request is just then.

Each way is tried twenty times, and a few times in every dialect, under the real server: aiohttp's
test server would cancel handlers even where the product forgot to ask for it.
"""

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Running, StartGateway
from tests.dialects.speaking import DIALECTS, Dialect, Wish, spelt
from tests.fakes.ollama import Answer, FakeOllama
from tests.fakes.openai import Habits, OpenAIServer

_TIMES = 20
_TIMES_EACH = 3
_LONG = Answer(pieces=("word ",) * 2000, pace=0.02)


def _chat(**more: Any) -> dict[str, Any]:
    return {"model": "llama3.2", "messages": [{"role": "user", "content": "go on"}], **more}


async def _gone(gateway: Running, ollama: FakeOllama, left: int) -> None:
    """The engine has stopped, and nothing of the request is left in the gateway."""
    await ollama.until(lambda: ollama.running == 0 and ollama.cancelled >= left, timeout=1.0)
    await ollama.until(lambda: not gateway.server.gateway.running, timeout=1.0)
    assert gateway.server.gateway.queue.snapshot() == []


async def test_in_mid_stream(gateway: Running, ollama: FakeOllama) -> None:
    ollama.answer = _LONG
    for left in range(1, _TIMES + 1):
        async with gateway.session.post(
            f"{gateway.url}/v1/chat/completions", json=_chat(stream=True)
        ) as answer:
            await answer.content.readline()
            answer.close()
        await _gone(gateway, ollama, left)


async def test_while_waiting_for_a_plain_answer(gateway: Running, ollama: FakeOllama) -> None:
    ollama.answer = _LONG
    for left in range(1, _TIMES + 1):
        request = asyncio.ensure_future(gateway.json("POST", "/v1/chat/completions", json=_chat()))
        await ollama.until(lambda: ollama.running == 1)
        request.cancel()
        await _gone(gateway, ollama, left)


async def test_nothing_is_left_for_the_search_for_garbage(
    gateway: Running, ollama: FakeOllama
) -> None:
    """It comes by too seldom for those who leave in numbers."""
    ollama.answer = _LONG
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for left in range(1, 6):
            body = _chat(stream=left % 2 == 0)
            asked = asyncio.ensure_future(_text(gateway, body))
            await ollama.until(lambda: ollama.running == 1)
            asked.cancel()
            await _gone(gateway, ollama, left)
        await asyncio.sleep(0.1)
        gc.collect()
        found = {type(one).__qualname__ for one in gc.garbage if _ours(one)}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert found == set()


def _ours(thing: object) -> bool:
    return type(thing).__module__.startswith("_llamagate")


async def test_before_the_first_token(gateway: Running, ollama: FakeOllama) -> None:
    ollama.answer = Answer(first=30)
    for left in range(1, _TIMES + 1):
        request = asyncio.ensure_future(
            gateway.json("POST", "/v1/chat/completions", json=_chat(stream=True))
        )
        await ollama.until(lambda: ollama.running == 1)
        request.cancel()
        await _gone(gateway, ollama, left)


async def test_while_waiting_in_the_queue_the_engine_never_sees_it(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, SLOTS="1")
    ollama.answer = _LONG
    first = asyncio.ensure_future(gateway.json("POST", "/v1/chat/completions", json=_chat(seed=1)))
    await ollama.until(lambda: ollama.running == 1)
    for number in range(_TIMES):
        waiting = asyncio.ensure_future(
            gateway.json("POST", "/v1/chat/completions", json=_chat(seed=100 + number))
        )
        await ollama.until(lambda: gateway.server.gateway.queue.waiting() == 1)
        waiting.cancel()
        await ollama.until(lambda: gateway.server.gateway.queue.waiting() == 0, timeout=1.0)
    assert len(ollama.generations) == 1
    first.cancel()
    await _gone(gateway, ollama, 1)


@pytest.mark.parametrize("stream", [False, True])
async def test_of_those_who_share_a_flight_the_others_get_theirs(
    gateway: Running, ollama: FakeOllama, stream: bool
) -> None:
    ollama.answer = Answer(pieces=("one ", "two ", "three"), pace=0.05)
    for number in range(_TIMES):
        asked = _chat(temperature=0, seed=number, stream=stream)
        requests = [asyncio.ensure_future(_text(gateway, asked)) for _ in range(3)]
        await ollama.until(lambda: ollama.running == 1)
        await asyncio.sleep(0.02)
        requests[0].cancel()
        kept = await asyncio.gather(*requests[1:])
        assert all("three" in text for text in kept)
    assert len(ollama.generations) == _TIMES
    assert ollama.cancelled == 0


async def test_the_last_one_to_leave_ends_a_flight(gateway: Running, ollama: FakeOllama) -> None:
    ollama.answer = _LONG
    for left in range(1, _TIMES + 1):
        asked = _chat(seed=left)
        requests = [
            asyncio.ensure_future(gateway.json("POST", "/v1/chat/completions", json=asked))
            for _ in range(2)
        ]
        await ollama.until(lambda: ollama.running == 1)
        for request in requests:
            request.cancel()
        await _gone(gateway, ollama, left)


async def test_the_gauge_of_requests_in_flight_is_back_at_zero(
    gateway: Running, ollama: FakeOllama
) -> None:
    ollama.answer = _LONG
    request = asyncio.ensure_future(gateway.json("POST", "/v1/chat/completions", json=_chat()))
    await ollama.until(lambda: ollama.running == 1)
    request.cancel()
    await _gone(gateway, ollama, 1)
    async with gateway.session.get(f"{gateway.url}/metrics") as answer:
        text = await answer.text()
    assert "llamagate_requests_in_flight 0.0" in text
    assert "llamagate_cancelled_requests_total 1.0" in text


every_dialect = pytest.mark.parametrize(
    ("dialect", "stream"),
    [(one, stream) for one in DIALECTS for stream in ((False, True) if one.streams else (False,))],
    ids=spelt,
)


@every_dialect
@pytest.mark.parametrize("answer", [_LONG, Answer(first=30)], ids=["midway", "unanswered"])
async def test_in_every_dialect_before_an_ollama(
    gateway: Running, ollama: FakeOllama, dialect: Dialect, stream: bool, answer: Answer
) -> None:
    ollama.answer = answer
    for left in range(1, _TIMES_EACH + 1):
        begun = stream and answer is _LONG
        await _leave(gateway, dialect, Wish(stream=stream), lambda: ollama.running, begun=begun)
        await _gone(gateway, ollama, left)


@every_dialect
async def test_in_every_dialect_before_an_engine_of_openais_wire(
    start_gateway: StartGateway, dialect: Dialect, stream: bool
) -> None:
    async with OpenAIServer(Habits(words=("word ",) * 2000, pace=0.02)) as server:
        gateway = await start_gateway(OLLAMA_HOST="none", OPENAI_ENGINES=f"box={server.url}")
        for left in range(1, _TIMES_EACH + 1):
            wish = Wish("toy", stream)
            await _leave(gateway, dialect, wish, lambda: server.running, begun=stream)
            await _until(lambda: server.running == 0 and not gateway.server.gateway.running)
            assert len(server.asked) == left
            assert gateway.server.gateway.queue.snapshot() == []


async def _leave(
    gateway: Running, dialect: Dialect, wish: Wish, running: Callable[[], int], *, begun: bool
) -> None:
    """Ask, and go: once the answer has `begun`, or else once the engine works on it."""
    asked = gateway.session.post(
        gateway.url + dialect.path, json=dialect.ask(wish), headers=dialect.headers
    )
    if begun:
        async with asked as answer:
            assert await answer.content.readline()
            answer.close()
        return
    request = asyncio.ensure_future(_whole(asked))
    await _until(lambda: running() == 1)
    request.cancel()


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(1):
        while not condition():
            await asyncio.sleep(0.002)


async def _whole(asked: Any) -> bytes:
    async with asked as answer:
        found: bytes = await answer.read()
        return found


async def _text(gateway: Running, asked: dict[str, Any]) -> str:
    async with gateway.session.post(f"{gateway.url}/v1/chat/completions", json=asked) as answer:
        return await answer.text()
