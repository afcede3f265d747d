"""EgoLlama's document: its settings, its commands, its bodies. Its programs in Python and
JavaScript run in the client suite."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Running, StartGateway
from tests.documents.examples import differences, read, run
from tests.documents.places import PLACES, address
from tests.fakes.ollama import Answer, FakeModel, FakeOllama

EXAMPLES = read("egollama")
TEXT = "Hello there, friend!"
KEY = {"X-API-Key": "your-api-key"}
everywhere = pytest.mark.parametrize("place", PLACES)


@pytest.fixture
async def gateway(start_gateway: StartGateway, tmp_path: Path, ollama: FakeOllama) -> Running:
    """Started with the document's settings, but for the key, of which it shows two."""
    ollama.models = [FakeModel("mistral:7b"), FakeModel("codellama:7b")]
    ollama.answer = Answer(TEXT, pace=0.01)
    env = EXAMPLES[".env"].code.replace("your-strong-secret-key-here", "your-api-key")
    (tmp_path / ".env").write_text(env)
    return await start_gateway(
        OLLAMA_HOST=ollama.url, OLLAMA_MODEL="mistral:7b", SURFACE_PORTS="egollama:0"
    )


async def ask(gateway: Running, place: str, title: str) -> Any:
    return json.loads(await run(EXAMPLES[title].at(address(gateway, "egollama", place))))


async def send(gateway: Running, place: str, call: str, body: Any = None) -> Any:
    """A call as the document writes it: POST /generate."""
    method, path = call.split(" ")
    url = address(gateway, "egollama", place) + path
    async with gateway.session.request(method, url, json=body, headers=KEY) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


@everywhere
async def test_health_needs_no_key(gateway: Running, place: str) -> None:
    await send(gateway, place, "POST /generate", EXAMPLES["POST /generate"].json())
    found = await ask(gateway, place, "curl: health")
    assert differences(found, EXAMPLES["GET /health"].json()) == []


@everywhere
async def test_text(gateway: Running, ollama: FakeOllama, place: str) -> None:
    found = await ask(gateway, place, "curl: first answer")
    assert found["generated_text"] == TEXT
    assert ollama.generations[-1].json["options"]["num_predict"] == 50
    found = await ask(gateway, place, "curl: text")
    assert found["metadata"]["model_name"] == "codellama:7b"
    assert ollama.generations[-1].json["options"] == {"num_predict": 256, "temperature": 0.2}


@everywhere
async def test_a_chat_with_a_history(gateway: Running, ollama: FakeOllama, place: str) -> None:
    found = await ask(gateway, place, "curl: chat with a history")
    assert found["choices"][0]["message"]["content"] == TEXT
    roles = [message["role"] for message in ollama.generations[-1].json["messages"]]
    assert roles == ["system", "user", "assistant", "user"]


@everywhere
@pytest.mark.parametrize("title", ["curl: models", "curl: models with a key"])
async def test_models(gateway: Running, place: str, title: str) -> None:
    found = await ask(gateway, place, title)
    assert differences(found, EXAMPLES["GET /api/models"].json()) == []
    assert [model["id"] for model in found["models"]] == ["mistral:7b", "codellama:7b"]


@everywhere
@pytest.mark.parametrize(
    "call", ["POST /generate", "POST /v1/chat/completions", "POST /models/load"]
)
async def test_a_body_gets_the_answer_that_is_shown(
    gateway: Running, place: str, call: str
) -> None:
    found = await send(gateway, place, call, EXAMPLES[call].json())
    assert differences(found, EXAMPLES[call].answer) == []


@everywhere
async def test_what_was_loaded_is_unloaded(
    gateway: Running, ollama: FakeOllama, place: str
) -> None:
    found = await send(gateway, place, "POST /models/load", EXAMPLES["POST /models/load"].json())
    assert found == EXAMPLES["POST /models/load"].answer
    assert ollama.loaded == ["mistral:7b"]
    assert (await send(gateway, place, "POST /models/unload"))["success"] is True
    assert ollama.loaded == []


@everywhere
async def test_performance(gateway: Running, place: str) -> None:
    call = "GET /api/performance/stats"
    assert differences(await send(gateway, place, call), EXAMPLES[call].json()) == []


@everywhere
@pytest.mark.parametrize("title", ["model by name", "model with prefix"])
async def test_a_model_goes_by_both_spellings(gateway: Running, place: str, title: str) -> None:
    body = EXAMPLES[title].json() | {"prompt": "Hi"}
    found = await send(gateway, place, "POST /generate", body)
    assert found["metadata"]["model_name"] == body["model"]


@everywhere
async def test_turns_and_code(gateway: Running, ollama: FakeOllama, place: str) -> None:
    turns = EXAMPLES["several turns"].json()
    found = await send(gateway, place, "POST /v1/chat/completions", turns)
    assert found["model"] == "mistral:7b"
    await send(gateway, place, "POST /generate", EXAMPLES["code"].json())
    assert ollama.generations[-1].json["options"]["temperature"] == 0.2


@pytest.mark.parametrize(("key", "status"), [("", 401), ("another-key", 401)])
async def test_without_the_key_it_is_401(gateway: Running, key: str, status: int) -> None:
    url = f"{address(gateway, 'egollama', 'port')}/api/models"
    headers = {"X-API-Key": key} if key else {}
    async with gateway.session.get(url, headers=headers) as answer:
        assert answer.status == status


async def test_a_hundred_an_hour_is_the_limit_there(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(
        OLLAMA_HOST=ollama.url, RATE_LIMIT_RPS="", SURFACE_PORTS="egollama:0"
    )
    url = address(gateway, "egollama", "port")
    for count in range(101):
        async with gateway.session.get(f"{url}/api/models") as answer:
            assert answer.status == (200 if count < 100 else 429)
    assert 30 <= int(answer.headers["Retry-After"]) <= 36
    async with gateway.session.get(f"{url}/health") as answer:
        assert answer.status == 200
