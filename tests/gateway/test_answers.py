"""The cache from outside: HIT, MISS and BYPASS, what is read back, and what is never kept."""

import asyncio
from contextlib import suppress
from typing import Any

import aiohttp
import orjson
import pytest

from _llamagate.cache import Cache
from _llamagate.exchange import Call as Request
from _llamagate.exchange import Chat, Events, Finish, Message, Reply, Text
from _llamagate.gateway.answers import Answers
from _llamagate.metrics import Metrics
from tests.conftest import Running, StartGateway
from tests.dialects.chunks import Stream, read_stream
from tests.fakes.ollama import Answer, Call, FakeOllama, Fault

HI = [{"role": "user", "content": "Hi"}]
PATH = "/v1/chat/completions"


async def ask(
    gateway: Running, *, headers: dict[str, str] | None = None, **more: Any
) -> tuple[aiohttp.ClientResponse, Any]:
    body = {"model": "llama3.2", "messages": HI, **more}
    async with gateway.session.post(gateway.url + PATH, json=body, headers=headers) as answer:
        return answer, orjson.loads(await answer.read())


async def cached(gateway: Running, **more: Any) -> str:
    answer, _ = await ask(gateway, **more)
    assert answer.status == 200
    return answer.headers["X-Cache"]


async def streamed(gateway: Running, **more: Any) -> Stream:
    body = {"model": "llama3.2", "messages": HI, "stream": True, **more}
    return await read_stream(gateway, PATH, json=body)


async def test_the_same_question_is_answered_from_before(
    gateway: Running, ollama: FakeOllama
) -> None:
    first, said = await ask(gateway)
    second, again = await ask(gateway)
    assert (first.headers["X-Cache"], second.headers["X-Cache"]) == ("MISS", "HIT")
    assert "Age" not in first.headers
    assert second.headers["Age"] == "0"
    assert again["choices"] == said["choices"]
    assert again["usage"] == said["usage"]
    assert again["id"] != said["id"]
    assert len(ollama.generations) == 1


async def test_its_age_is_told(gateway: Running) -> None:
    await ask(gateway)
    await asyncio.sleep(1.05)
    answer, _ = await ask(gateway)
    assert answer.headers["Age"] == "1"


async def test_another_question_is_not(gateway: Running) -> None:
    await ask(gateway)
    for more in ({"temperature": 0.5}, {"seed": 1}, {"n": 2}, {"model": "llama3.1:8b"}):
        assert await cached(gateway, **more) == "MISS"
    assert await cached(gateway, model="Llama3.2:latest") == "HIT"  # the same by another name
    assert await cached(gateway, user="ada", metadata={"a": "b"}) == "HIT"


async def test_an_answer_names_the_model_as_this_client_spelt_it(gateway: Running) -> None:
    await ask(gateway)
    _, found = await ask(gateway, model="Llama3.2")
    assert found["model"] == "Llama3.2"


async def test_nothing_is_kept_of_what_the_client_wants_kept_of_it(
    gateway: Running, ollama: FakeOllama
) -> None:
    unkept = {"Cache-Control": "no-store"}
    answer, _ = await ask(gateway, headers=unkept)
    assert answer.headers["X-Cache"] == "BYPASS"
    assert await cached(gateway) == "MISS"
    answer, _ = await ask(gateway, headers=unkept)
    assert answer.headers["X-Cache"] == "BYPASS"
    assert len(ollama.generations) == 3


async def test_nothing_old_is_read_when_the_client_wants_it_new_and_the_new_is_kept(
    gateway: Running, ollama: FakeOllama
) -> None:
    await ask(gateway)
    ollama.answer = Answer("Something new")
    answer, _ = await ask(gateway, headers={"Cache-Control": "no-cache"})
    assert answer.headers["X-Cache"] == "MISS"
    answer, found = await ask(gateway)
    assert answer.headers["X-Cache"] == "HIT"
    assert found["choices"][0]["message"]["content"] == "Something new"


async def test_a_stream_is_read_from_before_only_where_it_is_meant_to_repeat(
    gateway: Running,
) -> None:
    for more in ({}, {"temperature": 1}):
        for _ in range(2):
            assert (await streamed(gateway, **more)).headers["x-cache"] == "BYPASS"
    for more in ({"temperature": 0}, {"seed": 5}):
        assert (await streamed(gateway, **more)).headers["x-cache"] == "MISS"
        found = await streamed(gateway, **more)
        assert found.headers["x-cache"] == "HIT"
        assert (found.text(), found.done) == ("Hello there, friend!", True)


