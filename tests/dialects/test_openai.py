"""OpenAI's API, from a client's bytes to the engine's and back."""

import asyncio
import base64
import struct
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from yarl import URL

from tests.conftest import Running, StartGateway
from tests.dialects.chunks import Stream, read_stream
from tests.fakes.ollama import Answer, Call, FakeModel, FakeOllama, Fault

HI = [{"role": "user", "content": "Hi"}]
CITY = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": CITY}}
PARIS = Answer(text="", tool_calls=(Call("get_weather", {"city": "Paris"}, "call_abc"),))
CHAT = "/v1/chat/completions"
USAGE = {"stream_options": {"include_usage": True}}


def asked(**fields: Any) -> dict[str, Any]:
    return {"model": "llama3.2", "messages": HI} | fields


async def plain(gateway: Running, path: str = CHAT, **fields: Any) -> Any:
    body = asked(**fields) if path == CHAT else fields
    status, found = await gateway.json("POST", path, json=body)
    assert status == 200, found
    return found


async def streamed(gateway: Running, **fields: Any) -> Stream:
    return await read_stream(gateway, CHAT, json=asked(stream=True, **fields))


async def refused(gateway: Running, **fields: Any) -> tuple[int, dict[str, Any]]:
    status, found = await gateway.json("POST", CHAT, json=asked(**fields))
    assert set(found) == {"error"}
    return status, found["error"]


def sent(ollama: FakeOllama) -> dict[str, Any]:
    """What the engine was asked last."""
    found: dict[str, Any] = ollama.generations[-1].json
    return found


# ---------------------------------------------------------------- text


