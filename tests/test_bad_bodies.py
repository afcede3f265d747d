"""Bodies that no client should send: for each its status, type and `param`, and nobody falls over.

One row is a body, sent as it stands; the table says all that a client may rely on.
"""

from typing import Any

import orjson
import pytest

from tests.conftest import Running
from tests.fakes.ollama import FakeOllama

CHAT, TEXT, EMBED = "/v1/chat/completions", "/v1/completions", "/v1/embeddings"
HI = [{"role": "user", "content": "Hi"}]
INVALID = "invalid_request_error"
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
TOOL = {"type": "function", "function": {"name": "f"}}


def chat(**fields: Any) -> bytes:
    return orjson.dumps({"model": "llama3.2", "messages": HI, **fields})


def said(*messages: Any) -> bytes:
    return chat(messages=messages)


def part(*parts: Any) -> bytes:
    return said({"role": "user", "content": parts})


def text(**fields: Any) -> bytes:
    return orjson.dumps({"model": "llama3.2", "prompt": "Hi", **fields})


def embed(**fields: Any) -> bytes:
    return orjson.dumps({"model": "nomic-embed-text", "input": "Hi", **fields})


def called(function: Any) -> bytes:
    return said(*HI, {"role": "assistant", "tool_calls": [{"id": "1", "function": function}]})


DEEP = b'{"messages":' + b"[" * 5000 + b"]" * 5000 + b"}"
NESTED = b'{"model":"m","metadata":' + b'{"a":' * 200 + b"1" + b"}" * 200 + b"}"