async def test_a_stream_and_a_whole_answer_are_one_answer(
    gateway: Running, ollama: FakeOllama
) -> None:
    ollama.answer = Answer("Hm.", tool_calls=(Call("f", {"a": 1}, "call_1"),))
    tools = [{"type": "function", "function": {"name": "f"}}]
    wanted = {"temperature": 0, "tools": tools}
    first = await streamed(gateway, **wanted)
    answer, whole = await ask(gateway, **wanted)
    again = await streamed(gateway, **wanted, stream_options={"include_usage": True})
    assert answer.headers["X-Cache"] == "HIT"
    assert whole["choices"][0]["message"]["content"] == first.text() == again.text() == "Hm."
    calls = [call for delta in again.deltas() for call in delta.get("tool_calls", ())]
    assert calls[0]["function"] == whole["choices"][0]["message"]["tool_calls"][0]["function"]
    assert again.finish_reason() == whole["choices"][0]["finish_reason"] == "tool_calls"
    assert again.chunks[-1]["usage"] == whole["usage"]
    assert first.chunks[0]["id"] != again.chunks[0]["id"]
    assert len(ollama.generations) == 1


@pytest.mark.parametrize(
    "fault", [Fault.error(), Fault.error(after=1), Fault.cut(after=1), Fault.silent(after=1)]
)
async def test_neither_an_error_nor_a_cut_answer_is_kept(
    gateway: Running, ollama: FakeOllama, fault: Fault
) -> None:
    ollama.script.append(Answer(fault=fault))
    assert (await ask(gateway))[0].status == 502
    assert await cached(gateway) == "MISS"
    assert await cached(gateway) == "HIT"


async def test_what_a_client_left_is_not_kept(gateway: Running, ollama: FakeOllama) -> None:
    ollama.script.append(Answer("one two three", pace=0.2))
    request = asyncio.ensure_future(ask(gateway))
    await ollama.until(lambda: ollama.running == 1)
    request.cancel()
    await ollama.until(lambda: ollama.running == 0)
    assert await cached(gateway) == "MISS"


async def test_callers_do_not_see_each_others_answers_unless_they_are_shared(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    keys = {"API_KEYS": "one-0123456,two-0123456", "OLLAMA_HOST": ollama.url}
    for scope, other in (("caller", "MISS"), ("shared", "HIT")):
        gateway = await start_gateway(**keys, CACHE_SCOPE=scope)
        found = []
        for key in ("one-0123456", "one-0123456", "two-0123456"):
            answer, _ = await ask(gateway, headers={"X-API-Key": key})
            found.append(answer.headers["X-Cache"])
        assert found == ["MISS", "HIT", other]


async def test_the_cache_can_be_switched_off(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, CACHE="false")
    assert [await cached(gateway) for _ in range(2)] == ["BYPASS"] * 2


async def test_an_answer_is_forgotten_when_it_is_too_old(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, CACHE_TTL="1s")
    assert [await cached(gateway) for _ in range(2)] == ["MISS", "HIT"]
    await asyncio.sleep(1.1)
    assert await cached(gateway) == "MISS"


async def test_hits_and_misses_are_counted(gateway: Running) -> None:
    await ask(gateway)
    await ask(gateway)
    await streamed(gateway)
    async with gateway.session.get(gateway.url + "/metrics") as answer:
        text = await answer.text()
    for result in ("hit", "miss", "bypass"):
        assert f'llamagate_cache_total{{result="{result}"}} 1.0' in text


async def test_what_was_ignored_is_named_again(gateway: Running) -> None:
    for _ in range(2):
        answer, _ = await ask(gateway, logit_bias={"5": 1})
        assert answer.headers["x-ignored-parameters"] == "logit_bias"
    assert answer.headers["X-Cache"] == "HIT"


async def test_identical_requests_in_flight_run_once(gateway: Running, ollama: FakeOllama) -> None:
    ollama.answer = Answer("one two three", pace=0.05)
    found = await asyncio.gather(*(ask(gateway) for _ in range(10)))
    texts = {said["choices"][0]["message"]["content"] for _, said in found}
    assert texts == {"one two three"}
    assert len({said["id"] for _, said in found}) == 10
    assert [answer.headers["X-Cache"] for answer, _ in found].count("MISS") == 1
    assert len(ollama.generations) == 1


async def test_a_flight_that_fails_fails_for_all_and_the_next_one_flies_anew(
    gateway: Running, ollama: FakeOllama
) -> None:
    ollama.script.append(Answer(first=0.1, fault=Fault.error()))
    found = await asyncio.gather(*(ask(gateway) for _ in range(5)))
    assert [answer.status for answer, _ in found] == [502] * 5
    assert await cached(gateway) == "MISS"


async def test_who_asks_again_at_once_after_leaving_does_not_join_what_is_being_ended() -> None:
    """A client that ran out of patience tries again while the engine is still being stopped."""
    answers = Answers(Cache(10_000, 60), shared=False, metrics=Metrics())

    async def run() -> Events:
        try:
            await asyncio.sleep(0.02)
            yield [Text("x"), Finish("stop")]
        finally:
            await asyncio.sleep(0.05)

    async def serve() -> list[Reply]:
        chat = Chat(model="m", messages=(Message("user", "Hi"),))
        return await answers.whole([chat], ("m",), Request("req"), run)

    impatient = asyncio.ensure_future(serve())
    await asyncio.sleep(0.01)
    impatient.cancel()
    with suppress(asyncio.CancelledError):
        await impatient
    (reply,) = await serve()
    assert reply.text == "x"
