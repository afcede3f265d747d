"""A client that leaves stops the engine within a second, wherever its request is just then.

Each way is tried twenty times, under the real server: aiohttp's test server would cancel handlers
even where the product forgot to ask for it.
"""

import asyncio
from typing import Any

import pytest

from tests.conftest import Running, StartGateway
from tests.fakes.ollama import Answer, FakeOllama

_TIMES = 20
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


async def _text(gateway: Running, asked: dict[str, Any]) -> str:
    async with gateway.session.post(f"{gateway.url}/v1/chat/completions", json=asked) as answer:
        return await answer.text()
