"""A process that serves: stopping in stages, reloading, and slow readers, as people run it."""

import asyncio
import signal
import stat
import time
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import psutil
import pytest

from tests.fakes.ollama import Answer, FakeOllama
from tests.fakes.process import Process, process

PATH = "/v1/chat/completions"


def asked(**more: Any) -> dict[str, Any]:
    return {"model": "llama3.2", "messages": [{"role": "user", "content": "go on"}], **more}


async def ask(gate: Process, **more: Any) -> tuple[int, bytes]:
    async with gate.session.post(gate.url + PATH, json=asked(**more)) as answer:
        return answer.status, await answer.read()


# ---------------------------------------------------------------- stopping


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_what_runs_is_finished_and_the_status_is_0(
    tmp_path: Path, ollama: FakeOllama, number: signal.Signals
) -> None:
    ollama.answer = Answer(pieces=("word ",) * 10, pace=0.1)
    async with process(tmp_path, OLLAMA_HOST=ollama.url) as gate:
        plain = asyncio.ensure_future(ask(gate, seed=1))
        stream = asyncio.ensure_future(ask(gate, stream=True))
        await ollama.until(lambda: ollama.running == 2)
        gate.signal(number)
        await gate.stops_accepting()
        assert not plain.done()
        status, body = await plain
        assert (status, orjson.loads(body)["choices"][0]["message"]["content"]) == (
            200,
            "word " * 10,
        )
        assert (await stream)[1].endswith(b"data: [DONE]\n\n")
        assert await gate.ended() == 0
        assert gate.events() == ["engine_up", "stopping"]


async def test_with_nothing_to_finish_it_ends_at_once(tmp_path: Path, ollama: FakeOllama) -> None:
    async with process(tmp_path, OLLAMA_HOST=ollama.url) as gate:
        await gate.session.get(gate.url + "/v1/models")  # a connection that waits for nothing
        began = time.monotonic()
        gate.signal(signal.SIGTERM)
        assert await gate.ended() == 0
        assert time.monotonic() - began < 3


async def test_what_does_not_finish_in_time_is_told_so_and_ended(
    tmp_path: Path, ollama: FakeOllama
) -> None:
    ollama.answer = Answer(pieces=("word ",) * 1000, pace=0.05)
    async with process(tmp_path, OLLAMA_HOST=ollama.url, SHUTDOWN_TIMEOUT="1s") as gate:
        plain = asyncio.ensure_future(ask(gate, seed=1))
        stream = asyncio.ensure_future(ask(gate, stream=True))
        await ollama.until(lambda: ollama.running == 2)
        gate.signal(signal.SIGTERM)
        status, body = await plain
        assert (status, orjson.loads(body)["error"]["code"]) == (503, "unavailable")
        _, body = await stream
        last = body.split(b"\n\n")[-2].removeprefix(b"data: ")
        assert orjson.loads(last)["error"]["message"] == "The gateway is being stopped."
        assert await gate.ended() == 1
        await ollama.until(lambda: ollama.running == 0)
        assert "ended_unfinished" in gate.events()


async def test_a_second_signal_ends_at_once(tmp_path: Path, ollama: FakeOllama) -> None:
    ollama.answer = Answer(pieces=("word ",) * 1000, pace=0.05)
    async with process(tmp_path, OLLAMA_HOST=ollama.url) as gate:
        stream = asyncio.ensure_future(ask(gate, stream=True))
        await ollama.until(lambda: ollama.running == 1)
        gate.signal(signal.SIGTERM)
        await gate.stops_accepting()
        began = time.monotonic()
        gate.signal(signal.SIGTERM)
        assert await gate.ended() == 1
        assert time.monotonic() - began < 3
        with pytest.raises(aiohttp.ClientError):
            await stream
        await ollama.until(lambda: ollama.running == 0)