# body, status, param
BAD_CHATS: list[tuple[bytes, int, str | None]] = [
    # no JSON object at all
    (b"", 400, None),
    (b"   ", 400, None),
    (b"{", 400, None),
    (b"not json", 400, None),
    (b"[]", 400, None),
    (b"null", 400, None),
    (b'"text"', 400, None),
    (b"42", 400, None),
    (b'{"model":"llama3.2",}', 400, None),
    (b"{'model':'llama3.2'}", 400, None),
    (b'{"model":"llama3.2"} trailing', 400, None),
    (b'{"temperature":NaN}', 400, None),
    (b'{"temperature":Infinity}', 400, None),
    (b'{"model":"a\x00b"}', 400, None),
    (b'{"model":"\xff\xfe"}', 400, None),
    (b'{"model":"\\ud800"}', 400, None),
    (b'{"model":"\\udc00\\ud800"}', 400, None),
    (DEEP, 400, None),
    (NESTED, 400, None),
    # keys
    (chat(MODEL="other"), 400, "MODEL"),
    (chat(Messages=HI), 400, "Messages"),
    (chat(sTream=True), 400, "sTream"),
    # the model
    (chat(model="nobody"), 404, "model"),
    (chat(model=5), 400, "model"),
    (chat(model=["llama3.2"]), 400, "model"),
    (chat(model={}), 400, "model"),
    (chat(model="a\x00b"), 400, "model"),
    (chat(model="a b"), 400, "model"),
    (chat(model="../../etc/passwd"), 400, "model"),
    (chat(model="m" * 600), 400, "model"),
    (chat(model="m:cloud"), 403, "model"),
    # messages
    (b'{"model":"llama3.2"}', 400, "messages"),
    (chat(messages=None), 400, "messages"),
    (chat(messages=[]), 400, "messages"),
    (chat(messages="Hi"), 400, "messages"),
    (chat(messages={"role": "user"}), 400, "messages"),
    (said("Hi"), 400, "messages[0]"),
    (said(None), 400, "messages[0]"),
    (said({}), 400, "messages[0].role"),
    (said({"role": "robot", "content": "x"}), 400, "messages[0].role"),
    (said({"role": 5, "content": "x"}), 400, "messages[0].role"),
    (said({"role": "user"}), 400, "messages[0].content"),
    (said({"role": "user", "content": None}), 400, "messages[0].content"),
    (said({"role": "user", "content": 5}), 400, "messages[0].content"),
    (said(*HI, {"role": "user", "content": {"text": "x"}}), 400, "messages[1].content"),
    (part("x"), 400, "messages[0].content[0]"),
    (part({"text": "x"}), 400, "messages[0].content[0].type"),
    (part({"type": "video"}), 400, "messages[0].content[0].type"),
    (part({"type": "text"}), 400, "messages[0].content[0].text"),
    (part({"type": "text", "text": 5}), 400, "messages[0].content[0].text"),
    (part({"type": "image_url"}), 400, "messages[0].content[0].image_url"),
    (
        part(PICTURE, {"type": "image_url", "image_url": {}}),
        400,
        "messages[0].content[1].image_url.url",
    ),
    (
        part({"type": "image_url", "image_url": "https://x.org/a.png"}),
        400,
        "messages[0].content[0].image_url.url",
    ),
    (
        part({"type": "image_url", "image_url": "data:image/png;base64,a"}),
        400,
        "messages[0].content[0].image_url.url",
    ),
    (
        part({"type": "input_audio", "input_audio": {"data": "!"}}),
        400,
        "messages[0].content[0].input_audio.data",
    ),
    (part({"type": "file", "file": {}}), 400, "messages[0].content[0].type"),
    (said({"role": "tool", "content": "x"}), 400, "messages[0].tool_call_id"),
    (called({}), 400, "messages[1].tool_calls[0].function.name"),
    (called({"name": "f", "arguments": "{"}), 400, "messages[1].tool_calls[0].function.arguments"),
    (called({"name": "f", "arguments": "[]"}), 400, "messages[1].tool_calls[0].function.arguments"),
    (called({"name": "f", "arguments": {}}), 400, "messages[1].tool_calls[0].function.arguments"),
    # numbers
    (chat(temperature="hot"), 400, "temperature"),
    (chat(temperature=-0.1), 400, "temperature"),
    (chat(temperature=2.1), 400, "temperature"),
    (chat(temperature=True), 400, "temperature"),
    (chat(top_p=1.1), 400, "top_p"),
    (chat(max_tokens=0), 400, "max_tokens"),
    (chat(max_tokens=1.5), 400, "max_tokens"),
    (chat(max_tokens="5"), 400, "max_tokens"),
    (chat(max_completion_tokens=-1), 400, "max_completion_tokens"),
    (chat(max_tokens=2**40), 400, "max_tokens"),
    (chat(seed="x"), 400, "seed"),
    (b'{"model":"llama3.2","messages":[{"role":"user","content":"x"}],"seed":1e30}', 400, "seed"),
    (chat(presence_penalty=3), 400, "presence_penalty"),
    (chat(frequency_penalty=-3), 400, "frequency_penalty"),
    (chat(n=0), 400, "n"),
    (chat(n=17), 400, "n"),
    (chat(logprobs=3), 400, "logprobs"),
    (chat(top_logprobs=3), 400, "top_logprobs"),
    (chat(logprobs=True, top_logprobs=21), 400, "top_logprobs"),
    (chat(num_ctx=-5), 400, "num_ctx"),
    # the rest
    (chat(stream="yes"), 400, "stream"),
    (chat(stream=1), 400, "stream"),
    (chat(stream_options={"include_usage": True}), 400, "stream_options"),
    (chat(stream=True, stream_options=5), 400, "stream_options"),
    (chat(stop=5), 400, "stop"),
    (chat(stop=[1]), 400, "stop[0]"),
    (chat(logit_bias={"5": "x"}), 400, "logit_bias"),
    (chat(logit_bias=[1]), 400, "logit_bias"),
    (chat(tools="f"), 400, "tools"),
    (chat(tools=[{}]), 400, "tools[0].function"),
    (chat(tools=[{"type": "function", "function": {}}]), 400, "tools[0].function.name"),
    (chat(tools=[{"type": "custom", "function": {"name": "f"}}]), 400, "tools[0].type"),
    (
        chat(tools=[{"function": {"name": "f", "parameters": 5}}]),
        400,
        "tools[0].function.parameters",
    ),
    (chat(tool_choice="required"), 400, "tool_choice"),
    (chat(tools=[TOOL], tool_choice="maybe"), 400, "tool_choice"),
    (
        chat(tools=[TOOL], tool_choice={"type": "function", "function": {"name": "g"}}),
        400,
        "tool_choice",
    ),
    (chat(function_call={"name": "f"}), 400, "function_call"),
    (chat(response_format="json"), 400, "response_format"),
    (chat(response_format={"type": "xml"}), 400, "response_format.type"),
    (chat(response_format={"type": "json_schema"}), 400, "response_format.json_schema"),
    (chat(reasoning_effort="very"), 400, "reasoning_effort"),
    (chat(modalities=["audio"]), 400, "modalities"),
    (chat(audio={"voice": "alloy"}), 400, "audio"),
    (chat(web_search_options={"search_context_size": "low"}), 400, "web_search_options"),
    (chat(user=5), 400, "user"),
    (chat(options="x"), 400, "options"),
]

