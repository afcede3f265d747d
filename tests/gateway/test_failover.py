"""Two engines, one of which fails, each time in another way: nobody who asks may notice."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.conftest import Running, StartGateway
from tests.fakes.ollama import Answer, FakeModel, FakeOllama, Fault
from tests.fakes.openai import OpenAIServer


@dataclass
class Two:
    gateway: Running
    bad: FakeOllama  # is asked first
    good: FakeOllama

    async def ask(self, **more: Any) -> tuple[int, str]:
        return await ask(self.gateway, **more)


async def ask(gateway: Running, model: str = "tiny", **more: Any) -> tuple[int, str]:
    """Status and body of a chat that nobody has asked before."""
    words = f"Hello, it is {time.perf_counter_ns()}"
    body = {"model": model, "messages": [{"role": "user", "content": words}], **more}
    url = gateway.url + "/v1/chat/completions"
    async with gateway.session.post(url, json=body) as answer:
        return answer.status, await answer.text()


@pytest.fixture
async def two(start_gateway: StartGateway) -> AsyncIterator[Two]:
    """The bad one is preferred by its weight, and every conversation is another one."""
    async with FakeOllama("tiny", parallel=8) as bad, FakeOllama("tiny", parallel=8) as good:
        good.answer = Answer("from the good one")
        gateway = await start_gateway(toml=engines(bad, good), TIMEOUT="1")
        await gateway.server.gateway.pool.refresh()
        yield Two(gateway, bad, good)


def engines(bad: FakeOllama, good: FakeOllama) -> str:
    return (
        f'[[engines]]\nname = "bad"\nkind = "ollama"\nurl = "{bad.url}"\nweight = 1000\n'
        f'[[engines]]\nname = "good"\nkind = "ollama"\nurl = "{good.url}"\n'
    )


FAULTS = {
    "refuses to answer": Fault.cut(),
    "ends without a word": Fault.silent(),
    "talks nonsense": Fault.garbage(),
    "crashes": Fault.error(),
    "is busy": Fault.answer(503),
    "is asked too much": Fault.answer(429),
    "does not know us": Fault.answer(401),
    "has lost the model": Fault.answer(404, "model 'tiny' not found"),
    "hangs": Fault.hang(),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
async def test_an_engine_that_fails_before_its_first_word_is_replaced(
    two: Two, fault: Fault, stream: bool
) -> None:
    two.bad.answer = Answer(fault=fault)
    for _ in range(6):
        status, body = await two.ask(stream=stream)
        assert status == 200
        assert "good" in body
    assert 1 <= len(two.bad.generations) <= 3  # then it is left alone
    assert len(two.good.generations) == 6


async def test_an_embedding_fails_over_too_and_the_log_says_so(
    start_gateway: StartGateway,
) -> None:
    model = FakeModel("nomic:latest", ("embedding",))
    async with FakeOllama(model) as bad, FakeOllama(model) as good:
        bad.answer = Answer(fault=Fault.answer(503))
        gateway = await start_gateway(toml=engines(bad, good))
        await gateway.server.gateway.pool.refresh()
        body = {"model": "nomic", "input": "Hello"}
        async with gateway.session.post(gateway.url + "/v1/embeddings", json=body) as answer:
            assert answer.status == 200
        good.answer = bad.answer
        async with gateway.session.post(gateway.url + "/v1/embeddings", json=body) as answer:
            assert answer.status == 503
    moved = [line for line in gateway.lines() if line.get("event") == "failed_over"]
    assert moved[0]["from"] == "bad"


async def test_a_refusal_is_the_answer_and_no_other_engine_is_asked(two: Two) -> None:
    two.bad.answer = Answer(fault=Fault.answer(400, "that makes no sense"))
    status, body = await two.ask()
    assert status == 400
    assert "that makes no sense" in body
    assert two.good.generations == []


async def test_after_the_first_word_nobody_else_goes_on_with_the_sentence(two: Two) -> None:
    two.bad.answer = Answer("one two three", pace=0.01, fault=Fault.cut(after=2))
    status, body = await two.ask(stream=True)
    assert status == 200
    assert '"error"' in body
    assert "[DONE]" not in body
    assert two.good.generations == []


async def test_when_all_fail_each_was_asked_once_and_the_last_error_is_told(two: Two) -> None:
    two.bad.answer = two.good.answer = Answer(fault=Fault.error(message="out of memory"))
    status, body = await two.ask()
    assert status == 502
    assert "out of memory" in body
    assert (len(two.bad.generations), len(two.good.generations)) == (1, 1)


async def test_when_all_are_busy_it_is_a_503_that_says_when_to_come_back(two: Two) -> None:
    two.bad.answer = two.good.answer = Answer(fault=Fault.answer(503))
    url = two.gateway.url + "/v1/chat/completions"
    body = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}]}
    async with two.gateway.session.post(url, json=body) as answer:
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) >= 1


async def test_an_engine_that_dies_in_the_middle_of_the_crowd_and_comes_back(two: Two) -> None:
    two.bad.answer = two.good.answer = Answer("all is well", pace=0.005)
    crowd = asyncio.gather(*(two.ask() for _ in range(60)))
    await asyncio.sleep(0.05)
    await two.bad.stop()
    failed = [body for status, body in await crowd if status != 200]
    assert not [body for body in failed if "broke" not in body]  # only what had begun
    statuses = [status for status, _ in await asyncio.gather(*(two.ask() for _ in range(20)))]
    assert statuses == [200] * 20
    before = len(two.bad.generations)
    await two.bad.start()
    async with asyncio.timeout(10):
        while len(two.bad.generations) == before:
            assert (await two.ask())[0] == 200
            await asyncio.sleep(0.05)


async def test_an_engine_that_crashed_for_a_while_is_used_again_within_ten_seconds(
    two: Two,
) -> None:
    two.bad.answer = Answer(fault=Fault.error())
    await asyncio.gather(*(two.ask() for _ in range(5)))
    two.bad.answer = Answer()
    finished = two.bad.finished
    async with asyncio.timeout(10):
        while two.bad.finished == finished:
            assert (await two.ask())[0] == 200
            await asyncio.sleep(0.1)


async def test_nobody_waits_for_a_hung_engine_while_the_other_has_a_slot(
    start_gateway: StartGateway,
) -> None:
    async with FakeOllama("tiny") as bad, FakeOllama("tiny") as good:
        bad.answer = Answer(fault=Fault.hang())
        gateway = await start_gateway(toml=engines(bad, good), SLOTS="1", TIMEOUT="30")
        await gateway.server.gateway.pool.refresh()
        stuck = asyncio.ensure_future(ask(gateway))
        await bad.until(lambda: len(bad.generations) == 1)
        began = time.monotonic()
        assert [
            status for status, _ in await asyncio.gather(*(ask(gateway) for _ in range(10)))
        ] == ([200] * 10)
        assert time.monotonic() - began < 5
        stuck.cancel()


async def test_a_model_that_only_one_engine_lost_is_still_asked_of_the_other(two: Two) -> None:
    two.bad.models.clear()
    for _ in range(3):
        assert (await two.ask())[0] == 200
    assert len(two.good.generations) == 3


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings"])
async def test_an_engine_that_lost_a_model_is_asked_for_the_next_one_of_the_alias(
    start_gateway: StartGateway, path: str
) -> None:
    models = [FakeModel(name, ("completion", "embedding")) for name in ("first", "second")]
    async with FakeOllama(*models) as ollama:
        toml = '[aliases]\neither = ["first", "second"]\n'
        gateway = await start_gateway(OLLAMA_HOST=ollama.url, toml=toml)
        await gateway.server.gateway.pool.refresh()
        del ollama.models[0]
        words = {"messages": [{"role": "user", "content": "hi"}], "input": "hi"}
        body = {"model": "either", **words}
        assert (await gateway.json("POST", path, json=body))[0] == 200
        del ollama.models[0]
        again = {**body, "user": "another", "seed": 1}
        assert (await gateway.json("POST", path, json=again))[0] == 404


async def test_an_engine_of_the_other_kind_steps_in(start_gateway: StartGateway) -> None:
    async with FakeOllama("tiny") as bad, OpenAIServer() as good:
        bad.answer = Answer(fault=Fault.answer(503))
        gateway = await start_gateway(
            OLLAMA_HOST=bad.url,
            OPENAI_ENGINES=f"box={good.url}/v1",
            toml='[aliases]\neither = ["tiny", "toy"]\n',
        )
        await gateway.server.gateway.pool.refresh()
        status, body = await ask(gateway, model="either")
        assert status == 200
        assert "small fake" in body
        assert len(bad.generations) == 1


async def test_a_drained_engine_finishes_its_work_and_gets_no_more(two: Two) -> None:
    two.bad.answer = Answer("slow but sure", pace=0.05)
    running = asyncio.ensure_future(two.ask())
    await two.bad.until(lambda: two.bad.running == 1)
    two.gateway.server.gateway.pool.drain("bad")
    assert "good" in (await two.ask())[1]
    assert "slow but sure" in (await running)[1]
    assert len(two.bad.generations) == 1