async def test_while_draining_it_is_alive_and_not_ready(tmp_path: Path, ollama: FakeOllama) -> None:
    ollama.answer = Answer(pieces=("word ",) * 10, pace=0.1)
    async with process(tmp_path, OLLAMA_HOST=ollama.url) as gate:
        reader, writer = await asyncio.open_connection("127.0.0.1", gate.port)
        body = orjson.dumps(asked(stream=True))
        head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        await reader.readuntil(b"word")
        gate.signal(signal.SIGTERM)
        await gate.stops_accepting()
        writer.write(b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n")
        rest = await reader.read()
        assert b"data: [DONE]" in rest
        writer.close()
        assert await gate.ended() == 0


# ---------------------------------------------------------------- reloading


async def test_sighup_takes_over_what_can_change_and_names_what_cannot(
    tmp_path: Path, ollama: FakeOllama
) -> None:
    toml = tmp_path / "llamagate.toml"
    toml.write_text('log_file = "one.log"\n')
    async with process(tmp_path, OLLAMA_HOST=ollama.url) as gate:
        assert (await ask(gate, model="gpt-4"))[0] == 404
        toml.write_text(
            'log_file = "two.log"\nkeepalive = "7s"\n[aliases]\n"gpt-4" = "llama3.1:8b"\n'
        )
        gate.signal(signal.SIGHUP)
        await _until(lambda: "reloaded" in gate.events())
        assert (await ask(gate, model="gpt-4"))[0] == 200
        (reloaded,) = [line for line in gate.lines() if line.get("event") == "reloaded"]
        assert reloaded["needs_restart"] == ["KEEPALIVE"]
        await _until(lambda: PATH.encode() in (tmp_path / "two.log").read_bytes())
        assert stat.S_IMODE((tmp_path / "two.log").stat().st_mode) == 0o600
        assert (tmp_path / "one.log").read_bytes().count(PATH.encode()) == 1
        gate.signal(signal.SIGTERM)
        assert await gate.ended() == 0


async def test_a_reload_that_makes_no_sense_changes_nothing(
    tmp_path: Path, ollama: FakeOllama
) -> None:
    toml = tmp_path / "llamagate.toml"
    toml.write_text('[aliases]\n"gpt-4" = "llama3.1:8b"\n')
    async with process(tmp_path, OLLAMA_HOST=ollama.url) as gate:
        toml.write_text("timeout = 'never'\n")
        gate.signal(signal.SIGHUP)
        await _until(lambda: "reload_refused" in gate.events())
        (refused,) = [line for line in gate.lines() if line.get("event") == "reload_refused"]
        assert "TIMEOUT" in refused["problems"][0] or "timeout" in refused["problems"][0]
        assert (await ask(gate, model="gpt-4"))[0] == 200


async def test_a_log_file_that_cannot_be_written_is_no_reason_to_stop(
    tmp_path: Path, ollama: FakeOllama
) -> None:
    toml = tmp_path / "llamagate.toml"
    async with process(tmp_path, OLLAMA_HOST=ollama.url) as gate:
        toml.write_text('log_file = "nowhere/gate.log"\n')
        gate.signal(signal.SIGHUP)
        await _until(lambda: "reload_refused" in gate.events())
        assert (await ask(gate))[0] == 200


# ---------------------------------------------------------------- starting


@pytest.mark.parametrize(
    "settings",
    [
        {"LOG_FILE": "/nonexistent/folder/gate.log"},
        {"TLS_CERT_FILE": "/nonexistent.pem", "TLS_KEY_FILE": "/nonexistent.key"},
        {"HOST": "192.0.2.1", "API_KEY": "sk-0123456789abcdef"},
    ],
    ids=lambda settings: next(iter(settings)),
)
async def test_what_cannot_be_used_is_a_sentence_by_the_name_of_its_setting(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    with pytest.raises(AssertionError, match=next(iter(settings))) as failed:
        async with process(tmp_path, "--demo", **settings):
            pass
    lines = str(failed.value).partition("\nassert")[0].splitlines()
    assert all(line.startswith("llamagate: ") for line in lines)


async def test_without_an_engine_it_starts_all_the_same_and_says_so(tmp_path: Path) -> None:
    async with process(tmp_path, OLLAMA_HOST="http://127.0.0.1:9") as gate:
        async with gate.session.get(gate.url + "/health") as answer:
            found = await answer.json()
        assert answer.status == 503
        assert found["status"] == "unhealthy"
        status, body = await ask(gate)
        assert (status, orjson.loads(body)["error"]["code"]) == (503, "no_engine")


# ---------------------------------------------------------------- slow readers


async def test_a_slow_reader_holds_back_the_engine(tmp_path: Path, ollama: FakeOllama) -> None:
    def long(body: dict[str, Any]) -> Answer:
        return Answer(pieces=("x" * 20_000,) * 5000)  # 100 MB

    ollama.answer = long
    async with process(tmp_path, OLLAMA_HOST=ollama.url) as gate:
        for more in ({}, {"seed": 1}):  # straight through, and through a flight
            reader, writer = await asyncio.open_connection("127.0.0.1", gate.port, limit=1 << 16)
            body = orjson.dumps(asked(stream=True, **more))
            head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            await reader.readexactly(10_000)
            await asyncio.sleep(0.5)
            assert ollama.running == 1  # it would have said it all by now
            assert _memory(gate.process.pid) < 150 * 1024 * 1024
            writer.close()
            await ollama.until(lambda: ollama.running == 0)


def _memory(pid: int) -> int:
    return int(psutil.Process(pid).memory_info().rss)


async def _until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.02)
