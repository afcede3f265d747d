"""Embeddings take the same way to an engine as a chat: names, turns, fail-over, usage."""

import asyncio
from typing import Any

import aiohttp
import pytest

from tests.conftest import Running, StartGateway
from tests.fakes.ollama import Answer, FakeModel, FakeOllama, Fault

MODEL = FakeModel("nomic-embed-text:latest", ("embedding",))
PATH = "/v1/embeddings"


async def embed(gateway: Running, **more: Any) -> tuple[int, Any]:
    body = {"model": "nomic-embed-text", "input": ["one", "two words"], **more}
    return await gateway.json("POST", PATH, json=body)


def engines(bad: FakeOllama, good: FakeOllama) -> str:
    return (
        f'[[engines]]\nname = "bad"\nkind = "ollama"\nurl = "{bad.url}"\nweight = 1000\n'
        f'[[engines]]\nname = "good"\nkind = "ollama"\nurl = "{good.url}"\n'
    )


@pytest.mark.parametrize(
    "fault", [Fault.cut(), Fault.answer(503), Fault.answer(500), Fault.garbage()]
)
async def test_an_engine_that_fails_is_replaced(start_gateway: StartGateway, fault: Fault) -> None:
    async with FakeOllama(MODEL) as bad, FakeOllama(MODEL) as good:
        bad.faults["/api/embed"] = fault
        gateway = await start_gateway(toml=engines(bad, good))
        await gateway.server.gateway.pool.refresh()
        status, found = await embed(gateway)
        assert (status, len(found["data"])) == (200, 2)
        assert bad.seen("/api/embed")
        assert len(good.seen("/api/embed")) == 1
        assert gateway.lines()[-1]["engine"] == "good"


async def test_when_all_fail_the_last_error_is_told(start_gateway: StartGateway) -> None:
    async with FakeOllama(MODEL) as bad, FakeOllama(MODEL) as good:
        bad.faults["/api/embed"] = good.faults["/api/embed"] = Fault.answer(500, "out of memory")
        gateway = await start_gateway(toml=engines(bad, good))
        await gateway.server.gateway.pool.refresh()
        status, found = await embed(gateway)
        assert (status, found["error"]["message"]) == (502, "out of memory")


async def test_a_refusal_is_the_answer(gateway: Running, ollama: FakeOllama) -> None:
    ollama.faults["/api/embed"] = Fault.answer(400, "the input length exceeds the context length")
    status, found = await embed(gateway)
    assert (status, found["error"]["type"]) == (400, "invalid_request_error")
    assert "exceeds" in found["error"]["message"]


async def test_they_wait_for_their_turn(start_gateway: StartGateway, ollama: FakeOllama) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, SLOTS="1")
    ollama.answer = Answer(first=0.1)
    url = gateway.url + PATH

    async def one(number: int) -> aiohttp.ClientResponse:
        body = {"model": "nomic-embed-text", "input": str(number)}
        async with gateway.session.post(url, json=body) as answer:
            assert answer.status == 200
            return answer

    answers = await asyncio.gather(*(one(number) for number in range(3)))
    places = sorted(answer.headers.get("x-queue-position", "0") for answer in answers)
    assert places == ["0", "1", "2"]
    assert ollama.most["nomic-embed-text:latest"] == 1


async def test_a_client_that_leaves_stops_the_engine(gateway: Running, ollama: FakeOllama) -> None:
    ollama.answer = Answer(first=30)
    request = asyncio.ensure_future(embed(gateway))
    await ollama.until(lambda: ollama.running == 1)
    request.cancel()
    await ollama.until(lambda: ollama.running == 0 and ollama.cancelled == 1, timeout=1.0)
    assert gateway.server.gateway.queue.snapshot() == []


async def test_what_was_used_is_counted(gateway: Running) -> None:
    _, found = await embed(gateway)
    assert found["usage"]["prompt_tokens"] == 3
    assert gateway.lines()[-1]["tokens_in"] == 3


async def test_what_an_engine_answers_that_are_no_vectors_is_garbled(
    gateway: Running, ollama: FakeOllama
) -> None:
    for body in (b"{}", b'{"embeddings":5}', b"[]", b"nonsense"):
        ollama.faults["/api/embed"] = Fault.garbage(body=body)
        status, found = await embed(gateway)
        assert (status, found["error"]["code"]) == (502, "engine_garbled")
