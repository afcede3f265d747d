"""Ollama's own API, from a client's bytes to the engine's and back."""

import asyncio
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import orjson
import pytest

from tests.conftest import Running, StartGateway
from tests.fakes.ollama import Answer, Call, FakeModel, FakeOllama, Fault
from tests.fakes.openai import THOUGHT, WORDS, Habits, OpenAIServer

HI = [{"role": "user", "content": "Hi"}]
PARIS = Answer(text="", tool_calls=(Call("get_weather", {"city": "Paris"}),))
CHAT = {"model": "llama3.2", "messages": HI}
GENERATE = {"model": "llama3.2", "prompt": "Hi"}


async def lines(gateway: Running, path: str, **body: Any) -> list[dict[str, Any]]:
    async with gateway.session.post(f"{gateway.url}{path}", json=body) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.content_type == "application/x-ndjson"
        return [orjson.loads(line) for line in (await answer.read()).splitlines()]


async def plain(gateway: Running, path: str, **body: Any) -> Any:
    status, found = await gateway.json("POST", path, json={"stream": False, **body})
    assert status == 200, found
    return found


# ---------------------------------------------------------------- answers


async def test_a_chat_streams_unless_told_otherwise(gateway: Running) -> None:
    found = await lines(gateway, "/api/chat", **CHAT)
    assert "".join(line["message"]["content"] for line in found) == "Hello there, friend!"
    assert {line["model"] for line in found} == {"llama3.2"}
    assert [line["done"] for line in found] == [False] * (len(found) - 1) + [True]
    last = found[-1]
    assert last["done_reason"] == "stop"
    assert all(last[name] > 0 for name in ("total_duration", "eval_count", "prompt_eval_count"))


async def test_a_plain_chat(gateway: Running) -> None:
    found = await plain(gateway, "/api/chat", **CHAT)
    assert found["message"] == {"role": "assistant", "content": "Hello there, friend!"}
    assert found["done"] is True
    assert found["eval_duration"] > 0


async def test_a_completion_streamed_and_plain(gateway: Running) -> None:
    found = await lines(gateway, "/api/generate", **GENERATE)
    assert "".join(line["response"] for line in found) == "Hello there, friend!"
    assert found[-1]["context"] == [1, 2, 3]
    whole = await plain(gateway, "/api/generate", **GENERATE)
    assert (whole["response"], whole["context"]) == ("Hello there, friend!", [1, 2, 3])


@pytest.mark.parametrize("rendered", [False, True])
async def test_tools(start_gateway: StartGateway, rendered: bool) -> None:
    async with FakeOllama(FakeModel("m:latest", rendered=rendered), answer=PARIS) as ollama:
        gateway = await start_gateway(OLLAMA_HOST=ollama.url)
        body = {"model": "m", "messages": HI, "tools": [{"function": {"name": "get_weather"}}]}
        found = await lines(gateway, "/api/chat", **body)
        whole = await plain(gateway, "/api/chat", **body)
    (call,) = [c for line in found for c in line["message"].get("tool_calls", ())]
    assert call == {
        "id": "call_5ssa8l39",
        "function": {"index": 0, "name": "get_weather", "arguments": {"city": "Paris"}},
    }
    assert whole["message"]["tool_calls"] == [call]
    assert found[-1]["done_reason"] == whole["done_reason"] == "stop"


async def test_thinking(gateway: Running) -> None:
    found = await lines(gateway, "/api/chat", model="qwen3", messages=HI)
    assert "".join(line["message"].get("thinking", "") for line in found) == "Let me see."
    whole = await plain(gateway, "/api/chat", model="qwen3", messages=HI, think=True)
    assert whole["message"]["thinking"] == "Let me see."
    silent = await plain(gateway, "/api/chat", model="qwen3", messages=HI, think=False)
    assert "thinking" not in silent["message"]


async def test_log_probabilities(gateway: Running) -> None:
    body = {**CHAT, "logprobs": True, "top_logprobs": 2}
    found = await lines(gateway, "/api/chat", **body)
    entries = [entry for line in found for entry in line.get("logprobs", ())]
    assert "".join(entry["token"] for entry in entries) == "Hello there, friend!"
    assert len(entries[0]["top_logprobs"]) == 2
    whole = await plain(gateway, "/api/chat", **body)
    assert whole["logprobs"] == entries


