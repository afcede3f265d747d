"""EgoLlama's surface, from a client's bytes to the engine's and back."""

import asyncio
from io import BytesIO
from typing import Any

import orjson
import pytest

from tests.conftest import Running, StartGateway
from tests.fakes.ollama import Answer, Call, FakeModel, FakeOllama, Fault

HI = [{"role": "user", "content": "Hi"}]
KEY = "a-key-of-our-own"
X_API_KEY = {"X-API-Key": KEY}
BEARER = {"Authorization": f"Bearer {KEY}"}
CHAT = "/egollama/v1/chat/completions"
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {}}}


async def generate(gateway: Running, path: str = "/generate", **body: Any) -> Any:
    status, found = await gateway.json("POST", path, json={"prompt": "Hi"} | body)
    assert status == 200, found
    return found


def sent(ollama: FakeOllama) -> dict[str, Any]:
    found: dict[str, Any] = ollama.generations[-1].json
    return found


# ------------------------------------------------------------ generate


async def test_text_is_generated_at_once(gateway: Running, ollama: FakeOllama) -> None:
    ollama.answer = Answer(pace=0.01)
    found = await generate(gateway, model="llama3.1:8b")
    assert set(found) == {"generated_text", "tokens", "finish_reason", "timestamp", "metadata"}
    assert found["generated_text"] == "Hello there, friend!"
    assert found["finish_reason"] == "stop"
    told = found["metadata"]
    assert (told["engine"], told["model_name"]) == ("Ollama", "llama3.1:8b")
    assert 20 <= told["inference_time_ms"] < 2000
    assert told["tokens_per_second"] == pytest.approx(
        found["tokens"] * 1000 / told["inference_time_ms"], rel=0.01
    )


async def test_what_is_left_out_is_as_the_document_says(
    gateway: Running, ollama: FakeOllama
) -> None:
    await generate(gateway)
    assert sent(ollama)["options"] == {"temperature": 0.7, "num_predict": 512}
    assert sent(ollama)["model"] == "llama3.1:8b"  # the newest
    await generate(gateway, model="llama3.2", max_tokens=256, temperature=0.2)
    assert sent(ollama)["options"] == {"temperature": 0.2, "num_predict": 256}


