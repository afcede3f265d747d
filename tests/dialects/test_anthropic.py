"""Anthropic's API, from a client's bytes to the engine's and back."""

from io import BytesIO
from typing import Any

import pytest

from tests.conftest import Running, StartGateway
from tests.dialects.events import read_events
from tests.fakes.ollama import Answer, Call, FakeOllama, Fault

HI = [{"role": "user", "content": "Hi"}]
WEATHER = {
    "name": "get_weather",
    "description": "Current weather of a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
PARIS = Answer(text="", tool_calls=(Call("get_weather", {"city": "Paris"}, "abc123"),))


def asked(**fields: Any) -> dict[str, Any]:
    return {"model": "llama3.1:8b", "max_tokens": 100, "messages": HI} | fields


async def plain(gateway: Running, **fields: Any) -> Any:
    status, found = await gateway.json("POST", "/v1/messages", json=asked(**fields))
    assert status == 200, found
    return found


async def streamed(gateway: Running, **fields: Any) -> list[dict[str, Any]]:
    body = asked(stream=True, **fields)
    async with gateway.session.post(f"{gateway.url}/v1/messages", json=body) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.content_type == "text/event-stream"
        return [event async for event in read_events(answer)]


def blocks(events: list[dict[str, Any]]) -> list[str]:
    return [e["content_block"]["type"] for e in events if e["type"] == "content_block_start"]


async def test_a_plain_answer(gateway: Running) -> None:
    found = await plain(gateway)
    assert found["content"] == [{"type": "text", "text": "Hello there, friend!"}]
    assert (found["model"], found["stop_reason"]) == ("llama3.1:8b", "end_turn")
    assert found["usage"]["output_tokens"] > 0


async def test_a_streamed_answer(gateway: Running) -> None:
    events = await streamed(gateway)
    deltas = [e["delta"]["text"] for e in events if e["type"] == "content_block_delta"]
    assert "".join(deltas) == "Hello there, friend!"
    assert [e["type"] for e in events[-2:]] == ["message_delta", "message_stop"]
    assert events[-2]["usage"]["input_tokens"] > 0


async def test_what_reaches_the_engine(gateway: Running, ollama: FakeOllama) -> None:
    await plain(
        gateway,
        system=[{"type": "text", "text": "Be brief."}],
        temperature=0.5,
        top_k=40,
        stop_sequences=["END"],
        metadata={"user_id": "u-1"},
    )
    body = ollama.generations[0].json
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert body["options"] == {
        "temperature": 0.5,
        "top_k": 40,
        "num_predict": 100,
        "stop": ["END"],
    }
    assert "metadata" not in body


@pytest.mark.parametrize("stream", [False, True])
async def test_a_round_of_tools(gateway: Running, ollama: FakeOllama, stream: bool) -> None:
    ollama.script.append(PARIS)
    if stream:
        events = await streamed(gateway, tools=[WEATHER])
        assert blocks(events) == ["tool_use"]
        use = {**events[1]["content_block"], "input": {"city": "Paris"}}
        assert events[2]["delta"]["partial_json"] == '{"city":"Paris"}'
        assert events[-2]["delta"]["stop_reason"] == "tool_use"
    else:
        found = await plain(gateway, tools=[WEATHER])
        (use,) = found["content"]
        assert found["stop_reason"] == "tool_use"
    assert use["input"] == {"city": "Paris"}
    assert use["id"].startswith("toolu_")
    result = {"type": "tool_result", "tool_use_id": use["id"], "content": "18", "is_error": True}
    history = [{"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    await plain(gateway, tools=[WEATHER], messages=[*HI, *history])
    _, assistant, tool = ollama.generations[-1].json["messages"]
    assert assistant["tool_calls"][0]["id"] == "abc123"
    assert tool == {
        "role": "tool",
        "content": "Error: 18",
        "tool_call_id": "abc123",
        "tool_name": "get_weather",
    }


@pytest.mark.parametrize("stream", [False, True])
async def test_thinking(gateway: Running, ollama: FakeOllama, stream: bool) -> None:
    fields = {"model": "qwen3", "thinking": {"type": "enabled", "budget_tokens": 1024}}
    if stream:
        assert blocks(await streamed(gateway, **fields)) == ["thinking", "text"]
    else:
        thought, said = (await plain(gateway, **fields))["content"]
        assert thought["thinking"] == "Let me see."
        assert thought["signature"]
        assert said["type"] == "text"
    assert ollama.generations[0].json["think"] is True


@pytest.mark.parametrize("stream", [False, True])
async def test_a_model_that_cannot_think_answers_without(
    gateway: Running, ollama: FakeOllama, stream: bool
) -> None:
    thinking = {"type": "enabled", "budget_tokens": 1024}
    body = asked(thinking=thinking, stream=stream)
    async with gateway.session.post(f"{gateway.url}/v1/messages", json=body) as answer:
        assert answer.status == 200
        assert "Hello" in await answer.text()
        assert "thinking" in answer.headers["x-ignored-parameters"]
    assert "think" not in ollama.generations[-1].json


async def test_a_picture_reaches_the_engine(gateway: Running, ollama: FakeOllama) -> None:
    picture = {"type": "base64", "media_type": "image/png", "data": "aGk="}
    content = [{"type": "image", "source": picture}, {"type": "text", "text": "What is it?"}]
    await plain(gateway, messages=[{"role": "user", "content": content}])
    message = ollama.generations[0].json["messages"][0]
    assert message == {"role": "user", "content": "What is it?", "images": ["aGk="]}


async def test_structured_output(gateway: Running, ollama: FakeOllama) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    await plain(gateway, output_config={"format": {"type": "json_schema", "schema": schema}})
    assert ollama.generations[0].json["format"] == schema


async def test_a_call_that_must_be_made(gateway: Running, ollama: FakeOllama) -> None:
    ollama.script.append(Answer(text='{"name": "get_weather", "arguments": {"city": "Rome"}}'))
    found = await plain(gateway, tools=[WEATHER], tool_choice={"type": "any"})
    assert found["content"][0]["input"] == {"city": "Rome"}
    assert "tools" not in ollama.generations[0].json


async def test_the_limit_of_the_answer(gateway: Running, ollama: FakeOllama) -> None:
    ollama.script.append(Answer(done_reason="length"))
    assert (await plain(gateway))["stop_reason"] == "max_tokens"


@pytest.mark.parametrize(
    ("body", "headers", "status", "kind"),
    [
        (b"{", {}, 400, "invalid_request_error"),
        (b"", {}, 400, "invalid_request_error"),
        (b'{"messages": []}', {}, 400, "invalid_request_error"),
        (b"{}", {"Content-Type": "text/plain"}, 415, "invalid_request_error"),
        (b" " * (1024 * 1024 + 1), {}, 413, "request_too_large"),
        (
            b'{"model":"gone","max_tokens":1,"messages":[{"role":"user","content":"Hi"}]}',
            {},
            404,
            "not_found_error",
        ),
    ],
)
async def test_a_refusal_has_anthropics_shape(
    start_gateway: StartGateway,
    ollama: FakeOllama,
    body: bytes,
    headers: dict[str, str],
    status: int,
    kind: str,
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, MAX_BODY_MB="1")
    headers = {"Content-Type": "application/json"} | headers
    found = await gateway.json("POST", "/v1/messages", data=BytesIO(body), headers=headers)
    assert (found[0], found[1]["type"], found[1]["error"]["type"]) == (status, "error", kind)
    assert found[1]["request_id"]


async def test_wrong_keys_paths_and_methods_have_anthropics_shape(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, API_KEY="a-key-of-our-own")
    status, found = await gateway.json("POST", "/v1/messages", json=asked())
    assert (status, found["error"]["type"]) == (401, "authentication_error")
    right = {"x-api-key": "a-key-of-our-own"}
    status, found = await gateway.json("POST", "/v1/messages", json=asked(), headers=right)
    assert status == 200
    status, found = await gateway.json("GET", "/v1/messages", headers=right)
    assert (status, found["error"]["type"]) == (405, "invalid_request_error")
    status, found = await gateway.json("POST", "/v1/messages/batches", headers=right)
    assert (status, found["error"]["type"]) == (404, "not_found_error")


async def test_an_engine_that_fails_is_an_api_error(gateway: Running, ollama: FakeOllama) -> None:
    ollama.answer = Answer(fault=Fault.error(after=2))
    status, found = await gateway.json("POST", "/v1/messages", json=asked())
    assert (status, found["error"]["type"]) == (502, "api_error")


@pytest.mark.parametrize("fault", [Fault.error(after=2), Fault.cut(after=2), Fault.silent(after=2)])
async def test_an_engine_that_fails_in_mid_stream_is_an_error_event(
    gateway: Running, ollama: FakeOllama, fault: Fault
) -> None:
    ollama.answer = Answer(pace=0.01, fault=fault)
    events = await streamed(gateway)
    assert events[-1]["type"] == "error"
    assert events[-1]["error"]["type"] == "api_error"
    assert "message_stop" not in [event["type"] for event in events]


async def test_a_silent_stream_is_kept_alive_by_pings(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, KEEPALIVE="50ms")
    ollama.answer = Answer(first=0.3)
    events = await streamed(gateway)
    assert events[0] == {"type": "ping"}
    assert events[-1]["type"] == "message_stop"


async def test_a_client_that_leaves_stops_the_engine(gateway: Running, ollama: FakeOllama) -> None:
    ollama.answer = Answer(pieces=("word ",) * 500, pace=0.02)
    body = asked(stream=True)
    async with gateway.session.post(f"{gateway.url}/v1/messages", json=body) as answer:
        await answer.content.readline()
        answer.close()
    await ollama.until(lambda: ollama.running == 0 and ollama.cancelled == 1, timeout=1.0)


async def count(gateway: Running, text: str) -> int:
    body = {"model": "llama3.1:8b", "messages": [{"role": "user", "content": text}]}
    url = f"{gateway.url}/v1/messages/count_tokens"
    async with gateway.session.post(url, json=body) as answer:
        assert answer.headers["x-token-count"] == "estimate"
        found: int = (await answer.json())["input_tokens"]
        return found


@pytest.mark.parametrize("stream", [False, True])
async def test_counting_learns_from_what_the_engine_counts(
    gateway: Running, ollama: FakeOllama, stream: bool
) -> None:
    """The fake counts words, which no tokenizer does."""
    texts = ["one two three " * size for size in (3, 10, 30, 100, 300)]
    for text in texts:
        messages = [{"role": "user", "content": text}]
        await (streamed if stream else plain)(gateway, messages=messages)
    for text in texts[1:]:
        assert await count(gateway, text) == pytest.approx(len(text.split()), rel=0.15)


async def test_counting_for_an_unknown_model_is_refused(gateway: Running) -> None:
    body = {"model": "gone", "messages": HI}
    status, found = await gateway.json("POST", "/v1/messages/count_tokens", json=body)
    assert (status, found["error"]["type"]) == (404, "not_found_error")


async def test_the_estimate_goes_out_first_and_the_truth_at_the_end(gateway: Running) -> None:
    events = await streamed(gateway, messages=[{"role": "user", "content": "word " * 200}])
    assert events[0]["message"]["usage"]["input_tokens"] > 100
    assert events[-2]["usage"]["input_tokens"] == 201  # the fake adds one


async def test_models_have_anthropics_shape_for_its_clients_only(gateway: Running) -> None:
    headers = {"anthropic-version": "2023-06-01"}
    status, found = await gateway.json("GET", "/v1/models?limit=2", headers=headers)
    assert (status, found["has_more"], len(found["data"])) == (200, True, 2)
    assert found["data"][0]["type"] == "model"
    path = f"/v1/models/{found['data'][0]['id']}"
    status, one = await gateway.json("GET", path, headers=headers)
    assert one == found["data"][0]
    status, others = await gateway.json("GET", "/v1/models")
    assert others["object"] == "list"
    status, found = await gateway.json("GET", "/anthropic/v1/models")
    assert "first_id" in found


@pytest.mark.parametrize(
    ("method", "path", "key", "status"),
    [("GET", "", "", 401), ("GET", "/nobody", "a-key-of-ours", 404), ("PUT", "", "", 405)],
)
async def test_what_is_wrong_with_models_is_told_as_its_clients_read_it(
    start_gateway: StartGateway,
    ollama: FakeOllama,
    method: str,
    path: str,
    key: str,
    status: int,
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, API_KEY="a-key-of-ours")
    headers = {"X-API-Key": key}
    told, others = await gateway.json(method, f"/v1/models{path}", headers=headers)
    assert (told, set(others)) == (status, {"error"})
    headers["anthropic-version"] = "2023-06-01"
    told, found = await gateway.json(method, f"/v1/models{path}", headers=headers)
    assert (told, set(found)) == (status, {"type", "error", "request_id"})


async def test_the_same_stands_under_its_prefix(gateway: Running) -> None:
    status, found = await gateway.json("POST", "/anthropic/v1/messages", json=asked())
    assert (status, found["type"]) == (200, "message")
    status, found = await gateway.json("POST", "/anthropic/v1/messages", json={})
    assert (status, found["type"]) == (400, "error")


async def test_a_query_and_beta_headers_change_nothing(gateway: Running) -> None:
    headers = {"anthropic-beta": "context-1m-2025-08-07", "anthropic-version": "2023-06-01"}
    path = "/v1/messages?beta=true"
    status, found = await gateway.json("POST", path, json=asked(), headers=headers)
    assert (status, found["type"]) == (200, "message")


async def test_the_request_id_is_where_anthropics_clients_look_for_it(gateway: Running) -> None:
    headers = {"anthropic-version": "2023-06-01", "X-Request-ID": "r-1"}
    url = f"{gateway.url}/v1/messages"
    for body in (asked(), {}):
        async with gateway.session.post(url, json=body, headers=headers) as answer:
            assert answer.headers["request-id"] == answer.headers["X-Request-ID"] == "r-1"
