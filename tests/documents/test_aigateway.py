"""AI Gateway's document: its .env, its tokens.json, its examples."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Running, StartGateway
from tests.documents.examples import differences, read, run
from tests.documents.places import address
from tests.fakes.ollama import Answer, FakeModel, FakeOllama

EXAMPLES = read("aigateway")
TEXT = "Hello there, friend!"
there = pytest.mark.parametrize("place", ["prefix", "port"])  # at the root /api/ is Ollama's own


@pytest.fixture
async def gateway(start_gateway: StartGateway, tmp_path: Path, ollama: FakeOllama) -> Running:
    """Started in a folder with the two files that the document tells to make."""
    ollama.models = [FakeModel("llama3.2:latest"), FakeModel("llama3.1:latest")]
    ollama.answer = Answer(TEXT, pace=0.01)
    env = EXAMPLES[".env"].code.replace("http://localhost:11434", ollama.url)
    (tmp_path / ".env").write_text(env)
    (tmp_path / "tokens.json").write_text(EXAMPLES["tokens.json"].code)
    return await start_gateway(SURFACE_PORTS="aigateway:0")


async def ask(gateway: Running, place: str, title: str) -> str:
    return await run(EXAMPLES[title].at(address(gateway, "aigateway", place)))


@there
@pytest.mark.parametrize("title", ["curl: plain text", "curl: plain chat"])
async def test_a_plain_answer_has_the_text_as_response(
    gateway: Running, place: str, title: str
) -> None:
    found = json.loads(await ask(gateway, place, title))
    assert found["response"] == TEXT
    assert differences(found, EXAMPLES[title].answer) == []


def text_of(line: dict[str, Any]) -> str:
    text: str = line["message"]["content"] if "message" in line else line["response"]
    return text


@there
@pytest.mark.parametrize("title", ["curl: streamed text", "curl: streamed chat"])
async def test_without_stream_false_it_streams(gateway: Running, place: str, title: str) -> None:
    lines = [json.loads(line) for line in (await ask(gateway, place, title)).splitlines()]
    assert len(lines) > 3
    assert "".join(map(text_of, lines)) == TEXT


@there
async def test_tags(gateway: Running, place: str) -> None:
    found = json.loads(await ask(gateway, place, "curl: tags"))
    assert differences(found, EXAMPLES["curl: tags"].answer) == []
    assert [model["name"] for model in found["models"]] == ["llama3.2:latest", "llama3.1:latest"]


@there
@pytest.mark.parametrize("token", EXAMPLES["tokens.json"].json().values())
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/generate"), ("POST", "/chat"), ("POST", "/embed"), ("GET", "/tags")],
)
async def test_every_endpoint_asks_for_one_of_the_tokens(
    gateway: Running, place: str, token: str, method: str, path: str
) -> None:
    url = address(gateway, "aigateway", place) + path
    body = {"model": "llama3.2", "prompt": "Hi", "messages": [], "input": []}
    for sent, expected in ((token, 200), ("token_for_user4", 401), ("", 401)):
        headers = {"Authorization": f"Bearer {sent}"} if sent else {}
        async with gateway.session.request(method, url, json=body, headers=headers) as answer:
            assert answer.status == expected


async def test_the_document_of_the_api_is_at_docs(gateway: Running) -> None:
    async with gateway.session.get(f"{address(gateway, 'aigateway', 'port')}/docs") as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")
        assert "POST /generate" in await answer.text()