async def test_the_operator_sets_other_defaults(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(
        OLLAMA_HOST=ollama.url, MAX_NEW_TOKENS="64", TEMPERATURE="0", OLLAMA_MODEL="llama3.2"
    )
    await generate(gateway)
    assert sent(ollama)["options"] == {"temperature": 0.0, "num_predict": 64}
    assert sent(ollama)["model"] == "llama3.2:latest"


async def test_the_defaults_of_a_model_come_before_those_of_the_surface(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    toml = """
[models."llama3.2"]
temperature = 0.3
num_ctx = 8192
lock = ["num_ctx"]
"""
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, toml=toml)
    await generate(gateway, model="llama3.2", num_ctx=64)
    assert sent(ollama)["options"] == {"temperature": 0.3, "num_ctx": 8192, "num_predict": 512}
    await generate(gateway, model="llama3.2", temperature=1.0)
    assert sent(ollama)["options"]["temperature"] == 1.0
    await generate(gateway, model="llama3.1:8b")
    assert sent(ollama)["options"] == {"temperature": 0.7, "num_predict": 512}


@pytest.mark.parametrize("spelling", ["ollama:llama3.2", "llama3.2", "LLAMA3.2:latest"])
async def test_a_model_goes_by_every_spelling_and_is_named_as_it_was_asked_for(
    gateway: Running, ollama: FakeOllama, spelling: str
) -> None:
    found = await generate(gateway, model=spelling)
    assert found["metadata"]["model_name"] == spelling
    assert sent(ollama)["model"] == "llama3.2:latest"


async def test_thinking_is_no_part_of_the_text(gateway: Running, ollama: FakeOllama) -> None:
    found = await generate(gateway, model="qwen3", think=True)
    assert found["generated_text"] == "Hello there, friend!"
    assert sent(ollama)["think"] is True


async def test_an_answer_that_was_cut_says_so(gateway: Running) -> None:
    found = await generate(gateway, max_tokens=1)
    assert (found["finish_reason"], found["generated_text"]) == ("length", "Hello")


async def test_an_answer_given_again_repeats_what_it_took(
    gateway: Running, ollama: FakeOllama
) -> None:
    ollama.answer = Answer(pace=0.02)
    first, second = [await generate(gateway) for _ in range(2)]
    assert len(ollama.generations) == 1
    assert second["metadata"] == first["metadata"]
    together = await asyncio.gather(*(generate(gateway, prompt="Ho") for _ in range(3)))
    assert len(ollama.generations) == 2
    assert len({orjson.dumps(found["metadata"]) for found in together}) == 1


async def test_what_changes_nothing_is_named_also_for_an_answer_given_again(
    gateway: Running,
) -> None:
    for body, named in (({}, None), ({"stream": True, "session_id": "a"}, "session_id, stream")):
        async with gateway.session.post(
            f"{gateway.url}/generate", json={"prompt": "Hi"} | body
        ) as answer:
            assert answer.status == 200
            assert answer.headers.get("x-ignored-parameters") == named


async def test_a_client_that_leaves_stops_the_engine(gateway: Running, ollama: FakeOllama) -> None:
    ollama.answer = Answer(pieces=("word ",) * 500, pace=0.02)
    asking = asyncio.create_task(generate(gateway))
    await ollama.until(lambda: ollama.running == 1)
    asking.cancel()
    await ollama.until(lambda: ollama.running == 0 and ollama.cancelled == 1, timeout=1.0)


@pytest.mark.parametrize(
    ("fault", "status"),
    [(Fault.error(), 502), (Fault.cut(after=2), 502), (Fault.answer(503), 503)],
)
async def test_an_engine_that_fails_is_an_error_in_openais_shape(
    gateway: Running, ollama: FakeOllama, fault: Fault, status: int
) -> None:
    ollama.answer = Answer(fault=fault)
    found = await gateway.json("POST", "/generate", json={"prompt": "Hi"})
    assert (found[0], set(found[1])) == (status, {"error"})


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"", {}, 400),
        (b"[]", {}, 400),
        (b'"Hi"', {}, 400),
        (b"null", {}, 400),
        (b'{"prompt": "Hi"', {}, 400),
        (b'{"prompt": NaN}', {}, 400),
        (b'{"prompt": "\xff"}', {}, 400),
        (b'{"prompt": "\\ud800"}', {}, 400),
        (b'{"max_tokens": 9}', {}, 400),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b" " * (1024 * 1024 + 1), {}, 413),
        (b'{"prompt": "Hi", "model": "gone"}', {}, 404),
        (b'{"prompt": "Hi", "model": "../etc"}', {}, 400),
    ],
)
@pytest.mark.parametrize("path", ["/generate", "/models/load"])
async def test_a_refusal_says_what_is_wrong(
    start_gateway: StartGateway,
    ollama: FakeOllama,
    path: str,
    body: bytes,
    headers: dict[str, str],
    status: int,
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, MAX_BODY_MB="1")
    if path == "/models/load":
        body = body.replace(b"model", b"model_id")
    headers = {"Content-Type": "application/json"} | headers
    found = await gateway.json("POST", path, data=BytesIO(body), headers=headers)
    assert (found[0], set(found[1])) == (status, {"error"})
    assert found[1]["error"]["message"]
    assert found[1]["error"]["request_id"]


# ------------------------------------------------------------ chats


async def test_a_plain_chat_is_openais(gateway: Running) -> None:
    body = {"model": "llama3.2", "messages": HI}
    status, found = await gateway.json("POST", CHAT, json=body, headers=X_API_KEY)
    assert (status, found["object"]) == (200, "chat.completion")
    assert found["choices"][0]["message"]["content"] == "Hello there, friend!"


LINES = [{}, X_API_KEY, X_API_KEY | BEARER, X_API_KEY | {"Accept": "application/json"}]
EVENTS = [
    BEARER,
    {"authorization": f"bearer {KEY}"},
    {"api-key": KEY},
    BEARER | {"X-API-Key": ""},
    X_API_KEY | {"Accept": "text/event-stream"},
    X_API_KEY | {"Accept": "application/json, Text/Event-Stream;q=0.9"},
    {"Accept": "text/event-stream"},
]


