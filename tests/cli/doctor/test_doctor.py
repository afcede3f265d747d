"""`llamagate doctor` as a command."""

import asyncio

import pytest

from _llamagate.cli import main
from tests.fakes.ollama import FakeOllama


async def test_it_exits_0_when_nothing_fails_and_says_one_line_each(
    ollama: FakeOllama, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", ollama.url)
    assert await asyncio.to_thread(main, ["doctor", "--port", "0"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    levels = {line.split()[0] for line in out.splitlines()}
    assert levels <= {"ok", "warn"}
    assert "\033" not in out


def test_it_exits_1_when_something_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], unused_tcp_port: int
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{unused_tcp_port}")
    assert main(["doctor", "--port", "0"]) == 1
    assert "fail  engine ollama:" in capsys.readouterr().out


def test_bad_settings_are_what_it_finds_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIMEOUT", "31m")
    assert main(["doctor"]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("fail  settings: TIMEOUT")


def test_what_is_worth_a_look_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("API_KEY", "sk-llamagate")
    monkeypatch.setenv("OLLAMA_HOST", "none")
    main(["doctor", "--port", "0"])
    assert "warn  settings: API_KEY is a key from the documentation" in capsys.readouterr().out
