"""One line for each request, with the fields that are documented, whatever comes of it."""

import asyncio
import re
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Running, StartGateway
from tests.fakes.ollama import Answer, FakeOllama, Fault

CHAT = {"model": "llama3.2", "messages": [{"role": "user", "content": "planted-words"}]}


def last(gateway: Running) -> dict[str, Any]:
    return [line for line in gateway.lines() if "method" in line][-1]


async def test_a_line_has_the_documented_fields(gateway: Running) -> None:
    await gateway.json("POST", "/v1/chat/completions?planted=1", json=CHAT)
    line = last(gateway)
    assert line["level"] == "info"
    assert line["request_id"].startswith("req_")
    assert (line["method"], line["path"]) == ("POST", "/v1/chat/completions")
    assert line["status"] == 200
    assert re.fullmatch(r"\d+\.\d{3}s", line["latency"])
    assert line["ip"] == "127.0.0.1"
    assert abs(line["time"] - time.time()) < 5
    assert (line["model"], line["engine"], line["cache"]) == ("llama3.2", "ollama", "MISS")
    assert line["tokens_in"] > 0
    assert line["tokens_out"] > 0
    assert "planted" not in gateway.log.getvalue().decode()


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "unknown_path"),
        ("PUT", "/v1/models", 405, "method_not_allowed"),
        ("POST", "/v1/chat/completions", 400, "invalid_request"),
    ],
)
async def test_a_request_that_fails_has_its_line_too(
    gateway: Running, method: str, path: str, status: int, code: str
) -> None:
    await gateway.json(method, path, data=b"{", headers={"Content-Type": "application/json"})
    line = last(gateway)
    assert (line["status"], line["error"], line["level"]) == (status, code, "info")


async def test_what_is_the_engines_fault_is_an_error(gateway: Running, ollama: FakeOllama) -> None:
    ollama.answer = Answer(fault=Fault.error(message="planted-by-engine"))
    await gateway.json("POST", "/v1/chat/completions", json=CHAT)
    line = last(gateway)
    assert (line["status"], line["level"], line["error"]) == (502, "error", "engine_failed")


async def test_a_client_that_left_is_499_and_has_no_answer(
    gateway: Running, ollama: FakeOllama
) -> None:
    ollama.answer = Answer(first=30)
    request = asyncio.ensure_future(gateway.json("POST", "/v1/chat/completions", json=CHAT))
    await ollama.until(lambda: ollama.running == 1)
    request.cancel()
    await ollama.until(lambda: ollama.running == 0)
    assert (last(gateway)["status"], last(gateway)["level"]) == (499, "info")


async def test_a_stream_is_logged_when_it_ends(gateway: Running, ollama: FakeOllama) -> None:
    ollama.answer = Answer("one two three", pace=0.05, first=0.05)
    await _read(gateway, CHAT | {"stream": True})
    line = last(gateway)
    assert float(line["latency"][:-1]) >= 0.15
    assert 0.05 <= float(line["first_token"][:-1]) < float(line["latency"][:-1])
    assert (line["cache"], line["tokens_out"]) == ("BYPASS", 4)


async def test_who_waited_is_seen_to_have_waited(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, SLOTS="1")
    ollama.answer = Answer("one two", pace=0.15)
    bodies = [CHAT | {"seed": number} for number in range(2)]
    await asyncio.gather(
        *(gateway.json("POST", "/v1/chat/completions", json=body) for body in bodies)
    )
    assert last(gateway)["queued_ms"] >= 100


async def test_a_path_cannot_forge_a_line(gateway: Running) -> None:
    await gateway.json("GET", "/a%0A%7B%22level%22%3A%22info%22%7D%0A%1b[2J")
    assert last(gateway)["status"] == 404
    assert b"\x1b" not in gateway.log.getvalue()


async def test_the_log_file_has_the_same_lines_and_is_its_owners(
    start_gateway: StartGateway, ollama: FakeOllama, tmp_path: Path
) -> None:
    path = tmp_path / "gate.log"
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, LOG_FILE=str(path))
    await gateway.json("GET", "/v1/models")
    assert len(gateway.lines()) == len(path.read_bytes().splitlines())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.rename(tmp_path / "gate.log.1")
    await gateway.json("GET", "/v1/models")
    gateway.lines()
    assert len(path.read_bytes().splitlines()) == 1


async def test_debugging_says_more(start_gateway: StartGateway, ollama: FakeOllama) -> None:
    for debug, said in (("false", 0), ("true", 1)):
        gateway = await start_gateway(OLLAMA_HOST=ollama.url, DEBUG=debug)
        await gateway.json("POST", "/v1/chat/completions", json=CHAT)
        asked = [line for line in gateway.lines() if line.get("event") == "engine_asked"]
        assert len(asked) == said
        assert "planted" not in gateway.log.getvalue().decode()


async def _read(gateway: Running, body: dict[str, Any]) -> bytes:
    url = gateway.url + "/v1/chat/completions"
    async with gateway.session.post(url, json=body) as answer:
        return await answer.read()
