"""OpenAI's Responses API, from a client's bytes to the engine's and back."""

from typing import Any

import pytest

from tests.conftest import Running, StartGateway
from tests.dialects.events import read_events
from tests.fakes.ollama import Answer, Call, FakeOllama, Fault

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
PARIS = Answer(text="", tool_calls=(Call("get_weather", {"city": "Paris"}, "abc123"),))


def asked(**fields: Any) -> dict[str, Any]:
    return {"model": "llama3.1:8b", "input": "Hi"} | fields


async def plain(gateway: Running, **fields: Any) -> Any:
    status, found = await gateway.json("POST", "/v1/responses", json=asked(**fields))
    assert status == 200, found
    return found


async def streamed(gateway: Running, **fields: Any) -> list[dict[str, Any]]:
    body = asked(stream=True, **fields)
    async with gateway.session.post(f"{gateway.url}/v1/responses", json=body) as answer:
        assert answer.status == 200, await answer.text()
        return [event async for event in read_events(answer)]


async def response(gateway: Running, stream: bool, **fields: Any) -> Any:
    if not stream:
        return await plain(gateway, **fields)
    events = await streamed(gateway, **fields)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    return events[-1]["response"]


both = pytest.mark.parametrize("stream", [False, True])


@both
async def test_text(gateway: Running, stream: bool) -> None:
    found = await response(gateway, stream)
    assert (found["object"], found["status"]) == ("response", "completed")
    assert found["output"][0]["content"][0]["text"] == "Hello there, friend!"
    assert found["usage"]["output_tokens"] > 0


async def test_what_reaches_the_engine(gateway: Running, ollama: FakeOllama) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    picture = {"type": "input_image", "image_url": "data:image/png;base64,aGk="}
    await plain(
        gateway,
        instructions="Be brief.",
        input=[{"role": "user", "content": [{"type": "input_text", "text": "?"}, picture]}],
        max_output_tokens=7,
        temperature=0.5,
        text={"format": {"type": "json_schema", "name": "a", "schema": schema}},
    )
    body = ollama.generations[0].json
    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "?", "images": ["aGk="]},
    ]
    assert body["options"] == {"temperature": 0.5, "num_predict": 7}
    assert body["format"] == schema


@both
async def test_a_round_of_functions(gateway: Running, ollama: FakeOllama, stream: bool) -> None:
    ollama.script.append(PARIS)
    first = await response(gateway, stream, tools=[WEATHER])
    (call,) = first["output"]
    assert (call["type"], call["name"]) == ("function_call", "get_weather")
    assert call["arguments"] == '{"city":"Paris"}'
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "18"}
    await response(gateway, stream, previous_response_id=first["id"], input=[output])
    user, assistant, tool = ollama.generations[-1].json["messages"]
    assert user["content"] == "Hi"
    assert assistant["tool_calls"][0]["function"]["arguments"] == {"city": "Paris"}
    assert (tool["content"], tool["tool_name"]) == ("18", "get_weather")


@both
async def test_reasoning(gateway: Running, ollama: FakeOllama, stream: bool) -> None:
    found = await response(gateway, stream, model="qwen3", reasoning={"effort": "high"})
    assert found["output"][0]["summary"][0]["text"] == "Let me see."
    assert ollama.generations[0].json["think"] == "high"


@both
async def test_an_answer_that_was_cut(gateway: Running, ollama: FakeOllama, stream: bool) -> None:
    ollama.script.append(Answer(done_reason="length"))
    found = await response(gateway, stream)
    assert found["status"] == "incomplete"
    assert found["incomplete_details"] == {"reason": "max_output_tokens"}


@both
async def test_a_conversation_is_kept(gateway: Running, ollama: FakeOllama, stream: bool) -> None:
    first = await response(gateway, stream, instructions="Be brief.", input="One")
    second = await response(gateway, stream, previous_response_id=first["id"], input="Two")
    await response(gateway, stream, previous_response_id=second["id"], input="Three")
    said = [message["content"] for message in ollama.generations[-1].json["messages"]]
    assert said == ["One", "Hello there, friend!", "Two", "Hello there, friend!", "Three"]


@both
async def test_a_response_is_read_again_and_deleted(gateway: Running, stream: bool) -> None:
    first = await response(gateway, stream)
    path = f"/v1/responses/{first['id']}"
    assert await gateway.json("GET", path) == (200, first)
    assert await gateway.json("DELETE", path) == (
        200,
        {"id": first["id"], "object": "response", "deleted": True},
    )
    for method in ("GET", "DELETE"):
        status, found = await gateway.json(method, path)
        assert (status, found["error"]["type"]) == (404, "invalid_request_error")


async def test_the_items_of_the_input_come_in_pages(gateway: Running) -> None:
    turns = [{"role": "user", "content": text} for text in ("One", "Two", "Three")]
    first = await plain(gateway, input=turns)
    path = f"/v1/responses/{first['id']}/input_items"
    status, page = await gateway.json("GET", f"{path}?limit=2&order=asc")
    assert [item["content"][0]["text"] for item in page["data"]] == ["One", "Two"]
    assert page["has_more"]
    status, page = await gateway.json("GET", f"{path}?order=asc&after={page['last_id']}")
    assert [item["content"][0]["text"] for item in page["data"]] == ["Three"]
    status, page = await gateway.json("GET", path)
    assert [item["content"][0]["text"] for item in page["data"]] == ["Three", "Two", "One"]
    status, page = await gateway.json("GET", "/v1/responses/resp_gone/input_items")
    assert status == 404