async def test_a_plain_answer(gateway: Running) -> None:
    found = await plain(gateway)
    assert found["choices"][0]["message"]["content"] == "Hello there, friend!"
    assert found["choices"][0]["finish_reason"] == "stop"
    assert found["model"] == "llama3.2"
    assert found["usage"]["prompt_tokens"] > 0
    usage = found["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


async def test_a_streamed_answer(gateway: Running) -> None:
    found = await streamed(gateway)
    assert found.deltas()[0] == {"role": "assistant", "content": ""}
    assert found.text() == "Hello there, friend!"
    assert (found.finish_reason(), found.done) == ("stop", True)
    assert {chunk["model"] for chunk in found.chunks} == {"llama3.2"}
    assert found.headers["cache-control"] == "no-cache"
    assert found.headers["x-accel-buffering"] == "no"


async def test_usage_comes_at_the_end_of_a_stream_that_asked_for_it(gateway: Running) -> None:
    found = await streamed(gateway, **USAGE)
    *others, last = found.chunks
    assert {orjson.dumps(chunk["usage"]) for chunk in others} == {b"null"}
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 4
    assert found.done


async def test_an_answer_cut_by_its_limit_says_so(gateway: Running) -> None:
    found = await plain(gateway, max_completion_tokens=2)
    assert found["choices"][0]["finish_reason"] == "length"
    assert (await streamed(gateway, max_tokens=2)).finish_reason() == "length"


async def test_an_answer_without_a_word_is_an_answer(gateway: Running, ollama: FakeOllama) -> None:
    ollama.answer = Answer(text="")
    assert (await plain(gateway))["choices"][0]["message"]["content"] == ""
    found = await streamed(gateway)
    assert (found.text(), found.finish_reason(), found.done) == ("", "stop", True)


async def test_the_answer_names_the_model_as_the_client_spelt_it(gateway: Running) -> None:
    for name in ("Llama3.2", "llama3.2:latest", "ollama:llama3.2", "library/llama3.2"):
        assert (await plain(gateway, model=name))["model"] == name


async def test_without_a_model_the_newest_answers(gateway: Running, ollama: FakeOllama) -> None:
    await gateway.json("GET", "/v1/models")
    found = await plain(gateway, model="")
    assert sent(ollama)["model"] == "llama3.1:8b"
    assert found["model"] == "llama3.1:8b"


async def test_ids_never_repeat(gateway: Running) -> None:
    assert (await plain(gateway))["id"] != (await plain(gateway))["id"]


# ---------------------------------------------------------------- several choices


async def test_n_answers_have_their_indexes_and_seeds(gateway: Running, ollama: FakeOllama) -> None:
    ollama.answer = lambda body: Answer(text=f"seed {body['options']['seed']}")
    found = await plain(gateway, n=3, seed=7)
    assert [choice["index"] for choice in found["choices"]] == [0, 1, 2]
    texts = [choice["message"]["content"] for choice in found["choices"]]
    assert texts == ["seed 7", "seed 8", "seed 9"]
    assert found["usage"]["completion_tokens"] == 3 * 3
    assert found["usage"]["prompt_tokens"] == 1


async def test_n_streams_are_told_apart(gateway: Running, ollama: FakeOllama) -> None:
    ollama.answer = lambda body: Answer(text=f"seed {body['options']['seed']}", pace=0.005)
    found = await streamed(gateway, n=3, seed=7, **USAGE)
    for index in range(3):
        assert found.deltas(index)[0] == {"role": "assistant", "content": ""}
        assert found.text(index) == f"seed {7 + index}"
        assert found.finish_reason(index) == "stop"
    assert found.chunks[-1]["usage"]["completion_tokens"] == 3 * 3
    assert found.done


@pytest.mark.parametrize("stream", [False, True])
async def test_one_choice_that_fails_fails_them_all(
    gateway: Running, ollama: FakeOllama, stream: bool
) -> None:
    ollama.script.extend([Answer(pace=0.01), Answer(fault=Fault.error(after=1), pace=0.01)])
    if not stream:
        assert (await refused(gateway, n=2))[0] == 502
    else:
        found = await streamed(gateway, n=2)
        assert found.error and found.error["code"] == "engine_failed"
        assert not found.done
    await ollama.until(lambda: ollama.running == 0)


# ---------------------------------------------------------------- tools, thinking, pictures


async def test_a_call_and_its_result(gateway: Running, ollama: FakeOllama) -> None:
    ollama.answer = PARIS
    choice = (await plain(gateway, tools=[WEATHER]))["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    call = choice["message"]["tool_calls"][0]
    assert orjson.loads(call["function"]["arguments"]) == {"city": "Paris"}

    ollama.answer = Answer(text="It is 18 degrees.")
    result = {"role": "tool", "tool_call_id": call["id"], "content": "18"}
    again = await plain(gateway, tools=[WEATHER], messages=[*HI, choice["message"], result])
    assert again["choices"][0]["message"]["content"] == "It is 18 degrees."
    _, assistant, tool = sent(ollama)["messages"]
    assert assistant["tool_calls"][0]["function"]["arguments"] == {"city": "Paris"}
    assert (tool["tool_name"], tool["tool_call_id"]) == ("get_weather", call["id"])


@pytest.mark.parametrize("rendered", [False, True])
async def test_calls_in_a_stream(start_gateway: StartGateway, rendered: bool) -> None:
    calls = (Call("a", {"x": 1}, None), Call("b", {}, None))
    model = FakeModel("m:latest", answer=Answer(text="Hm.", tool_calls=calls), rendered=rendered)
    async with FakeOllama(model) as ollama:
        gateway = await start_gateway(OLLAMA_HOST=ollama.url)
        found = await streamed(gateway, model="m", tools=[WEATHER])
    sent = [call for delta in found.deltas() for call in delta.get("tool_calls", ())]
    assert [call["index"] for call in sent] == [0, 1]
    assert [call["function"]["name"] for call in sent] == ["a", "b"]
    assert [call["function"]["arguments"] for call in sent] == ['{"x":1}', "{}"]
    assert len({call["id"] for call in sent}) == 2
    assert all(call["id"].startswith("call_") for call in sent)
    assert (found.text(), found.finish_reason(), found.done) == ("Hm.", "tool_calls", True)


async def test_parallel_calls_can_be_refused(gateway: Running, ollama: FakeOllama) -> None:
    ollama.answer = Answer(text="", tool_calls=(Call("a"), Call("b")))
    found = await plain(gateway, tools=[WEATHER], parallel_tool_calls=False)
    assert len(found["choices"][0]["message"]["tool_calls"]) == 1


@pytest.mark.parametrize("stream", [False, True])
async def test_a_call_that_is_required_is_made(
    gateway: Running, ollama: FakeOllama, stream: bool
) -> None:
    ollama.answer = Answer(text='{"name": "get_weather", "arguments": {"city": "Paris"}}')
    fields = {"tools": [WEATHER], "tool_choice": "required", "reasoning_effort": "high"}
    if stream:
        found = await streamed(gateway, **fields)
        (call,) = [c for delta in found.deltas() for c in delta.get("tool_calls", ())]
        assert (found.text(), found.finish_reason()) == ("", "tool_calls")
    else:
        choice = (await plain(gateway, **fields))["choices"][0]
        (call,) = choice["message"]["tool_calls"]
        assert choice["finish_reason"] == "tool_calls"
    assert orjson.loads(call["function"]["arguments"]) == {"city": "Paris"}
    assert sent(ollama)["think"] is False


async def test_the_older_form_of_calls(gateway: Running, ollama: FakeOllama) -> None:
    ollama.answer = PARIS
    functions = [{"name": "get_weather", "parameters": CITY}]
    choice = (await plain(gateway, functions=functions))["choices"][0]
    assert choice["message"]["function_call"]["name"] == "get_weather"
    assert choice["finish_reason"] == "function_call"


@pytest.mark.parametrize("stream", [False, True])
async def test_thinking_has_both_names(gateway: Running, stream: bool) -> None:
    fields = {"model": "qwen3", "reasoning_effort": "low"}
    for name in ("reasoning", "reasoning_content"):
        if stream:
            deltas = (await streamed(gateway, **fields)).deltas()
            said = "".join(delta.get(name, "") for delta in deltas)
        else:
            said = (await plain(gateway, **fields))["choices"][0]["message"][name]
        assert said == "Let me see."


async def test_thinking_can_be_switched_off(gateway: Running) -> None:
    found = await plain(gateway, model="qwen3", reasoning_effort="none")
    assert "reasoning" not in found["choices"][0]["message"]


async def test_a_picture_reaches_the_engine(gateway: Running, ollama: FakeOllama) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
    content = [{"type": "text", "text": "What is it?"}, picture]
    await plain(gateway, messages=[{"role": "user", "content": content}])
    assert sent(ollama)["messages"] == [
        {"role": "user", "content": "What is it?", "images": ["aGk="]}
    ]


async def test_logprobs(gateway: Running) -> None:
    found = await plain(gateway, logprobs=True, top_logprobs=2)
    first = found["choices"][0]["logprobs"]["content"][0]
    assert (first["token"], len(first["top_logprobs"])) == ("Hello", 2)
    in_stream = (await streamed(gateway, logprobs=True)).choices()
    tokens = [
        e["token"]
        for choice in in_stream
        for e in (choice["logprobs"] or {"content": ()})["content"]
    ]
    assert "".join(tokens) == "Hello there, friend!"


async def test_json_is_asked_of_the_engine(gateway: Running, ollama: FakeOllama) -> None:
    await plain(gateway, response_format={"type": "json_object"})
    assert sent(ollama)["format"] == "json"
    schema = {"type": "json_schema", "json_schema": {"name": "c", "schema": CITY, "strict": True}}
    await plain(gateway, response_format=schema)
    assert sent(ollama)["format"] == CITY


async def test_what_changed_nothing_is_named(gateway: Running) -> None:
    body = asked(logit_bias={"5": 1}, verbosity="low", foo=1, store=True, metadata={"a": "b"})
    async with gateway.session.post(gateway.url + CHAT, json=body) as answer:
        assert answer.headers["x-ignored-parameters"] == "foo, logit_bias, verbosity"
    async with gateway.session.post(gateway.url + CHAT, json=asked()) as answer:
        assert "x-ignored-parameters" not in answer.headers


# ---------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault.error(after=1), "engine_failed"),
        (Fault.cut(after=1), "engine_broke_off"),
        (Fault.silent(after=1), "engine_broke_off"),
        (Fault.garbage(after=1), "engine_garbled"),
    ],
)
async def test_an_engine_that_fails_in_mid_stream(
    gateway: Running, ollama: FakeOllama, fault: Fault, code: str
) -> None:
    ollama.answer = Answer(fault=fault, pace=0.01)
    found = await streamed(gateway)
    assert found.text() == "Hello"
    assert found.error is not None
    assert found.error["code"] == code
    assert found.error["request_id"] == found.headers["x-request-id"]
    assert not found.done
    assert found.finish_reason() is None
    status, error = await refused(gateway)
    assert (status, error["code"]) == (502, code)