async def test_what_reaches_the_engine(gateway: Running, ollama: FakeOllama) -> None:
    body = {
        **CHAT,
        "keep_alive": "10m",
        "options": {"num_ctx": 2048, "num_gpu": 1, "stop": ["END"]},
        "format": {"type": "object"},
        "template": "{{ .Prompt }}",
        "of_next_year": [1],
    }
    await plain(gateway, "/api/chat", **body)
    seen = ollama.generations[0]
    assert seen.json == {**body, "model": "llama3.2:latest", "stream": True}
    assert seen.headers["x-llamagate-hops"] == "1"
    assert "authorization" not in seen.headers


async def test_any_content_type_is_taken(gateway: Running) -> None:
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "nonsense"):
        async with gateway.session.post(
            f"{gateway.url}/api/chat",
            data=orjson.dumps({**CHAT, "stream": False}),
            headers={"Content-Type": content_type},
        ) as answer:
            assert answer.status == 200


async def test_the_model_is_called_what_the_client_called_it(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(
        OLLAMA_HOST=ollama.url, MODEL_ALIASES="gpt-4=llama3.2", OLLAMA_MODEL="llama3.1:8b"
    )
    for asked in ("LLAMA3.2", "library/llama3.2:latest", "gpt-4"):
        assert (await plain(gateway, "/api/chat", model=asked, messages=HI))["model"] == asked
    assert (await plain(gateway, "/api/chat", messages=HI))["model"] == "llama3.1:8b"
    names = {seen.json["model"] for seen in ollama.generations}
    assert names == {"llama3.2:latest", "llama3.1:8b"}


async def test_a_plain_answer_is_remembered_and_a_stream_is_not(
    gateway: Running, ollama: FakeOllama
) -> None:
    for _ in range(2):
        await plain(gateway, "/api/chat", **CHAT)
    assert len(ollama.generations) == 1
    for _ in range(2):
        await lines(gateway, "/api/chat", **CHAT)
    assert len(ollama.generations) == 3


async def test_a_model_is_loaded_and_unloaded(gateway: Running, ollama: FakeOllama) -> None:
    for path in ("/api/chat", "/api/generate"):
        (found,) = await lines(gateway, path, model="llama3.2")
        assert (found["done"], found["done_reason"]) == (True, "load")
        assert ollama.loaded == ["llama3.2:latest"]
        _, ps = await gateway.json("GET", "/api/ps")
        assert [model["name"] for model in ps["models"]] == ["llama3.2:latest"]
        found = await plain(gateway, path, model="llama3.2", keep_alive=0)
        assert found["done_reason"] == "unload"
        _, ps = await gateway.json("GET", "/api/ps")
        assert ps == {"models": []}


async def test_embeddings(gateway: Running, ollama: FakeOllama) -> None:
    body = {"model": "nomic-embed-text", "input": ["a", "b"], "dimensions": 4}
    status, found = await gateway.json("POST", "/api/embed", json=body)
    assert (status, found["model"]) == (200, "nomic-embed-text")
    assert [len(vector) for vector in found["embeddings"]] == [4, 4]
    assert found["total_duration"] > 0
    older = {"model": "nomic-embed-text", "prompt": "a"}
    _, one = await gateway.json("POST", "/api/embeddings", json=older)
    assert one.keys() == {"embedding"}
    assert one["embedding"][:4] != []
    _, nothing = await gateway.json("POST", "/api/embed", json={"model": "nomic-embed-text"})
    assert nothing["embeddings"] == []


# ---------------------------------------------------------------- silence and failure


async def test_a_quiet_stream_is_kept_alive_by_spaces(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, KEEPALIVE="0.2s")
    ollama.answer = Answer(pieces=("one", "two"), first=0.3, pace=0.3)
    async with gateway.session.post(f"{gateway.url}/api/chat", json=CHAT) as answer:
        body = await answer.read()
    assert body.count(b" {") == 2
    assert [orjson.loads(line)["message"]["content"] for line in body.splitlines()] == [
        "one",
        "two",
        "",
    ]


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault.answer(503), 503),
        (Fault.answer(500, "llama-server process has terminated"), 502),
        (Fault.answer(400, "does not support tools"), 400),
        (Fault.cut(), 502),
        (Fault.error(), 502),
        (Fault.garbage(), 502),
    ],
)
async def test_an_early_failure_has_a_status(
    gateway: Running, ollama: FakeOllama, path: str, fault: Fault, status: int
) -> None:
    ollama.answer = Answer(fault=fault)
    for stream in (True, False):
        body = {**(CHAT if path == "/api/chat" else GENERATE), "stream": stream}
        async with gateway.session.post(f"{gateway.url}{path}", json=body) as answer:
            assert answer.status == status
            assert answer.content_type == "application/json"
            found = await answer.json()
        assert found.keys() == {"error"}
        assert found["error"]


