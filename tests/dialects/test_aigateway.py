"""AI Gateway's surface: Ollama's answers by its paths, and tokens.json."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.conftest import Running, StartGateway
from tests.fakes.ollama import Answer, Call, FakeOllama, Fault

HI = [{"role": "user", "content": "Hi"}]
CHAT = {"model": "llama3.2", "messages": HI}
GENERATE = {"model": "llama3.2", "prompt": "Hi"}
EMBED = {"model": "nomic-embed-text", "input": "Hi"}
BOTH = ("/aigateway", "/aigateway/api")
both = pytest.mark.parametrize("start", BOTH)


async def lines(gateway: Running, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    async with gateway.session.post(gateway.url + path, json=body) as answer:
        assert (answer.status, answer.content_type) == (200, "application/x-ndjson")
        return [orjson.loads(line) for line in (await answer.read()).splitlines()]


async def plain(gateway: Running, path: str, body: dict[str, Any]) -> dict[str, Any]:
    status, found = await gateway.json("POST", path, json=body | {"stream": False})
    assert status == 200, found
    assert isinstance(found, dict)
    return found


@both
async def test_a_chat_streams_unless_told_otherwise(gateway: Running, start: str) -> None:
    found = await lines(gateway, f"{start}/chat", CHAT)
    assert "".join(line["message"]["content"] for line in found) == "Hello there, friend!"
    assert [line["done"] for line in found].count(True) == 1
    assert not any("response" in line for line in found)


@both
async def test_a_plain_chat_is_ollamas_with_the_text_as_response(
    gateway: Running, start: str
) -> None:
    found = await plain(gateway, f"{start}/chat", CHAT)
    ollamas = await plain(gateway, "/api/chat", CHAT)
    assert found["response"] == found["message"]["content"] == "Hello there, friend!"
    assert set(found) == set(ollamas) | {"response"}


@both
async def test_a_completion_streamed_and_plain(gateway: Running, start: str) -> None:
    found = await lines(gateway, f"{start}/generate", GENERATE)
    assert "".join(line["response"] for line in found) == "Hello there, friend!"
    assert (await plain(gateway, f"{start}/generate", GENERATE))["response"] == (
        "Hello there, friend!"
    )


@both
async def test_embeddings_and_tags(gateway: Running, start: str) -> None:
    assert len((await plain(gateway, f"{start}/embed", EMBED))["embeddings"]) == 1
    _, found = await gateway.json("GET", f"{start}/tags")
    names = [model["name"] for model in found["models"]]
    assert names == ["llama3.1:8b", "llama3.2:latest", "qwen3:latest", "nomic-embed-text:latest"]
    assert found == (await gateway.json("GET", "/api/tags"))[1]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "?"])
@pytest.mark.parametrize(("path", "body"), [("chat", CHAT), ("generate", GENERATE)])
async def test_any_content_type_will_do(
    gateway: Running, kind: str, path: str, body: dict[str, Any]
) -> None:
    asked = orjson.dumps(body | {"stream": False})
    headers = {"Content-Type": kind}
    found = await gateway.json("POST", f"/aigateway/{path}", data=asked, headers=headers)
    assert (found[0], found[1]["response"]) == (200, "Hello there, friend!")


async def test_no_field_is_lost_on_the_way(gateway: Running, ollama: FakeOllama) -> None:
    body = CHAT | {"options": {"num_ctx": 2048, "mirostat": 1}, "keep_alive": "1m", "new": 1}
    await plain(gateway, "/aigateway/chat", body)
    sent = ollama.generations[-1].json
    assert sent["options"] == {"num_ctx": 2048, "mirostat": 1}
    assert (sent["keep_alive"], sent["new"]) == ("1m", 1)


async def test_tool_calls_come_through(gateway: Running, ollama: FakeOllama) -> None:
    ollama.answer = Answer(text="", tool_calls=(Call("get_weather", {"city": "Paris"}),))
    tools = [{"type": "function", "function": {"name": "get_weather"}}]
    found = await plain(gateway, "/aigateway/chat", CHAT | {"tools": tools})
    (call,) = found["message"]["tool_calls"]
    assert (call["function"]["name"], found["response"]) == ("get_weather", "")


# ------------------------------------------------------------ errors


async def refused(gateway: Running, path: str, status: int, **how: Any) -> str:
    found = await gateway.json("POST", path, **how)
    assert (found[0], set(found[1])) == (status, {"detail", "error", "request_id"})
    assert found[1]["detail"] == found[1]["error"]
    message: str = found[1]["detail"]
    return message


BAD_CHAT: list[dict[str, Any]] = [
    {"messages": "Hi"},
    {"messages": {"role": "user"}},
    {"messages": ["Hi"]},
    {"messages": [{"role": "user", "content": 7}]},
    {"messages": [{"role": 7, "content": "Hi"}]},
    {"messages": [{"role": "user", "content": "Hi", "images": "x"}]},
    {"messages": [{"role": "user", "content": "Hi", "images": [7]}]},
    {"messages": [{"role": "user", "content": "Hi", "tool_calls": 1}]},
    {"model": 7},
    {"model": ["llama3.2"]},
    {"model": "a b"},
    {"model": "../../etc/passwd"},
    {"model": "x" * 600},
    {"stream": "yes"},
    {"stream": 1},
    {"format": 7},
    {"format": "xml"},
    {"think": "deeply"},
    {"think": 7},
    {"tools": "all"},
    {"tools": [{}]},
    {"tools": [{"function": {}}]},
    {"options": "fast"},
    {"options": []},
    {"options": {"temperature": "hot"}},
    {"options": {"num_predict": "many"}},
    {"options": {"stop": "END"}},
    {"options": {"seed": [1]}},
    {"keep_alive": {}},
    {"keep_alive": True},
    {"keep_alive": "soon"},
    {"logprobs": "yes"},
    {"top_logprobs": 21},
    {"top_logprobs": -1},
    {"_debug_render_only": True},
    {"MODEL": "other"},
    {"Messages": []},
    {"options": {"Temperature": 1}},
]
BAD_GENERATE: list[dict[str, Any]] = [
    {"prompt": 7},
    {"prompt": ["Hi"]},
    {"suffix": 7},
    {"system": []},
    {"images": "x"},
    {"images": [7]},
    {"raw": "yes"},
    {"Prompt": "Hi"},
]
BAD_EMBED: list[dict[str, Any]] = [
    {"input": 7},
    {"input": [7]},
    {"input": {"text": "Hi"}},
    {"dimensions": "many"},
    {"truncate": "yes"},
    {"Input": "Hi"},
]
BAD = [("chat", CHAT | bad) for bad in BAD_CHAT]
BAD += [("generate", GENERATE | bad) for bad in BAD_GENERATE]
BAD += [("embed", EMBED | bad) for bad in BAD_EMBED]


@pytest.mark.parametrize(("path", "body"), BAD, ids=str)
async def test_a_bad_body_is_refused_in_its_own_shape(
    gateway: Running, path: str, body: dict[str, Any]
) -> None:
    for start in BOTH:
        assert await refused(gateway, f"{start}/{path}", 400, json={"stream": False} | body)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"Hi"', b"null", b"7", b"\xff", b'{"a": NaN}', b'{"a": "\\ud800"}']
)
async def test_what_is_no_json_object_is_refused(gateway: Running, body: bytes) -> None:
    for path in ("chat", "generate", "embed"):
        await refused(gateway, f"/aigateway/{path}", 400, data=body)


async def test_errors_keep_their_status(start_gateway: StartGateway, ollama: FakeOllama) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, MAX_BODY_MB="1")
    large = BytesIO(b" " * (1024 * 1024 + 1))
    await refused(gateway, "/chat", 413, data=large)
    said = await refused(gateway, "/chat", 404, json=CHAT | {"model": "gone", "stream": False})
    assert "not found" in said  # words that Ollama's clients look for
    ollama.answer = Answer(fault=Fault.error())
    await refused(gateway, "/chat", 502, json=CHAT | {"stream": False})
    await refused(gateway, "/chat", 502, json=CHAT)
    await ollama.stop()
    await refused(gateway, "/chat", 503, json=CHAT)


@pytest.mark.parametrize("fault", [Fault.error(after=2), Fault.cut(after=2), Fault.silent(after=2)])
async def test_an_error_in_mid_stream_is_the_last_line(
    gateway: Running, ollama: FakeOllama, fault: Fault
) -> None:
    ollama.answer = Answer(pace=0.01, fault=fault)
    *_, last = await lines(gateway, "/aigateway/chat", CHAT)
    assert set(last) == {"error"}


async def test_a_client_that_leaves_stops_the_engine(gateway: Running, ollama: FakeOllama) -> None:
    ollama.answer = Answer(pieces=("word ",) * 500, pace=0.02)
    async with gateway.session.post(f"{gateway.url}/aigateway/chat", json=CHAT) as answer:
        await answer.content.readline()
        answer.close()
    await ollama.until(lambda: ollama.running == 0 and ollama.cancelled == 1, timeout=1.0)


# ------------------------------------------------------------ tokens.json


class Tokens:
    """The file, and a gateway that looks at it."""

    def __init__(self, gateway: Running, path: Path) -> None:
        self.gateway = gateway
        self.path = path

    def write(self, content: object) -> None:
        text = content if isinstance(content, str) else json.dumps(content)
        self.path.write_text(text)

    async def status(self, token: str, path: str = "/aigateway/tags") -> int:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return (await self.gateway.json("GET", path, headers=headers))[0]


ANN, BOB = "a-token-for-ann", "a-token-for-bob"


@pytest.fixture
async def tokens(start_gateway: StartGateway, ollama: FakeOllama, tmp_path: Path) -> Tokens:
    path = tmp_path / "tokens.json"
    path.write_text(json.dumps({"ann": ANN}))
    return Tokens(await start_gateway(OLLAMA_HOST=ollama.url), path)


async def test_the_file_beside_the_settings_is_found_without_being_named(tokens: Tokens) -> None:
    assert [await tokens.status(token) for token in (ANN, BOB, "")] == [200, 401, 401]


async def test_a_token_is_felt_at_the_very_next_call(tokens: Tokens) -> None:
    for turn in range(5):  # more wrong tokens a minute are more than an address may try
        token = f"a-token-of-turn-{turn}"
        assert await tokens.status(token) == 401
        tokens.write({"ann": ANN, "bob": token})
        assert await tokens.status(token) == 200
        tokens.write({"ann": ANN})
        assert await tokens.status(token) == 401
        assert await tokens.status(ANN) == 200


async def test_one_that_comes_later_closes_the_door(
    start_gateway: StartGateway, ollama: FakeOllama, tmp_path: Path
) -> None:
    tokens = Tokens(await start_gateway(OLLAMA_HOST=ollama.url), tmp_path / "tokens.json")
    assert await tokens.status("") == 200
    tokens.write({"ann": ANN})
    assert await tokens.status("") == 401
    assert await tokens.status(ANN) == 200


@pytest.mark.parametrize("content", [{}, None])
async def test_an_empty_file_and_one_that_is_gone_let_nobody_in(
    tokens: Tokens, content: object
) -> None:
    assert await tokens.status(ANN) == 200
    if content is None:
        tokens.path.unlink()
    else:
        tokens.write(content)
    assert await tokens.status(ANN) == 401
    assert await tokens.status("") == 401


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"ann": 7}',
        '{"ann": "short"}',
        '{"": "a-token-for-nobody"}',
        f'{{"ann": "{BOB}", "bob": "{BOB}"}}',
        f'{{"ann": "{BOB}", "ann": "a-token-of-another"}}',
    ],
)
async def test_a_broken_file_keeps_the_last_good_one_and_is_logged(
    tokens: Tokens, content: str
) -> None:
    assert await tokens.status(ANN) == 200
    tokens.write(content)
    assert [await tokens.status(token) for token in (ANN, BOB)] == [200, 401]
    (logged,) = [e for e in tokens.gateway.lines() if e.get("event") == "tokens_file_broken"]
    assert BOB not in json.dumps(logged)
    tokens.write({"bob": BOB})
    assert [await tokens.status(token) for token in (ANN, BOB)] == [401, 200]


async def test_a_file_that_is_named_and_missing_lets_nobody_in(
    start_gateway: StartGateway, ollama: FakeOllama, tmp_path: Path
) -> None:
    path = tmp_path / "elsewhere.json"
    tokens = Tokens(await start_gateway(OLLAMA_HOST=ollama.url, TOKENS_FILE=str(path)), path)
    assert await tokens.status("") == 401
    tokens.write({"ann": ANN})
    assert await tokens.status(ANN) == 200


async def test_the_same_token_opens_every_surface_and_the_log_names_its_owner(
    tokens: Tokens,
) -> None:
    for path in ("/tags", "/api/tags", "/v1/models", "/api/models", "/aigateway/api/tags"):
        assert await tokens.status(ANN, path) == 200
    callers = {line["caller"] for line in tokens.gateway.lines() if line.get("status") == 200}
    assert callers == {"ann"}
    assert ANN not in tokens.gateway.log.getvalue().decode()


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_scheme_may_be_spelt_in_any_case(tokens: Tokens, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {ANN}"}
    status, _ = await tokens.gateway.json("GET", "/aigateway/tags", headers=headers)
    assert status == 200


async def test_a_missing_token_is_told_in_its_own_shape(tokens: Tokens) -> None:
    async with tokens.gateway.session.post(f"{tokens.gateway.url}/aigateway/chat") as answer:
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert "API key" in (await answer.json())["detail"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_another_method_is_told_in_its_own_shape(tokens: Tokens, method: str) -> None:
    url = f"{tokens.gateway.url}/aigateway/chat"
    async with tokens.gateway.session.request(method, url) as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")
        assert "detail" in await answer.json()