BAD_TEXTS: list[tuple[bytes, int, str | None]] = [
    (b"{", 400, None),
    (b'{"model":"llama3.2"}', 400, "prompt"),
    (text(prompt=None), 400, "prompt"),
    (text(prompt=5), 400, "prompt"),
    (text(prompt=[1, 2]), 400, "prompt"),
    (text(prompt=[[1], [2]]), 400, "prompt"),
    (text(prompt=[]), 400, "prompt"),
    (text(prompt=[{}]), 400, "prompt[0]"),
    (text(model="nobody"), 404, "model"),
    (text(n=17), 400, "n"),
    (text(best_of=3), 400, "best_of"),
    (text(logprobs=21), 400, "logprobs"),
    (text(Prompt="x"), 400, "Prompt"),
    (text(max_tokens="x"), 400, "max_tokens"),
]

BAD_EMBEDS: list[tuple[bytes, int, str | None]] = [
    (b"{", 400, None),
    (b'{"model":"nomic-embed-text"}', 400, "input"),
    (embed(input=""), 400, "input"),
    (embed(input=[]), 400, "input"),
    (embed(input=["a", ""]), 400, "input"),
    (embed(input=[1, 2]), 400, "input"),
    (embed(input=[[1], [2]]), 400, "input"),
    (embed(input=["x"] * 2049), 400, "input"),
    (embed(input={"text": "x"}), 400, "input"),
    (embed(dimensions=0), 400, "dimensions"),
    (embed(encoding_format="hex"), 400, "encoding_format"),
    (embed(model="nobody"), 404, "model"),
    (embed(INPUT="x"), 400, "INPUT"),
]
ROWS = [
    (path, *row)
    for path, rows in ((CHAT, BAD_CHATS), (TEXT, BAD_TEXTS), (EMBED, BAD_EMBEDS))
    for row in rows
]


async def send(gateway: Running, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
    headers = {"Content-Type": "application/json"}
    async with gateway.session.post(gateway.url + path, data=body, headers=headers) as answer:
        found: dict[str, Any] = await answer.json()
        assert set(found) == {"error"}
        assert found["error"]["request_id"] == answer.headers["X-Request-ID"]
        return answer.status, found["error"]


async def test_each_bad_body_is_refused_by_name_and_the_gateway_lives(
    gateway: Running, ollama: FakeOllama
) -> None:
    await gateway.json("GET", "/v1/models")
    wrong = []
    for path, body, status, param in ROWS:
        found, error = await send(gateway, path, body)
        kind = "permission_error" if status == 403 else INVALID
        if (found, error["type"], error["param"]) != (status, kind, param):
            wrong.append((path, body[:100], found, error))
        assert error["message"]
    assert not wrong
    assert len(BAD_CHATS) >= 40
    assert ollama.generations == []  # nothing of all this reached the engine
    assert not [line for line in gateway.lines() if line["level"] == "error"]
    found, _ = await gateway.json(
        "POST", CHAT, data=chat(), headers={"Content-Type": "application/json"}
    )
    assert found == 200


async def test_an_unknown_model_is_refused_as_openai_does(gateway: Running) -> None:
    for path, body in ((CHAT, chat(model="gpt-9")), (TEXT, text(model="gpt-9"))):
        _, error = await send(gateway, path, body)
        assert error["code"] == "model_not_found"
        assert error["message"] == (
            "The model `gpt-9` does not exist or you do not have access to it."
        )


@pytest.mark.parametrize("stream", [False, True])
async def test_what_only_the_engine_can_judge_is_the_clients_fault_all_the_same(
    gateway: Running, stream: bool
) -> None:
    for fields in ({"options": {"mirostat": 1, "num_gpu": "x"}}, {"keep_alive": "for a while"}):
        status, error = await send(gateway, CHAT, chat(stream=stream, **fields))
        assert (status, error["type"]) == (400, INVALID)


async def test_keys_given_twice_and_letters_of_zero_do_no_harm(
    gateway: Running, ollama: FakeOllama
) -> None:
    twice = (
        b'{"model":"nobody","model":"llama3.2","messages":[{"role":"user","content":"\\u0000"}]}'
    )
    headers = {"Content-Type": "application/json"}
    status, _ = await gateway.json("POST", CHAT, data=twice, headers=headers)
    assert status == 200
    assert ollama.generations[-1].json["messages"][0]["content"] == "\0"


async def test_a_schema_without_an_end_is_no_trouble(gateway: Running) -> None:
    def nested(depth: int) -> dict[str, Any]:
        return {"type": "object", "properties": {"x": nested(depth - 1)}} if depth else {}

    itself = {"$ref": "#"}
    for parameters in (nested(44), itself, {"properties": {"a": itself, "b": itself}}):
        tools = [{"type": "function", "function": {"name": "f", "parameters": parameters}}]
        for choice in ("auto", "required"):
            headers = {"Content-Type": "application/json"}
            body = chat(tools=tools, tool_choice=choice)
            status, found = await gateway.json("POST", CHAT, data=body, headers=headers)
            assert status == 200, found