async def test_an_engine_that_ends_silently_before_a_word(
    gateway: Running, ollama: FakeOllama
) -> None:
    ollama.answer = Answer(fault=Fault.silent())
    for stream in (False, True):
        status, error = await refused(gateway, stream=stream)
        assert (status, error["code"]) == (502, "engine_broke_off")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault.error(), 502),
        (Fault.answer(503), 503),
        (Fault.answer(429), 503),
        (Fault.answer(400, "bad option"), 400),
        (Fault.answer(401), 502),
    ],
)
async def test_an_early_error_keeps_its_status(
    gateway: Running, ollama: FakeOllama, fault: Fault, status: int, stream: bool
) -> None:
    ollama.answer = Answer(fault=fault)
    assert (await refused(gateway, stream=stream))[0] == status


async def test_an_unknown_model_is_404_as_openai_has_it(gateway: Running) -> None:
    for stream in (False, True):
        status, error = await refused(gateway, model="nobody", stream=stream)
        assert status == 404
        assert error["message"].startswith("The model `nobody` does not exist")
        assert (error["type"], error["code"]) == ("invalid_request_error", "model_not_found")
        assert error["param"] == "model"


async def test_an_engine_that_sends_nonsense_of_the_right_form(
    gateway: Running, ollama: FakeOllama
) -> None:
    nonsense = b'{"message":{"content":"x"},"logprobs":[5],"done":false}\n'
    ollama.answer = Answer(fault=Fault.garbage(after=0, body=nonsense))
    status, error = await refused(gateway)
    assert (status, error["code"]) == (502, "engine_garbled")