async def stream(gateway: Running, headers: dict[str, str], path: str = CHAT, **body: Any) -> Any:
    """The content type, and the whole stream."""
    asked = {"model": "llama3.2", "messages": HI, "stream": True} | body
    async with gateway.session.post(gateway.url + path, json=asked, headers=headers) as answer:
        assert answer.status == 200
        return answer.content_type, await answer.read()


@pytest.mark.parametrize("headers", LINES)
async def test_a_client_with_its_key_in_x_api_key_or_none_reads_lines(
    gateway: Running, headers: dict[str, str]
) -> None:
    kind, read = await stream(gateway, headers)
    assert kind == "application/x-ndjson"
    chunks = [orjson.loads(line) for line in read.splitlines()]
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks) == (
        "Hello there, friend!"
    )
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert b"[DONE]" not in read


@pytest.mark.parametrize("headers", EVENTS)
async def test_every_other_client_reads_events(gateway: Running, headers: dict[str, str]) -> None:
    kind, read = await stream(gateway, headers)
    assert kind == "text/event-stream"
    assert read.endswith(b"\n\ndata: [DONE]\n\n")


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/openai/v1/chat/completions"])
async def test_elsewhere_every_client_reads_events(gateway: Running, path: str) -> None:
    kind, _ = await stream(gateway, X_API_KEY, path)
    assert kind == "text/event-stream"


async def test_lines_hold_tool_calls_and_usage_too(gateway: Running, ollama: FakeOllama) -> None:
    ollama.answer = Answer(text="", tool_calls=(Call("get_weather", {"city": "Paris"}),))
    usage = {"include_usage": True}
    _, read = await stream(gateway, X_API_KEY, tools=[TOOL], stream_options=usage)
    chunks = [orjson.loads(line) for line in read.splitlines()]
    calls = [c["choices"][0]["delta"]["tool_calls"] for c in chunks if b"get_w" in orjson.dumps(c)]
    assert calls[0][0]["function"] == {"name": "get_weather", "arguments": '{"city":"Paris"}'}
    assert (chunks[-1]["choices"], chunks[-1]["usage"]["total_tokens"] > 0) == ([], True)


async def test_no_letter_ends_a_line(gateway: Running, ollama: FakeOllama) -> None:
    said = "one\u2028two\u2029three\x85four\nfive"
    ollama.answer = Answer(pieces=(said,))
    _, read = await stream(gateway, X_API_KEY)
    chunks = [orjson.loads(line) for line in read.decode().splitlines()]
    assert said in [chunk["choices"][0]["delta"].get("content") for chunk in chunks]


@pytest.mark.parametrize("fault", [Fault.error(after=2), Fault.cut(after=2), Fault.silent(after=2)])
async def test_an_error_in_mid_stream_is_the_last_line(
    gateway: Running, ollama: FakeOllama, fault: Fault
) -> None:
    ollama.answer = Answer(pace=0.01, fault=fault)
    _, read = await stream(gateway, X_API_KEY)
    *chunks, last = [orjson.loads(line) for line in read.splitlines()]
    assert set(last) == {"error"}
    assert last["error"]["type"] == "server_error"
    assert all("choices" in chunk for chunk in chunks)


async def test_a_silent_stream_of_lines_is_kept_alive_by_spaces(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, KEEPALIVE="50ms")
    ollama.answer = Answer(first=0.3)
    _, read = await stream(gateway, X_API_KEY)
    assert read.startswith(b"  ")
    assert [orjson.loads(line) for line in read.splitlines()]


async def test_the_rest_of_openais_api_is_there_too(gateway: Running) -> None:
    status, found = await gateway.json("GET", "/egollama/v1/models")
    assert (status, found["object"]) == (200, "list")
    body = {"model": "nomic-embed-text", "input": "Hi"}
    status, found = await gateway.json("POST", "/egollama/v1/embeddings", json=body)
    assert (status, len(found["data"])) == (200, 1)


# ------------------------------------------------------------ models, and the machine's numbers


async def test_models_have_their_real_context(gateway: Running, ollama: FakeOllama) -> None:
    _, found = await gateway.json("GET", "/api/models")
    assert found["total"] == len(found["models"]) == 4
    sizes = {model["id"]: model["context_size"] for model in found["models"]}
    assert sizes["llama3.1:8b"] == 8192
    assert sizes["nomic-embed-text:latest"] == 2048
    await gateway.json("POST", "/models/load", json={"model_id": "llama3.1:8b"})
    _, found = await gateway.json("GET", "/api/models")
    sizes = {model["id"]: model["context_size"] for model in found["models"]}
    assert sizes["llama3.1:8b"] == 4096  # what it was loaded with


