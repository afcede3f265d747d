"""`llamagate env`: lines to paste."""

import os
import subprocess
from pathlib import Path

import pytest

from _llamagate.cli import main


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert main(["env", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def test_every_client_is_pointed_at_the_gateway(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("API_KEY", "it's-a-key")
    assert printed(capsys, "--shell", "sh") == [
        "export OPENAI_BASE_URL=http://127.0.0.1:8080/v1",
        """export OPENAI_API_KEY='it'"'"'s-a-key'""",
        "export ANTHROPIC_BASE_URL=http://127.0.0.1:8080",
        """export ANTHROPIC_API_KEY='it'"'"'s-a-key'""",
        "export OLLAMA_HOST=http://127.0.0.1:8080",
        """export OLLAMA_API_KEY='it'"'"'s-a-key'""",
    ]


@pytest.mark.parametrize(
    ("shell", "line"),
    [
        ("powershell", "$env:OPENAI_API_KEY = 'it''s-a-key'"),
        ("cmd", 'set "OPENAI_API_KEY=it\'s-a-key"'),
        ("fish", r"set -gx OPENAI_API_KEY 'it\'s-a-key'"),
    ],
)
def test_each_shell_gets_its_own_syntax(
    shell: str, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("API_KEY", "it's-a-key")
    assert line in printed(capsys, "--shell", shell)


def test_a_shell_understands_what_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("API_KEY", "$(rm)`x`\"'\\!")
    script = "\n".join([*printed(capsys, "--shell", "sh"), 'printf %s "$OPENAI_API_KEY"'])
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == os.environ["API_KEY"]


def test_clients_that_need_some_key_get_one_where_none_is_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = printed(capsys, "--shell", "sh")
    assert "export OPENAI_API_KEY=unused" in lines
    assert not any("OLLAMA_API_KEY" in line for line in lines)


def test_the_key_that_was_made_is_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "admin.key").write_text("lg-made\n")
    (tmp_path / ".env").write_text("DATA_DIR=data\nHOST=0.0.0.0\n")
    assert "export OPENAI_API_KEY=lg-made" in printed(capsys, "--shell", "sh")


def test_a_key_that_is_not_known_in_the_clear_is_left_to_the_reader(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tokens.json").write_text('{"ann": "anns-own-token"}')
    assert main(["env", "--shell", "sh"]) == 0
    out, err = capsys.readouterr()
    assert "export OPENAI_API_KEY=YOUR_KEY" in out
    assert "YOUR_KEY" in err


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:8080"),
        ("::", "http://[::1]:8080"),
        ("::1", "http://[::1]:8080"),
    ],
)
def test_an_address_that_cannot_be_dialled_is_replaced(
    host: str, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("API_KEY", "a-long-key")
    lines = printed(capsys, "--host", host, "--shell", "powershell")
    assert f"$env:ANTHROPIC_BASE_URL = '{url}'" in lines


def test_a_port_that_only_the_running_gateway_knows_is_said_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["env", "--port", "0"]) == 1
    assert "PORT is 0" in capsys.readouterr().err
