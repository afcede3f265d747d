"""The LlamaGate document's own examples. Those in Python run in the client suite."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Running, StartGateway
from tests.documents.examples import differences, read, run
from tests.documents.places import PLACES, address
from tests.fakes.ollama import Answer, FakeModel, FakeOllama

EXAMPLES = read("llamagate")
TEXT = "Hello there, friend!"
everywhere = pytest.mark.parametrize("place", PLACES)


@pytest.fixture
async def gateway(start_gateway: StartGateway, tmp_path: Path, ollama: FakeOllama) -> Running:
    """Started with the document's .env, but for Ollama's address."""
    ollama.models = [FakeModel("llama2:latest")]
    (tmp_path / ".env").write_text(settings(ollama.url))
    return await start_gateway(SURFACE_PORTS="llamagate:0", RATE_LIMIT_RPS="")


def settings(ollama: str) -> str:
    return EXAMPLES[".env"].code.replace("http://localhost:11434", ollama)


async def ask(gateway: Running, place: str, title: str) -> str:
    return await run(EXAMPLES[title].at(address(gateway, "llamagate", place)))


@everywhere
async def test_health(gateway: Running, ollama: FakeOllama, place: str) -> None:
    found = json.loads(await ask(gateway, place, "curl: health"))
    shown = EXAMPLES["GET /health, healthy"].json()
    assert {name: found[name] for name in shown} == shown | {"ollama_host": ollama.url}


async def test_health_without_ollama(gateway: Running, ollama: FakeOllama) -> None:
    await ollama.stop()
    gateway.server.gateway.pool.forget()
    async with gateway.session.get(f"{gateway.url}/health") as answer:
        assert answer.status == 503
        found = await answer.json()
    shown = EXAMPLES["GET /health, unhealthy"].json()
    assert {name: found[name] for name in shown} == shown | {"ollama_host": ollama.url}


@everywhere
async def test_models(gateway: Running, place: str) -> None:
    found = json.loads(await ask(gateway, place, "curl: models"))
    assert (found["object"], [model["id"] for model in found["data"]]) == (
        "list",
        ["llama2:latest"],
    )


@everywhere
async def test_chat(gateway: Running, place: str) -> None:
    found = json.loads(await ask(gateway, place, "curl: chat"))
    assert found["choices"][0]["message"]["content"] == TEXT
    assert found["model"] == "llama2"


@everywhere
async def test_streamed_chat(gateway: Running, ollama: FakeOllama, place: str) -> None:
    ollama.answer = Answer(pace=0.01)
    said = await ask(gateway, place, "curl: streamed chat")
    *events, done = [line.removeprefix("data: ") for line in said.splitlines() if line]
    deltas = [json.loads(event)["choices"][0]["delta"] for event in events]
    assert "".join(delta.get("content", "") for delta in deltas) == TEXT
    assert done == "[DONE]"


async def body(gateway: Running, **headers: str) -> tuple[int, Any]:
    asked = EXAMPLES["POST /v1/chat/completions"].json()
    return await gateway.json("POST", "/v1/chat/completions", json=asked, headers=headers)


async def test_either_header_carries_the_key(gateway: Running) -> None:
    assert (await body(gateway, **{"X-API-Key": "sk-llamagate"}))[0] == 200
    assert (await body(gateway, Authorization="Bearer sk-llamagate"))[0] == 200
    for wrong in ({}, {"X-API-Key": "sk-other"}, {"Authorization": "Bearer sk-other"}):
        assert (await body(gateway, **wrong))[0] == 401


async def test_the_same_question_is_answered_from_memory(
    gateway: Running, ollama: FakeOllama
) -> None:
    answers = [await body(gateway, **{"X-API-Key": "sk-llamagate"}) for _ in range(3)]
    assert len(ollama.generations) == 1
    assert len({answer["choices"][0]["message"]["content"] for _, answer in answers}) == 1
    assert ollama.generations[0].json["options"] == {"temperature": 0.7}


async def test_more_than_the_limit_is_429(gateway: Running) -> None:
    found = [await body(gateway, **{"X-API-Key": "sk-llamagate"}) for _ in range(12)]
    assert [status for status, _ in found].count(429) >= 1
    assert [status for status, _ in found][:10] == [200] * 10


async def test_a_log_entry_looks_as_shown_and_stands_in_the_file_too(
    gateway: Running, tmp_path: Path
) -> None:
    await ask(gateway, "root", "curl: chat")
    lines = gateway.lines()
    (line,) = [line for line in lines if line.get("path") == "/v1/chat/completions"]
    assert differences(line, EXAMPLES["log"].json()) == []
    written = (tmp_path / "llamagate.log").read_text().splitlines()
    assert line in [json.loads(one) for one in written]