async def test_an_alias_has_the_context_of_what_it_stands_for(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, MODEL_ALIASES="gpt-4=llama3.1:8b")
    await gateway.json("POST", "/models/load", json={"model_id": "gpt-4"})
    _, found = await gateway.json("GET", "/api/models")
    sizes = {model["id"]: model["context_size"] for model in found["models"]}
    assert sizes["gpt-4"] == sizes["llama3.1:8b"] == 4096


async def test_an_engine_that_lists_no_context_is_asked_for_it_once(
    start_gateway: StartGateway,
) -> None:
    async with FakeOllama(
        *(FakeModel(f"m{n}:latest", lists_context=False) for n in range(3))
    ) as old:
        gateway = await start_gateway(OLLAMA_HOST=old.url)
        for _ in range(2):
            _, found = await gateway.json("GET", "/api/models")
            assert [model["context_size"] for model in found["models"]] == [8192] * 3
        assert len(old.seen("/api/show")) == 3


async def test_health_has_the_documents_fields_and_they_are_real(
    gateway: Running, ollama: FakeOllama
) -> None:
    _, before = await gateway.json("GET", "/health")
    assert (before["status"], before["model_loaded"], before["quantization"]) == (
        "healthy",
        False,
        "None",
    )
    assert (before["total_inferences"], before["average_tokens_per_second"]) == (0, 0.0)
    ollama.answer = Answer(pace=0.01)
    await generate(gateway)
    await generate(gateway)  # out of the cache: the engine did nothing
    await gateway.json("POST", "/models/load", json={"model_id": "llama3.2"})
    _, after = await gateway.json("GET", "/egollama/health")
    assert after["total_inferences"] == 1
    assert 10 < after["average_tokens_per_second"] < 500
    assert (after["model_loaded"], after["quantization"]) == (True, "Q4_K_M")
    assert after["gpu_available"] is True  # the fake holds its models in a GPU's memory


async def test_stats_are_the_machines_and_the_gateways_own(
    gateway: Running, ollama: FakeOllama
) -> None:
    path = "/api/performance/stats"
    _, before = await gateway.json("GET", path)
    await generate(gateway)
    ollama.answer = Answer(fault=Fault.error())
    assert (await gateway.json("POST", "/generate", json={"prompt": "Ho"}))[0] == 502
    _, after = await gateway.json("GET", path)
    assert set(after) == {
        *("timestamp", "cpu_usage", "memory_usage", "gpu_usage", "active_models"),
        *("total_requests", "average_response_time", "error_rate"),
    }
    assert after["total_requests"] == before["total_requests"] + 3
    assert after["active_models"] == 1
    assert 0 < after["memory_usage"] <= 100
    assert 0 < after["error_rate"] <= 0.5
    assert after["average_response_time"] >= 0
    assert len(after["timestamp"]) == len("2025-11-30T00:00:00")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health", 200),
        ("GET", "/api/status", 200),
        ("GET", "/api/models", 401),
        ("GET", "/api/performance/stats", 401),
        ("POST", "/generate", 401),
        ("POST", "/v1/chat/completions", 401),
        ("POST", "/models/load", 401),
        ("POST", "/models/unload", 401),
    ],
)
async def test_what_the_document_calls_public_needs_no_key_and_the_rest_does(
    start_gateway: StartGateway, ollama: FakeOllama, method: str, path: str, status: int
) -> None:
    gateway = await start_gateway(
        OLLAMA_HOST=ollama.url, EGOLLAMA_API_KEY=KEY, EGOLLAMA_REQUIRE_API_KEY="true"
    )
    for prefix in ("", "/egollama"):
        for headers, expected in (({}, status), ({"X-API-Key": "wrong"}, status)):
            found = await gateway.json(method, prefix + path, headers=headers)
            assert found[0] == expected
        found = await gateway.json(method, prefix + path, headers=X_API_KEY)
        assert found[0] in (200, 415)  # a client without a body says what it is not
