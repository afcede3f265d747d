"""Slots and turns through the whole gateway: what a crowd gets, and what it leaves to others."""

import asyncio
import time
from typing import Any

from tests.conftest import Running, StartGateway
from tests.fakes.ollama import Answer, FakeOllama

KEYS = {"heavy": "heavy-key-1234567", "light": "light-key-1234567"}


async def ask(gateway: Running, who: str = "", **more: Any) -> tuple[int, float]:
    """Status, and the seconds it took, of a chat that nobody has asked before."""
    began = time.perf_counter()
    body = {"model": "tiny", "messages": [{"role": "user", "content": f"It is {began}"}], **more}
    headers = {"Authorization": f"Bearer {KEYS[who]}"} if who else {}
    url = gateway.url + "/v1/chat/completions"
    async with gateway.session.post(url, json=body, headers=headers) as answer:
        await answer.read()
        return answer.status, time.perf_counter() - began


async def test_a_light_caller_waits_two_answers_at_most_beside_a_heavy_one(
    start_gateway: StartGateway,
) -> None:
    async with FakeOllama("tiny", answer=Answer("so it goes", first=0.05)) as ollama:
        gateway = await start_gateway(
            OLLAMA_HOST=ollama.url, SLOTS="1", API_KEYS=",".join(KEYS.values())
        )
        heavy = [asyncio.ensure_future(ask(gateway, "heavy")) for _ in range(100)]
        await ollama.until(lambda: gateway.server.gateway.queue.waiting() == 99)
        for _ in range(5):
            status, seconds = await ask(gateway, "light")
            assert status == 200
            assert seconds < 0.6  # its own answer, and the one that ran already
        for task in heavy:
            task.cancel()
        await asyncio.gather(*heavy, return_exceptions=True)
        await ollama.until(lambda: gateway.server.gateway.queue.waiting() == 0)


async def test_one_person_behind_a_shared_key_does_not_keep_out_the_next(
    start_gateway: StartGateway,
) -> None:
    async with FakeOllama("tiny", answer=Answer("so it goes", first=0.05)) as ollama:
        gateway = await start_gateway(OLLAMA_HOST=ollama.url, SLOTS="1")
        crowd = [asyncio.ensure_future(ask(gateway, user="ann")) for _ in range(50)]
        await ollama.until(lambda: gateway.server.gateway.queue.waiting() == 49)
        _, seconds = await ask(gateway, user="ben")
        assert seconds < 0.8
        for task in crowd:
            task.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)


async def test_how_many_an_engine_runs_at_once_is_found_out(start_gateway: StartGateway) -> None:
    inside: list[int] = []
    async with FakeOllama("tiny", parallel=4) as ollama:

        def answer(body: dict[str, Any]) -> Answer:
            inside.append(ollama.running + ollama.waiting + 1)
            return Answer("so it goes", first=0.15)  # long beside what a busy machine adds

        ollama.answer = answer
        gateway = await start_gateway(OLLAMA_HOST=ollama.url, SLOTS="auto")
        statuses = [
            status for status, _ in await asyncio.gather(*(ask(gateway) for _ in range(120)))
        ]
        assert statuses == [200] * 120
        assert max(inside) <= 6
        assert sum(inside[60:]) / len(inside[60:]) > 2.5


async def test_a_full_line_says_when_to_come_back(start_gateway: StartGateway) -> None:
    async with FakeOllama("tiny", answer=Answer("so it goes", first=0.1)) as ollama:
        gateway = await start_gateway(OLLAMA_HOST=ollama.url, SLOTS="1", QUEUE_LIMIT="2")
        statuses = [status for status, _ in await asyncio.gather(*(ask(gateway) for _ in range(6)))]
        assert sorted(statuses) == [200] * 3 + [503] * 3


async def test_waiting_too_long_ends_in_time(start_gateway: StartGateway) -> None:
    async with FakeOllama("tiny", answer=Answer("so it goes", first=5)) as ollama:
        gateway = await start_gateway(OLLAMA_HOST=ollama.url, SLOTS="1", QUEUE_TIMEOUT="0.2")
        first = asyncio.ensure_future(ask(gateway))
        await ollama.until(lambda: len(ollama.generations) == 1)
        status, seconds = await ask(gateway)
        assert (status, seconds < 1) == (503, True)
        first.cancel()


async def test_whoever_leaves_while_waiting_leaves_no_hole(start_gateway: StartGateway) -> None:
    async with FakeOllama("tiny", answer=Answer("so it goes", first=0.05)) as ollama:
        gateway = await start_gateway(OLLAMA_HOST=ollama.url, SLOTS="1")
        asked = [asyncio.ensure_future(ask(gateway)) for _ in range(12)]
        await ollama.until(lambda: gateway.server.gateway.queue.waiting() == 11)
        for task in asked[1::2]:
            task.cancel()
        answers = await asyncio.gather(*asked[::2])
        assert [status for status, _ in answers] == [200] * 6
        assert len(ollama.generations) == 6
        assert gateway.server.gateway.queue.snapshot() == []