# ---------------------------------------------------------------- silence


async def test_signs_of_life_before_the_first_word(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, KEEPALIVE="0.1s")
    ollama.answer = Answer(first=0.45)
    found = await streamed(gateway)
    assert found.comments.count("keep-alive") >= 3
    assert (found.text(), found.done) == ("Hello there, friend!", True)


async def test_signs_of_life_between_words(start_gateway: StartGateway, ollama: FakeOllama) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, KEEPALIVE="0.1s")
    ollama.answer = Answer("one two", pace=0.35)
    assert (await streamed(gateway)).comments.count("keep-alive") >= 2


async def test_no_signs_of_life_while_words_flow(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, KEEPALIVE="0.3s")
    ollama.answer = Answer(pieces=("word ",) * 40, pace=0.02)
    assert (await streamed(gateway)).comments == []


async def test_who_waits_for_a_turn_hears_of_it(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, KEEPALIVE="0.1s", SLOTS="1")
    ollama.answer = Answer("one two three", pace=0.2)
    first = asyncio.ensure_future(streamed(gateway))
    await ollama.until(lambda: ollama.running == 1)
    second = await streamed(gateway)
    assert second.comments
    assert second.headers["x-queue-position"] == "1"
    assert int(second.headers["x-queue-wait-ms"]) > 0  # what was to be expected
    assert (await first).done and second.done


async def test_an_error_after_the_head_travels_in_the_stream(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, KEEPALIVE="0.1s")
    ollama.answer = Answer(first=0.3, fault=Fault.error())
    found = await streamed(gateway)
    assert found.comments
    assert found.error and found.error["code"] == "engine_failed"
    assert not found.done


# ---------------------------------------------------------------- completions, embeddings, models


