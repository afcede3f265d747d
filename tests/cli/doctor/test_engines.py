"""What the doctor says of engines, real ones on loopback ports."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from _llamagate.cli.doctor.engines import look_at_engines
from _llamagate.cli.doctor.finding import Finding
from _llamagate.config import load
from tests.fakes.ollama import FakeOllama, Fault
from tests.fakes.raw import Peer, Raw


async def look(tmp_path: Path, toml: str = "", **environ: str) -> dict[str, Finding]:
    (tmp_path / "llamagate.toml").write_text(toml)
    config = load(environ, tmp_path)
    found = await asyncio.to_thread(lambda: list(look_at_engines(config)))
    return {finding.subject: finding for finding in found}


async def load_model(ollama: FakeOllama, **options: int) -> str:
    name = ollama.models[0].name
    async with aiohttp.ClientSession() as session:
        body = {"model": name, "options": options, "keep_alive": "5m"}
        async with session.post(f"{ollama.url}/api/generate", json=body) as answer:
            assert answer.status == 200
    return name


async def test_an_ollama_that_is_well(tmp_path: Path, ollama: FakeOllama) -> None:
    found = await look(tmp_path, OLLAMA_HOST=ollama.url)
    assert found["engine ollama"].level == "ok"
    assert found["models of ollama"].level == "ok"
    assert found["way around to ollama"].level == "ok"
    assert found["context of ollama"].level == "ok"
    assert found["OLLAMA_NUM_PARALLEL"].level == "warn"


async def test_parallel_that_is_set_is_not_spoken_of(
    tmp_path: Path, ollama: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_NUM_PARALLEL", "4")
    assert "OLLAMA_NUM_PARALLEL" not in await look(tmp_path, OLLAMA_HOST=ollama.url)


async def test_an_ollama_that_is_not_there_fails_with_what_to_do(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    found = await look(tmp_path, OLLAMA_HOST=f"127.0.0.1:{unused_tcp_port}")
    assert found["engine ollama"].level == "fail"
    assert "ollama serve" in found["engine ollama"].text
    assert "OLLAMA_HOST" in found["engine ollama"].text


async def test_an_engine_that_hangs_fails_in_time(tmp_path: Path, ollama: FakeOllama) -> None:
    ollama.faults["/api/tags"] = Fault.hang()
    found = await look(tmp_path, OLLAMA_HOST=ollama.url, HEALTH_CHECK_TIMEOUT="50ms")
    assert "no answer in time" in found["engine ollama"].text


async def test_an_ollama_without_models_says_how_to_get_one(tmp_path: Path) -> None:
    async with FakeOllama() as ollama:
        ollama.models.clear()
        found = await look(tmp_path, OLLAMA_HOST=ollama.url)
    assert found["models of ollama"].level == "warn"
    assert "ollama pull" in found["models of ollama"].text


async def test_a_small_context_is_a_warning_that_names_the_settings(
    tmp_path: Path, ollama: FakeOllama
) -> None:
    name = await load_model(ollama, num_ctx=4096)
    warning = (await look(tmp_path, OLLAMA_HOST=ollama.url))["context of ollama"]
    assert warning.level == "warn"
    assert f'[models."{name}"]' in warning.text
    assert "OLLAMA_CONTEXT_LENGTH" in warning.text


async def test_a_small_context_that_was_chosen_is_none(tmp_path: Path, ollama: FakeOllama) -> None:
    name = await load_model(ollama, num_ctx=4096)
    found = await look(tmp_path, f'[models."{name}"]\nnum_ctx = 4096\n', OLLAMA_HOST=ollama.url)
    assert found.get("context of ollama") is None


async def test_names_that_no_engine_has_are_a_warning(tmp_path: Path, ollama: FakeOllama) -> None:
    found = await look(tmp_path, OLLAMA_HOST=ollama.url, OLLAMA_MODEL="nosuch")
    assert "nosuch" in found["models"].text
    found = await look(tmp_path, OLLAMA_HOST=ollama.url, MODEL_ALIASES="gpt-4=nosuch")
    assert "gpt-4" in found["models"].text
    there = ollama.models[0].name
    found = await look(tmp_path, OLLAMA_HOST=ollama.url, MODEL_ALIASES=f"gpt-4={there}")
    assert "models" not in found


async def answer(peer: Peer, status: bytes, body: bytes, date: bytes = b"") -> None:
    await peer.head()
    head = b"HTTP/1.1 " + status + b"\r\nConnection: close\r\n" + date
    await peer.send(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("", b"GET /v1/models "),
        ("/v1", b"GET /v1/models "),
        ("/api", b"GET /api/models "),  # a path is taken as it is, as requests take it
    ],
)
async def test_an_openai_engine_is_asked_with_its_key(
    tmp_path: Path, path: str, asked: bytes
) -> None:
    async def engine(peer: Peer) -> None:
        await answer(peer, b"200 OK", b'{"data": [{"id": "qwen3"}]}')

    async with Raw(engine) as server:
        environ = {"OPENAI_ENGINES": f"box={server.url}{path}", "BOX_API_KEY": "sk-box"}
        found = await look(tmp_path, OLLAMA_HOST="none", **environ)
        head = server.peers[0].heads[0]
    assert found["models of box"].text == "1, such as qwen3."
    assert head.startswith(asked)
    assert b"Bearer sk-box" in head


async def test_an_engine_that_refuses_our_key_fails(tmp_path: Path) -> None:
    async def engine(peer: Peer) -> None:
        await answer(peer, b"401 Unauthorized", b"{}")

    async with Raw(engine) as server:
        found = await look(tmp_path, OLLAMA_HOST="none", OPENAI_ENGINES=f"box={server.url}")
    assert "refuses our key" in found["engine box"].text


async def test_an_engine_that_is_something_else_fails(tmp_path: Path) -> None:
    async def engine(peer: Peer) -> None:
        await answer(peer, b"404 Not Found", b"no such page")

    async with Raw(engine) as server:
        found = await look(tmp_path, OLLAMA_HOST=server.url)
    assert "is that the right address?" in found["engine ollama"].text


async def test_clocks_that_differ_are_a_warning(tmp_path: Path) -> None:
    async def engine(peer: Peer) -> None:
        date = b"Date: Sat, 01 Jan 2000 00:00:00 GMT\r\n"
        await answer(peer, b"200 OK", b'{"data": []}', date)

    async with Raw(engine) as server:
        found = await look(tmp_path, OLLAMA_HOST="none", OPENAI_ENGINES=f"box={server.url}")
    assert found["clock"].level == "warn"
    assert found["models of box"].level == "warn"


async def test_no_engine_at_all_fails(tmp_path: Path) -> None:
    assert (await look(tmp_path, OLLAMA_HOST="none"))["engines"].level == "fail"