@pytest.mark.parametrize(
    "fault", [Fault.error(2), Fault.cut(2), Fault.silent(2), Fault.garbage(2)], ids=lambda f: f.kind
)
@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
async def test_a_late_failure_is_the_last_line(
    gateway: Running, ollama: FakeOllama, path: str, fault: Fault
) -> None:
    ollama.answer = Answer(fault=fault, pace=0.01)
    body = CHAT if path == "/api/chat" else GENERATE
    *said, last = await lines(gateway, path, **body)
    assert said
    assert not any(line["done"] for line in said)
    assert last.keys() == {"error"}
    assert last["error"]
    assert gateway.lines()[-1]["error"]


async def test_a_client_that_leaves_stops_the_engine(gateway: Running, ollama: FakeOllama) -> None:
    ollama.answer = Answer(pieces=("word ",) * 2000, pace=0.02)
    for path, body in (("/api/chat", CHAT), ("/api/generate", GENERATE)):
        async with gateway.session.post(f"{gateway.url}{path}", json=body) as answer:
            await answer.content.readline()
            answer.close()
        await ollama.until(lambda: ollama.running == 0, timeout=1.0)
        asking = asyncio.ensure_future(plain(gateway, path, **body))
        await ollama.until(lambda: ollama.running == 1)
        asking.cancel()
        await ollama.until(lambda: ollama.running == 0, timeout=1.0)
    assert ollama.cancelled == 4


DEEP = b'{"messages":' + b"[" * 500 + b"]" * 500 + b"}"
BAD = [
    b"",
    b" ",
    b"{",
    b"[]",
    b"null",
    b'"text"',
    b"5",
    b"\xff\xfe",
    b"{} {}",
    b'{"model": NaN}',
    b'{"model": "\\ud800"}',
    b'{"model": "m", "options": {"seed": 1e999}}',
    b"{'model': 'm'}",
    DEEP,
    DEEP * 200,
    b'{"model": "a b"}',
    b'{"model": "m\\u0000"}',
    b'{"model": "/m"}',
    b'{"model": "../m"}',
    b'{"model": "m:"}',
    b'{"model": "m:local:cloud"}',
    b'{"model": "' + b"x" * 5000 + b'"}',
    b'{"MODEL": "m"}',
    b'{"_debug_render_only": true}',
    b'{"stream": "no"}',
    b'{"stream": []}',
    b'{"keep_alive": {}}',
    b'{"format": "xml"}',
    b'{"think": 5}',
    b'{"options": "fast"}',
    b'{"options": {"stop": "END"}}',
    b'{"options": {"num_ctx": "4k"}}',
    b'{"options": {"Temperature": 1}}',
    b'{"logprobs": "yes"}',
    b'{"top_logprobs": 99}',
    b'{"messages": "Hi", "prompt": 5, "input": 5}',
    b'{"messages": [5], "prompt": [], "input": [5]}',
    b'{"messages": [{"content": []}], "prompt": {}, "input": {}}',
    b'{"messages": [{"Role": "user"}], "Prompt": "", "Input": ""}',
    b'{"messages": [{"images": "x"}], "images": "x", "truncate": 5}',
    b'{"messages": [{"images": ["data:,"]}], "images": ["data:,"], "dimensions": "x"}',
    b'{"messages": [{"tool_calls": [{}]}], "suffix": [], "Truncate": true}',
]
GENERATING = ("/api/chat", "/api/generate")


@pytest.mark.parametrize("path", [*GENERATING, "/api/embed", "/api/show"])
async def test_bad_bodies_are_refused_in_words_and_nothing_dies(
    gateway: Running, ollama: FakeOllama, path: str
) -> None:
    only_for_generating = {24, 25, 26, 27, 28, 30, 33, 34}
    for number, body in enumerate(BAD):
        if path == "/api/embed" and number in only_for_generating - {26, 30}:
            continue
        if path == "/api/show" and number > 23:
            continue
        async with gateway.session.post(f"{gateway.url}{path}", data=body) as answer:
            found = orjson.loads(await answer.read())
            assert answer.status == 400, (number, body[:100], found)
            assert found.keys() == {"error"}
            assert len(found["error"]) > 10
    assert ollama.generations == []
    assert (await plain(gateway, "/api/chat", **CHAT))["done"]
    assert not any(line.get("error") == "internal_error" for line in gateway.lines())