async def test_completions(gateway: Running, ollama: FakeOllama) -> None:
    ollama.answer = lambda body: Answer(text=body["prompt"].upper())
    found = await plain(gateway, "/v1/completions", model="llama3.2", prompt=["a", "b"], n=2)
    assert [choice["text"] for choice in found["choices"]] == ["A", "A", "B", "B"]
    assert [choice["index"] for choice in found["choices"]] == [0, 1, 2, 3]
    body = {"model": "llama3.2", "prompt": "hi ho", "stream": True, "echo": True}
    stream = await read_stream(gateway, "/v1/completions", json=body)
    assert "".join(choice["text"] for choice in stream.choices()) == "hi hoHI HO"
    assert (stream.finish_reason(), stream.done) == ("stop", True)


async def test_many_prompts_do_not_fill_the_queue_by_themselves(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, SLOTS="1", QUEUE_LIMIT="20")
    prompts = [f"prompt {number}" for number in range(60)]
    found = await plain(gateway, "/v1/completions", model="llama3.2", prompt=prompts)
    assert [choice["index"] for choice in found["choices"]] == list(range(60))


async def test_embeddings_as_numbers_and_as_base64(gateway: Running) -> None:
    body = {"model": "nomic-embed-text", "input": ["one", "two"]}
    numbers = await plain(gateway, "/v1/embeddings", **body)
    packed = await plain(gateway, "/v1/embeddings", **body, encoding_format="base64")
    assert [one["index"] for one in numbers["data"]] == [0, 1]
    assert numbers["usage"] == {"prompt_tokens": 2, "total_tokens": 2}
    for one, other in zip(numbers["data"], packed["data"], strict=True):
        raw = base64.b64decode(other["embedding"])
        found = struct.unpack(f"<{len(raw) // 4}f", raw)
        assert found == pytest.approx(one["embedding"])


async def test_dimensions_of_embeddings(gateway: Running) -> None:
    body = {"model": "nomic-embed-text", "input": "x", "dimensions": 4}
    found = await plain(gateway, "/v1/embeddings", **body)
    assert len(found["data"][0]["embedding"]) == 4


async def test_what_an_embedding_ignored_is_named(gateway: Running) -> None:
    body = {"model": "nomic-embed-text", "input": "x", "task": "query"}
    async with gateway.session.post(f"{gateway.url}/v1/embeddings", json=body) as answer:
        assert answer.headers["x-ignored-parameters"] == "task"


async def test_the_list_of_models(gateway: Running) -> None:
    status, found = await gateway.json("GET", "/v1/models")
    assert (status, found["object"]) == (200, "list")
    assert found["data"][0] == {
        "id": "llama3.1:8b",
        "object": "model",
        "created": 1_795_000_000,
        "owned_by": "library",
    }


async def test_no_models_are_an_empty_list_and_never_null(start_gateway: StartGateway) -> None:
    async with FakeOllama() as ollama:
        ollama.models.clear()
        gateway = await start_gateway(OLLAMA_HOST=ollama.url)
        assert await gateway.json("GET", "/v1/models") == (200, {"object": "list", "data": []})


@pytest.mark.parametrize("name", ["me/tiny:v1", "hf.co/unsloth/Qwen3-GGUF:Q4_K_M", "llama3.1:8b"])
@pytest.mark.parametrize("safe", ["/:", "/", ":", ""])
async def test_a_model_by_any_spelling_of_its_path(
    start_gateway: StartGateway, name: str, safe: str
) -> None:
    async with FakeOllama(name) as ollama:
        gateway = await start_gateway(OLLAMA_HOST=ollama.url)
        path = URL(f"{gateway.url}/v1/models/{quote(name, safe=safe)}", encoded=True)
        async with gateway.session.get(path) as answer:
            found = await answer.json()
    assert (answer.status, found["id"]) == (200, name)


@pytest.mark.parametrize("name", ["nobody", "%00", "%ff", "a%20b", "..%2F..%2Fetc"])
async def test_a_model_that_is_not_there(gateway: Running, name: str) -> None:
    url = URL(f"{gateway.url}/v1/models/{name}", encoded=True)
    async with gateway.session.get(url) as answer:
        found = await answer.json()
    assert answer.status in (400, 404)
    assert found["error"]["param"] == "model"