@both
@pytest.mark.parametrize(
    ("fields", "headers"), [({"store": False}, {}), ({}, {"Cache-Control": "no-store"})]
)
async def test_what_shall_not_be_stored_is_not(
    gateway: Running, stream: bool, fields: dict[str, Any], headers: dict[str, str]
) -> None:
    body = asked(stream=stream, **fields)
    url = f"{gateway.url}/v1/responses"
    async with gateway.session.post(url, json=body, headers=headers) as answer:
        if stream:
            id = [event async for event in read_events(answer)][-1]["response"]["id"]
        else:
            id = (await answer.json())["id"]
    assert (await gateway.json("GET", f"/v1/responses/{id}"))[0] == 404
    status, found = await gateway.json("POST", "/v1/responses", json=asked(previous_response_id=id))
    assert (status, found["error"]["param"]) == (400, "previous_response_id")


async def test_an_item_may_be_referred_to(gateway: Running, ollama: FakeOllama) -> None:
    first = await plain(gateway)
    reference = {"type": "item_reference", "id": first["output"][0]["id"]}
    await plain(gateway, input=[reference, {"role": "user", "content": "Go on."}])
    assert ollama.generations[-1].json["messages"][0] == {
        "role": "assistant",
        "content": "Hello there, friend!",
    }


async def test_nobody_reads_the_responses_of_another_account(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    keys = {"API_KEYS": "ann-has-a-key,bob-has-a-key"}
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, **keys)
    ann, bob = ({"Authorization": f"Bearer {key}"} for key in keys["API_KEYS"].split(","))
    _, first = await gateway.json("POST", "/v1/responses", json=asked(), headers=ann)
    path = f"/v1/responses/{first['id']}"
    assert (await gateway.json("GET", path, headers=bob))[0] == 404
    assert (await gateway.json("DELETE", path, headers=bob))[0] == 404
    assert (await gateway.json("GET", f"{path}/input_items", headers=bob))[0] == 404
    body = asked(previous_response_id=first["id"])
    assert (await gateway.json("POST", "/v1/responses", json=body, headers=bob))[0] == 400
    assert (await gateway.json("GET", path, headers=ann))[0] == 200


async def test_counting_the_input(gateway: Running) -> None:
    body = {"model": "llama3.1:8b", "input": "word " * 100}
    status, found = await gateway.json("POST", "/v1/responses/input_tokens", json=body)
    assert (status, found["object"]) == (200, "response.input_tokens")
    assert found["input_tokens"] > 50


@pytest.mark.parametrize(
    ("method", "path", "body", "param"),
    [
        ("POST", "", {"background": True, "input": "Hi"}, "background"),
        ("POST", "", {"input": "Hi", "tools": [{"type": "web_search"}]}, "tools[0].type"),
        ("POST", "/resp_1/cancel", None, "id"),
        ("GET", "/resp_1?stream=true", None, "stream"),
        ("GET", "/resp_1/input_items?limit=0", None, "limit"),
        ("GET", "/resp_1/input_items?order=up", None, "order"),
    ],
)
async def test_what_is_not_here_is_refused_by_name(
    gateway: Running, method: str, path: str, body: Any, param: str
) -> None:
    status, found = await gateway.json(method, f"/v1/responses{path}", json=body)
    assert (status, found["error"]["param"]) == (400, param)
    assert found["error"]["type"] == "invalid_request_error"


async def test_an_engine_that_fails(gateway: Running, ollama: FakeOllama) -> None:
    ollama.answer = Answer(fault=Fault.error(after=2))
    status, found = await gateway.json("POST", "/v1/responses", json=asked())
    assert (status, found["error"]["type"]) == (502, "server_error")


@pytest.mark.parametrize("fault", [Fault.error(after=2), Fault.cut(after=2), Fault.silent(after=2)])
async def test_an_engine_that_fails_in_mid_stream(
    gateway: Running, ollama: FakeOllama, fault: Fault
) -> None:
    ollama.answer = Answer(pace=0.01, fault=fault)
    last = (await streamed(gateway))[-1]
    assert last["type"] == "response.failed"
    assert last["response"]["error"]["code"] == "server_error"
    assert (await gateway.json("GET", f"/v1/responses/{last['response']['id']}"))[0] == 404


async def test_a_client_that_leaves_stops_the_engine(gateway: Running, ollama: FakeOllama) -> None:
    ollama.answer = Answer(pieces=("word ",) * 500, pace=0.02)
    body = asked(stream=True)
    async with gateway.session.post(f"{gateway.url}/v1/responses", json=body) as answer:
        await answer.content.readline()
        answer.close()
    await ollama.until(lambda: ollama.running == 0 and ollama.cancelled == 1, timeout=1.0)


async def test_the_same_stands_under_its_prefix(gateway: Running) -> None:
    status, found = await gateway.json("POST", "/openai/v1/responses", json=asked())
    assert (status, found["object"]) == (200, "response")
