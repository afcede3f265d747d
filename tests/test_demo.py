"""The demo engine, asked over HTTP as the gateway asks it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from _llamagate.demo import Demo
from _llamagate.demo.sample import sample
from _llamagate.demo.speech import tokens

HELLO = [{"role": "user", "content": "Hello there"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Current weather of a city",
        "parameters": {
            "type": "object",
            "required": ["city", "unit"],
            "properties": {
                "city": {"type": "string"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
                "days": {"type": "integer"},
            },
        },
    },
}
CLOCK = {"type": "function", "function": {"name": "get_time", "parameters": {"type": "object"}}}


@pytest.fixture
async def demo() -> AsyncIterator[aiohttp.ClientSession]:
    async with Demo(rate=2000) as demo, aiohttp.ClientSession(demo.url) as session:
        yield session


async def ask(demo: aiohttp.ClientSession, path: str = "/api/chat", **body: Any) -> dict[str, Any]:
    """The whole answer."""
    full = {"model": "demo", "stream": False, **body}
    async with demo.post(path, json=full) as response:
        assert response.status == 200, await response.text()
        answer: dict[str, Any] = await response.json()
    return answer


async def lines(demo: aiohttp.ClientSession, **body: Any) -> list[dict[str, Any]]:
    async with demo.post("/api/chat", json={"model": "demo", **body}) as response:
        assert response.content_type == "application/x-ndjson"
        return [json.loads(line) for line in (await response.text()).splitlines()]


async def test_it_says_that_it_is_a_demo(demo: aiohttp.ClientSession) -> None:
    answer = await ask(demo, messages=HELLO)
    assert "demo engine" in answer["message"]["content"]
    assert "Hello there" in answer["message"]["content"]
    assert answer["done"] is True
    assert answer["done_reason"] == "stop"


async def test_it_listens_on_loopback_only() -> None:
    async with Demo() as demo:
        assert demo.url.startswith("http://127.0.0.1:")


async def test_a_stream_brings_a_token_a_line_and_ends_with_counts(
    demo: aiohttp.ClientSession,
) -> None:
    *pieces, last = await lines(demo, messages=HELLO)
    assert len(pieces) > 10
    assert all(piece["done"] is False for piece in pieces)
    assert last["done"] is True
    assert last["message"]["content"] == ""
    assert last["eval_count"] == len(pieces) + 1
    assert last["prompt_eval_count"] > 0


async def test_tokens_come_at_a_steady_rate() -> None:
    async with Demo(rate=100) as demo, aiohttp.ClientSession(demo.url) as session:
        body = {"model": "demo", "messages": HELLO, "options": {"num_predict": 20}}
        began = time.perf_counter()
        async with session.post("/api/chat", json=body) as response:
            times = [time.perf_counter() - began async for _ in response.content]
    assert 0.15 < times[-1] < 0.6
    assert times[9] > 0.08


async def test_the_fast_model_does_not_wait() -> None:
    async with Demo(rate=1) as demo, aiohttp.ClientSession(demo.url) as session:
        began = time.perf_counter()
        await ask(session, model="demo-fast", messages=HELLO)
        assert time.perf_counter() - began < 0.5


async def test_generate_answers_in_its_own_shape(demo: aiohttp.ClientSession) -> None:
    answer = await ask(demo, "/api/generate", prompt="Hello there")
    assert "Hello there" in answer["response"]
    assert "message" not in answer


async def test_it_calls_a_tool_with_arguments_of_its_schema(demo: aiohttp.ClientSession) -> None:
    messages = [{"role": "user", "content": "How is the weather in Paris?"}]
    answer = await ask(demo, messages=messages, tools=[CLOCK, WEATHER])
    (call,) = answer["message"]["tool_calls"]
    assert call["function"]["name"] == "get_weather"
    assert call["function"]["arguments"] == {"city": "Paris", "unit": "celsius"}
    assert call["id"].startswith("call_")
    assert answer["message"]["content"] == ""
    assert answer["done_reason"] == "stop"


async def test_it_speaks_once_the_tool_has_answered(demo: aiohttp.ClientSession) -> None:
    messages = [*HELLO, {"role": "tool", "tool_name": "get_weather", "content": "18 degrees"}]
    answer = await ask(demo, messages=messages, tools=[WEATHER])
    assert "get_weather answered: 18 degrees" in answer["message"]["content"]
    assert "tool_calls" not in answer["message"]


async def test_json_is_json(demo: aiohttp.ClientSession) -> None:
    answer = await ask(demo, messages=HELLO, format="json")
    assert json.loads(answer["message"]["content"])["demo"] is True


async def test_a_format_is_filled_in(demo: aiohttp.ClientSession) -> None:
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "age": {"type": "integer", "minimum": 18},
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 2},
        },
        "required": ["name", "age", "tags"],
    }
    answer = await ask(demo, messages=HELLO, format=schema)
    found = json.loads(answer["message"]["content"])
    assert found["age"] == 18
    assert len(found["tags"]) == 2


async def test_it_thinks_when_asked_only(demo: aiohttp.ClientSession) -> None:
    assert "thinking" not in (await ask(demo, messages=HELLO))["message"]
    assert "Hello there" in (await ask(demo, messages=HELLO, think=True))["message"]["thinking"]
    first, *_ = await lines(demo, messages=HELLO, think="high")
    assert first["message"]["thinking"] and not first["message"]["content"]


async def test_num_predict_ends_it(demo: aiohttp.ClientSession) -> None:
    *pieces, last = await lines(demo, messages=HELLO, options={"num_predict": 3})
    assert len(pieces) == 3
    assert last["done_reason"] == "length"


async def test_a_stop_string_ends_it(demo: aiohttp.ClientSession) -> None:
    messages = [{"role": "user", "content": "Please count to 20"}]
    answer = await ask(demo, messages=messages, options={"stop": [", 5"]})
    assert answer["message"]["content"] == "The demo engine counts: 1, 2, 3, 4"
    assert answer["done_reason"] == "stop"


async def test_a_seed_repeats_the_answer(demo: aiohttp.ClientSession) -> None:
    for options in ({"seed": 7}, {"temperature": 0}):
        said = {
            (await ask(demo, messages=HELLO, options=options))["message"]["content"]
            for _ in range(8)
        }
        assert len(said) == 1


async def test_without_a_seed_answers_differ(demo: aiohttp.ClientSession) -> None:
    said = {(await ask(demo, messages=HELLO))["message"]["content"] for _ in range(40)}
    assert len(said) > 1


async def test_log_probabilities_come_when_asked(demo: aiohttp.ClientSession) -> None:
    answer = await ask(demo, messages=HELLO, logprobs=True, top_logprobs=2)
    assert "".join(entry["token"] for entry in answer["logprobs"]) == answer["message"]["content"]
    assert all(len(entry["top_logprobs"]) == 2 for entry in answer["logprobs"])


async def test_models_are_listed_and_shown(demo: aiohttp.ClientSession) -> None:
    async with demo.get("/api/tags") as response:
        models = (await response.json())["models"]
    names = [model["name"] for model in models]
    assert names == ["demo:latest", "demo-fast:latest", "demo-embed:latest"]
    assert max(models, key=lambda model: model["modified_at"])["name"] == "demo:latest"
    shown = await ask(demo, "/api/show", model="demo")
    assert shown["capabilities"] == ["completion", "tools", "thinking"]
    architecture = shown["model_info"]["general.architecture"]
    assert shown["model_info"][f"{architecture}.context_length"] > 0


async def resident(demo: aiohttp.ClientSession) -> list[str]:
    async with demo.get("/api/ps") as response:
        return [model["name"] for model in (await response.json())["models"]]


async def test_models_are_loaded_and_unloaded(demo: aiohttp.ClientSession) -> None:
    assert await resident(demo) == []
    assert (await ask(demo, messages=[]))["done_reason"] == "load"
    assert await resident(demo) == ["demo:latest"]
    assert (await ask(demo, messages=[], keep_alive=0))["done_reason"] == "unload"
    assert await resident(demo) == []


async def test_keep_alive_says_how_long_a_model_stays(demo: aiohttp.ClientSession) -> None:
    await ask(demo, "/api/generate", prompt="x", keep_alive="50ms")
    assert await resident(demo) == ["demo:latest"]
    await asyncio.sleep(0.06)
    assert await resident(demo) == []
    await ask(demo, "/api/generate", prompt="x", keep_alive=-1)
    assert await resident(demo) == ["demo:latest"]


async def test_embeddings_of_like_texts_are_near(demo: aiohttp.ClientSession) -> None:
    texts = ["the cat sat on the mat", "the cat lay on the mat", "quarterly tax returns"]
    answer = await ask(demo, "/api/embed", model="demo-embed", input=texts)
    one, near, far = answer["embeddings"]
    assert sum(x * x for x in one) == pytest.approx(1)
    assert _product(one, near) > _product(one, far)
    assert answer["prompt_eval_count"] == 15


async def test_embeddings_can_be_short(demo: aiohttp.ClientSession) -> None:
    answer = await ask(demo, "/api/embed", model="demo-embed", input="x", dimensions=8)
    assert len(answer["embeddings"][0]) == 8


async def test_the_older_embeddings_endpoint_answers(demo: aiohttp.ClientSession) -> None:
    answer = await ask(demo, "/api/embeddings", model="demo-embed", prompt="Hello")
    assert len(answer["embedding"]) == 64


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/api/chat", {"model": "nope", "messages": HELLO}, 404, "model 'nope' not found"),
        ("/api/chat", {"messages": HELLO}, 400, "model is required"),
        ("/api/chat", {"model": "demo-embed", "messages": HELLO}, 400, "does not support chat"),
        ("/api/embed", {"model": "demo", "input": "x"}, 501, "does not support embeddings"),
        ("/api/chat", {"model": "demo", "messages": 5}, 400, "array"),
        ("/api/chat", {"model": "demo", "keep_alive": "soon"}, 400, "invalid duration"),
        ("/api/pull", {"model": "demo"}, 404, "the demo engine has no POST /api/pull"),
    ],
)
async def test_what_it_cannot_do_it_refuses(
    demo: aiohttp.ClientSession, path: str, body: dict[str, Any], status: int, message: str
) -> None:
    async with demo.post(path, json=body) as response:
        assert response.status == status
        assert message in (await response.json())["error"]


async def test_a_client_that_leaves_stops_it() -> None:
    async with Demo(rate=20) as demo, aiohttp.ClientSession(demo.url) as session:
        before = len(asyncio.all_tasks())
        body = {"model": "demo", "messages": [{"role": "user", "content": "Count to 5000"}]}
        response = await session.post("/api/chat", json=body)
        await response.content.readline()
        assert len(asyncio.all_tasks()) > before
        response.close()
        async with asyncio.timeout(2):
            while len(asyncio.all_tasks()) > before:
                await asyncio.sleep(0.005)


@given(st.text())
def test_tokens_make_up_the_whole_text(text: str) -> None:
    assert "".join(tokens(text)) == text


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer", "exclusiveMinimum": 5}, 6),
        ({"type": "integer", "maximum": -3}, -3),
        ({"type": "number", "exclusiveMaximum": 0.5}, 0.0),
        ({"type": ["string", "null"], "minLength": 8, "maxLength": 8}, "demo...."),
        ({"const": 7}, 7),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, True),
        ({"$ref": "#/$defs/day", "$defs": {"day": {"enum": ["monday"]}}}, "monday"),
        ({"type": "string", "format": "date"}, "2026-01-31"),
        ({"type": "array", "items": {"type": "null"}, "maxItems": 0}, []),
        ({"properties": {"a": {"type": "boolean"}}}, {"a": True}),
        ({"type": "object", "properties": {"a": {}, "b": {}}, "required": ["b"]}, {"b": "demo b"}),
    ],
)
def test_a_sample_is_what_its_schema_allows(schema: dict[str, Any], value: object) -> None:
    assert sample(schema) == value


def test_a_schema_that_contains_itself_ends() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}
    assert sample({"$ref": "#/$defs/node", "$defs": {"node": node}})["next"]


def _product(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
