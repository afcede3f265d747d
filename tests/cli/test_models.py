"""`llamagate models`, against gateways that run."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from _llamagate.cli import main
from _llamagate.cli.models import _left
from _llamagate.cli.pull import Step, bar
from tests.cli.commands import run
from tests.conftest import Running, StartGateway
from tests.fakes.ollama import FakeModel, FakeOllama, Fault

USER = "somebody-elses-key"


async def test_models_are_listed(gateway: Running, capsys: pytest.CaptureFixture[str]) -> None:
    done = await run(capsys, gateway.url, "models")
    assert (done.status, done.err) == (0, "")
    assert done.rows[0] == ["MODEL", "SIZE", "PARAMETERS", "QUANTIZED", "CHANGED", "CAN"]
    assert done.rows[1][:5] == ["llama3.1:8b", "4", "GB", "8.0B", "Q4_K_M"]
    assert {row[0] for row in done.rows[1:]} > {"qwen3:latest", "nomic-embed-text:latest"}


async def test_a_model_goes_into_memory_and_out_of_it(
    gateway: Running, ollama: FakeOllama, capsys: pytest.CaptureFixture[str]
) -> None:
    done = await run(capsys, gateway.url, "models", "load", "llama3.2")
    assert (done.status, done.out) == (0, "llama3.2 is in memory, on the GPU.\n")
    assert ollama.loaded == ["llama3.2:latest"]
    done = await run(capsys, gateway.url, "models", "ps")
    assert done.rows[0] == ["MODEL", "SIZE", "ON", "GPU", "CONTEXT", "STAYS"]
    assert done.rows[1][:5] == ["llama3.2:latest", "4", "GB", "100", "%"]
    assert done.rows[1][-1] in ("s", "min")
    done = await run(capsys, gateway.url, "models", "unload", "llama3.2")
    assert (done.status, done.out) == (0, "llama3.2 is out of memory.\n")
    assert ollama.loaded == []
    done = await run(capsys, gateway.url, "models", "ps")
    assert done.out == "No model is in memory. The first request for one loads it.\n"


async def test_unloading_without_a_name_takes_the_last_one_loaded(
    gateway: Running, ollama: FakeOllama, capsys: pytest.CaptureFixture[str]
) -> None:
    done = await run(capsys, gateway.url, "models", "unload")
    assert (done.status, done.out.startswith("Nothing was unloaded")) == (0, True)
    await run(capsys, gateway.url, "models", "load", "llama3.2")
    done = await run(capsys, gateway.url, "models", "unload")
    assert done.status == 0
    assert ollama.loaded == []


async def test_a_pull_tells_each_step_once_where_nobody_watches(
    gateway: Running, ollama: FakeOllama, capsys: pytest.CaptureFixture[str]
) -> None:
    done = await run(capsys, gateway.url, "models", "pull", "tinyllama")
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines() == [
        "pulling manifest",
        "pulling 76c97dd9d76d",
        "verifying sha256 digest",
        "writing manifest",
        "success",
        "tinyllama is there.",
    ]
    assert "tinyllama:latest" in (await run(capsys, gateway.url, "models")).out


async def test_a_pull_of_what_does_not_exist_fails_with_the_reason(
    gateway: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    done = await run(capsys, gateway.url, "models", "pull", "absent")
    assert done.status == 1
    assert done.err == (
        "llamagate: absent cannot be pulled: pull model manifest: file does not exist\n"
    )


async def test_a_pull_that_breaks_off_fails(
    gateway: Running, ollama: FakeOllama, capsys: pytest.CaptureFixture[str]
) -> None:
    ollama.pull_pace = 0.05
    pulling = asyncio.ensure_future(run(capsys, gateway.url, "models", "pull", "tinyllama"))
    await ollama.until(lambda: bool(ollama.seen("/api/pull")))
    await ollama.stop()
    done = await pulling
    assert done.status == 1
    assert "tinyllama" in done.err


async def test_an_engine_can_be_chosen_for_a_pull_and_a_removal(
    start_gateway: StartGateway, ollama: FakeOllama, capsys: pytest.CaptureFixture[str]
) -> None:
    async with FakeOllama(FakeModel("llama3.1:8b")) as attic:
        gateway = await start_gateway(OLLAMA_HOST=f"{ollama.url},{attic.url}")
        there = ("--engine", "ollama-2")
        done = await run(capsys, gateway.url, "models", "pull", "tinyllama", *there)
        assert done.status == 0
        assert [model.name for model in attic.models] == ["tinyllama:latest", "llama3.1:8b"]
        done = await run(capsys, gateway.url, "models", "rm", "llama3.1:8b", "--yes", *there)
        assert done.status == 0
        assert [model.name for model in attic.models] == ["tinyllama:latest"]
    assert "llama3.1:8b" in [model.name for model in ollama.models]


async def test_a_model_is_removed_without_asking_where_nobody_can_answer(
    gateway: Running, ollama: FakeOllama, capsys: pytest.CaptureFixture[str]
) -> None:
    done = await run(capsys, gateway.url, "models", "rm", "llama3.2")
    assert (done.status, done.out) == (0, "llama3.2 is deleted.\n")
    assert "llama3.2:latest" not in [model.name for model in ollama.models]


async def test_a_model_is_described(gateway: Running, capsys: pytest.CaptureFixture[str]) -> None:
    done = await run(capsys, gateway.url, "models", "show", "llama3.1:8b")
    assert done.status == 0
    assert done.rows[0] == ["llama3.1:8b"]
    for row in (["parameters", "8.0B"], ["quantized", "Q4_K_M"], ["context", "8192"]):
        assert row in done.rows
    assert done.out.endswith("Set for it\n  temperature 0\n")


@pytest.mark.parametrize("action", ["load", "show", "rm"])
async def test_a_model_that_does_not_exist_is_a_sentence_and_exit_1(
    gateway: Running, capsys: pytest.CaptureFixture[str], action: str
) -> None:
    done = await run(capsys, gateway.url, "models", action, "nonesuch")
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("llamagate: ") and "nonesuch" in done.err
    assert len(done.err.splitlines()) == 1


async def test_a_user_may_look_and_load_but_not_change(
    start_gateway: StartGateway,
    ollama: FakeOllama,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("API_KEY", USER)
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, API_KEY=USER)
    for words in (["list"], ["load", "llama3.2"], ["ps"], ["show", "llama3.2"], ["unload"]):
        assert (await run(capsys, gateway.url, "models", *words)).status == 0
    for words in (["pull", "tinyllama"], ["rm", "llama3.2"]):
        done = await run(capsys, gateway.url, "models", *words)
        assert (done.status, "Only an administrator" in done.err) == (1, True)
    assert "llama3.2:latest" in [model.name for model in ollama.models]


async def test_no_engine_that_answers_is_a_sentence(
    gateway: Running, ollama: FakeOllama, capsys: pytest.CaptureFixture[str]
) -> None:
    ollama.faults["/api/tags"] = Fault.answer(500, "out of order")
    gateway.server.gateway.pool.forget()
    done = await run(capsys, gateway.url, "models")
    assert (done.status, done.out) == (1, "")
    assert "No engine answers" in done.err


async def test_https_is_trusted_by_its_own_certificate_only(
    tmp_path: Path,
    start_gateway: StartGateway,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    authority = trustme.CA()
    for name in ("cert", "other"):
        certificate = authority.issue_cert("gateway.example")
        certificate.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")
        certificate.private_key_pem.write_to_path(tmp_path / f"{name}-key.pem")
    gateway = await start_gateway(
        demo=True, TLS_CERT_FILE="cert.pem", TLS_KEY_FILE="cert-key.pem", API_KEY=USER
    )
    monkeypatch.setenv("API_KEY", USER)
    monkeypatch.setenv("TLS_KEY_FILE", "cert-key.pem")
    monkeypatch.setenv("TLS_CERT_FILE", "cert.pem")
    done = await run(capsys, gateway.url, "models")
    assert (done.status, "demo:latest" in done.out) == (0, True)
    monkeypatch.setenv("TLS_KEY_FILE", "other-key.pem")
    monkeypatch.setenv("TLS_CERT_FILE", "other.pem")
    done = await run(capsys, gateway.url, "models")
    assert (done.status, "CERTIFICATE_VERIFY_FAILED" in done.err) == (1, True)


@pytest.mark.parametrize(
    "words",
    [["pull"], ["rm"], ["load"], ["show"], ["ps", "x"], ["nonesuch"], ["ps", "--engine", "x"]],
)
def test_a_wrong_command_exits_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main(["models", *words])
    assert done.value.code == 2
    assert "llamagate models: error: " in capsys.readouterr().err


def test_a_bar_is_as_wide_as_there_is_room() -> None:
    step = Step("pulling 76c97dd9d76d", total=2_000_000, completed=500_000)
    assert f"[{'#' * 10}{' ' * 30}]  25%  500 kB of 2 MB" in bar(step, 0.0, 100)
    for width in (20, 60, 200):
        assert len(bar(step, 1e6, width)) <= width
    assert bar(step, 1e6, 200).endswith(" 25%  500 kB of 2 MB  1 MB/s")


def test_how_long_a_model_stays_is_told_in_words() -> None:
    now = datetime.now(UTC)
    assert _left("2300-01-01T00:00:00.123456789Z") == "for ever"
    assert _left((now - timedelta(seconds=5)).isoformat()) == "leaves"
    assert _left((now + timedelta(hours=2, seconds=9)).isoformat()) == "2 h"
    assert _left("") == ""