async def test_a_body_that_is_too_large_is_refused(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, MAX_BODY_MB="1")
    body = BytesIO(orjson.dumps({**GENERATE, "prompt": "x" * 1_100_000}))
    status, found = await gateway.json("POST", "/api/generate", data=body)
    assert (status, found.keys()) == (413, {"error"})


async def test_paths_and_methods_that_are_not_there(gateway: Running) -> None:
    for method, path, allow in (
        ("GET", "/api/chat", "POST"),
        ("DELETE", "/api/tags", "GET, HEAD"),
        ("PUT", "/ollama/api/show", "POST"),
        ("POST", "/api/version", "GET, HEAD"),
        ("GET", "/api/pull", "POST"),
        ("PATCH", "/api/blobs/sha256:0", "HEAD, POST"),
    ):
        async with gateway.session.request(method, gateway.url + path) as answer:
            assert answer.status == 405, path
            assert answer.headers["Allow"] == allow
            assert (await answer.json()).keys() == {"error"}
    for path in ("/ollama/nothing", "/ollama/v1/nothing", "/ollama/api"):
        status, found = await gateway.json("GET", path)
        assert (status, found.keys()) == (404, {"error"})


# ---------------------------------------------------------------- an engine of another kind


@pytest.fixture
async def foreign(start_gateway: StartGateway) -> AsyncIterator[tuple[Running, OpenAIServer]]:
    async with OpenAIServer(Habits(thinking="reasoning_content")) as server:
        yield (
            await start_gateway(OLLAMA_HOST="none", OPENAI_ENGINES=f"box={server.url}"),
            server,
        )


async def test_an_engine_of_another_kind_answers_in_the_same_words(
    foreign: tuple[Running, OpenAIServer],
) -> None:
    gateway, server = foreign
    body = {"model": "toy", "messages": HI, "think": True, "options": {"num_predict": -1}}
    found = await lines(gateway, "/api/chat", **body)
    assert "".join(line["message"]["content"] for line in found) == "".join(WORDS)
    assert "".join(line["message"].get("thinking", "") for line in found) == "".join(THOUGHT)
    last = found[-1]
    assert (last["prompt_eval_count"], last["eval_count"]) == (7, 5)
    assert last["total_duration"] >= last["eval_duration"] > 0
    assert "max_tokens" not in server.asked[0]
    whole = await plain(gateway, "/api/chat", **body)
    assert whole["message"]["content"] == "".join(WORDS)
    assert whole["eval_duration"] > 0


async def test_its_tool_calls_come_whole(foreign: tuple[Running, OpenAIServer]) -> None:
    gateway, _ = foreign
    tools = [{"function": {"name": "get_weather"}}]
    found = await lines(gateway, "/api/chat", model="toy", messages=HI, tools=tools)
    (call,) = [c for line in found for c in line["message"].get("tool_calls", ())]
    assert call["function"]["arguments"] == {"city": "Paris"}
    assert found[-1]["done_reason"] == "stop"


async def test_its_models_are_listed_and_described(foreign: tuple[Running, OpenAIServer]) -> None:
    gateway, _ = foreign
    _, found = await gateway.json("GET", "/api/tags")
    assert [model["name"] for model in found["models"]] == ["toy"]
    _, shown = await gateway.json("POST", "/api/show", json={"model": "toy"})
    assert (shown["modelfile"], shown["capabilities"]) == ("FROM toy\n", ["completion"])
    assert await gateway.json("GET", "/api/ps") == (200, {"models": []})
    status, version = await gateway.json("GET", "/api/version")
    assert (status, version.keys()) == (200, {"version"})


async def test_it_needs_no_loading_and_allows_no_pull(
    foreign: tuple[Running, OpenAIServer],
) -> None:
    gateway, server = foreign
    for path in ("/api/chat", "/api/generate"):
        (found,) = await lines(gateway, path, model="toy")
        assert found["done_reason"] == "load"
    _, empty = await gateway.json("POST", "/api/embed", json={"model": "toy"})
    assert empty["embeddings"] == []
    assert server.asked == []
    status, found = await gateway.json("POST", "/api/pull", json={"model": "toy"})
    assert (status, found.keys()) == (503, {"error"})
    status, found = await gateway.json("POST", "/api/pull?engine=box", json={"model": "toy"})
    assert status == 400
    assert "box" in found["error"]
