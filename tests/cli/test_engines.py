"""`llamagate engines`, against gateways that run."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from _llamagate.cli import main
from tests.cli.commands import run
from tests.conftest import Running, StartGateway
from tests.fakes.ollama import Answer, FakeOllama, Fault
from tests.fakes.openai import OpenAIServer
from tests.fakes.workshop import Workshop

SECRET = "sk-the-engines-own-secret"


def chat(text: str) -> dict[str, Any]:
    return {"model": "llama3.1:8b", "messages": [{"role": "user", "content": text}]}


@pytest.fixture
async def serving(gateway: Running) -> Running:
    await gateway.json("GET", "/health")  # its engine has been asked
    return gateway


async def test_engines_of_every_kind_are_listed_without_their_keys(
    start_gateway: StartGateway,
    ollama: FakeOllama,
    capsys: pytest.CaptureFixture[str],
    unused_tcp_port: int,
) -> None:
    async with OpenAIServer() as vllm:
        gateway = await start_gateway(
            OLLAMA_HOST=f"{ollama.url},127.0.0.1:{unused_tcp_port}",
            OPENAI_ENGINES=f"vllm={vllm.url}",
            VLLM_API_KEY=SECRET,
        )
        await gateway.json("POST", "/v1/chat/completions", json=chat("Hi"))
        await gateway.json("GET", "/health")
        done = await run(capsys, gateway.url, "engines")
        assert vllm.headers[0]["Authorization"] == f"Bearer {SECRET}"
    assert (done.status, done.err) == (0, "")
    head, first, second, third, why = done.out.splitlines()
    assert head.split()[:4] == ["ENGINE", "KIND", "URL", "STATE"]
    assert first.split() == ["ollama", "ollama", ollama.url, "up", "0", "0", "4", "llama3.1:8b"]
    assert second.split()[:4] == [
        "ollama-2",
        "ollama",
        f"http://127.0.0.1:{unused_tcp_port}",
        "down",
    ]
    assert third.split() == ["vllm", "openai", vllm.url, "up", "0", "0", "1", "-"]
    assert why.startswith("ollama-2: ")
    assert SECRET not in done.out


async def test_a_download_is_told_while_it_runs(
    start_gateway: StartGateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workshop = Workshop(tmp_path)
    (workshop.on_hub("org/toy") / ".slow").write_text("0.3")
    gateway = await start_gateway(
        **workshop.environ,
        OLLAMA_HOST="none",
        HF_MODELS="org/*",
        TRANSFORMERS_PYTHON=sys.executable,
    )
    asked = chat("Hi") | {"model": "org/toy"}
    answer = asyncio.ensure_future(gateway.json("POST", "/v1/chat/completions", json=asked))
    told = ""
    while "downloading" not in told:
        assert not answer.done()
        told = (await run(capsys, gateway.url, "engines")).out
    _, row, *remarks = told.splitlines()
    assert row.split() == ["transformers", "transformers", "-", "up", "1", "0", "0", "-"]
    assert remarks == ["transformers: org/toy: downloading, 0 % of 0.0 MB"]
    assert (await answer)[0] == 200


def test_an_address_with_a_password_is_refused_without_repeating_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "http://me:hunter2@box:11434")
    assert main(["engines"]) == 2
    out, err = capsys.readouterr()
    assert "OLLAMA_HOST" in err
    assert "hunter2" not in out + err


async def test_one_engine_is_tested_with_its_models_and_how_long_it_took(
    serving: Running, ollama: FakeOllama, capsys: pytest.CaptureFixture[str]
) -> None:
    done = await run(capsys, serving.url, "engines", "test", "ollama")
    assert done.status == 0
    assert done.out.startswith(f"ollama at {ollama.url} answered in ")
    assert " ms. Models: llama3.1:8b, llama3.2:latest" in done.out


async def test_all_engines_are_tested_and_one_that_fails_exits_1(
    start_gateway: StartGateway,
    ollama: FakeOllama,
    capsys: pytest.CaptureFixture[str],
    unused_tcp_port: int,
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=f"{ollama.url},127.0.0.1:{unused_tcp_port}")
    done = await run(capsys, gateway.url, "engines", "test")
    assert done.status == 1
    well, ill = done.out.splitlines()
    assert "answered in" in well
    assert ill.startswith(f"ollama-2 at http://127.0.0.1:{unused_tcp_port} failed after ")


async def test_draining_lets_what_runs_end_and_undraining_takes_it_back(
    serving: Running, ollama: FakeOllama, capsys: pytest.CaptureFixture[str]
) -> None:
    ollama.answer = Answer(pace=0.1)
    running = asyncio.ensure_future(
        serving.json("POST", "/v1/chat/completions", json=chat("Go on"))
    )
    await ollama.until(lambda: ollama.running == 1)
    done = await run(capsys, serving.url, "engines", "drain", "ollama")
    assert done.status == 0
    assert done.out.startswith("ollama takes no new requests. It still has 1 running")
    done = await run(capsys, serving.url, "engines")
    assert done.rows[1][3] == "drained"
    assert (await running)[0] == 200
    assert (await serving.json("POST", "/v1/chat/completions", json=chat("More")))[0] == 503
    done = await run(capsys, serving.url, "engines", "drain", "ollama")
    assert done.out == "ollama takes no new requests, and nothing runs there.\n"
    done = await run(capsys, serving.url, "engines", "undrain", "ollama")
    assert (done.status, done.out) == (0, "ollama takes new requests again.\n")
    assert (await serving.json("POST", "/v1/chat/completions", json=chat("More")))[0] == 200


async def test_a_model_that_an_engine_failed_at_is_named(
    serving: Running, ollama: FakeOllama, capsys: pytest.CaptureFixture[str]
) -> None:
    ollama.answer = Answer(fault=Fault.error())
    for count in range(3):
        status, _ = await serving.json("POST", "/v1/chat/completions", json=chat(f"Try {count}"))
        assert status == 502
    done = await run(capsys, serving.url, "engines", "list")
    assert done.out.endswith("ollama failed of late at llama3.1:8b; other engines come first.\n")


@pytest.mark.parametrize("action", ["test", "drain", "undrain"])
async def test_an_engine_that_does_not_exist_is_a_sentence_and_exit_1(
    serving: Running, capsys: pytest.CaptureFixture[str], action: str
) -> None:
    done = await run(capsys, serving.url, "engines", action, "no/such engine")
    assert (done.status, done.out) == (1, "")
    assert done.err == "llamagate: There is no engine `no/such engine`.\n"


async def test_an_ordinary_user_is_refused(
    start_gateway: StartGateway,
    ollama: FakeOllama,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("API_KEY", "somebody-elses-key")
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, API_KEY="somebody-elses-key")
    for words in (["list"], ["test", "ollama"], ["drain", "ollama"], ["undrain", "ollama"]):
        done = await run(capsys, gateway.url, "engines", *words)
        assert (done.status, done.out) == (1, "")
        assert "Only an administrator" in done.err
    assert not gateway.server.gateway.pool.engines[0].draining


async def test_a_gateway_without_engines_says_what_to_set(
    start_gateway: StartGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = await start_gateway(OLLAMA_HOST="none")
    done = await run(capsys, gateway.url, "engines")
    assert (done.status, done.out) == (0, "No engine is set: name one in OLLAMA_HOST.\n")
    done = await run(capsys, gateway.url, "engines", "test")
    assert (done.status, done.err) == (1, "llamagate: No engine is set: name one in OLLAMA_HOST.\n")


@pytest.mark.parametrize(
    "words", [["drain"], ["undrain"], ["list", "ollama"], ["stop"], ["drain", "a", "b"]]
)
def test_a_wrong_command_exits_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main(["engines", *words])
    assert done.value.code == 2
    assert "llamagate" in capsys.readouterr().err
