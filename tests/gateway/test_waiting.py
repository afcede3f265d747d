"""What those who wait for their turn are told of it."""

import asyncio

import pytest

from tests.conftest import StartGateway
from tests.fakes.ollama import Answer, FakeOllama

HI = [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/responses"])
async def test_a_stream_that_waits_tells_its_place_and_how_long_it_may_take(
    start_gateway: StartGateway, ollama: FakeOllama, path: str
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, SLOTS="1", KEEPALIVE="0.1s")
    ollama.answer = Answer("ok", first=1.2)
    words = {"input": "Hi"} if path == "/v1/responses" else {"messages": HI, "max_tokens": 9}
    body = {"model": "llama3.2", **words}
    url = gateway.url + path

    async def ask(stream: bool) -> tuple[int, int, str]:
        headers = {"Cache-Control": "no-store"}
        call = gateway.session.post(url, json={**body, "stream": stream}, headers=headers)
        async with call as answer:
            position = int(answer.headers.get("x-queue-position", 0))
            wait = int(answer.headers.get("x-queue-wait-ms", 0))
            return position, wait, await answer.text()

    others = [asyncio.ensure_future(ask(False)) for _ in range(2)]
    await ollama.until(lambda: ollama.running == 1)
    while gateway.server.gateway.queue.waiting() < 1:
        await asyncio.sleep(0.01)
    position, wait, text = await ask(True)
    assert position == 2
    assert wait >= 1000  # not yet waited, but to be expected
    assert ": place 1 in the queue, about " in text
    waited = (await asyncio.gather(*others))[1]
    assert waited[0] == 1
    assert 900 < waited[1] < 2000  # waited
