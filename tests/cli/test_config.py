"""`llamagate config`: what is in force, and from where."""

import json
from pathlib import Path

import pytest

from _llamagate.cli import main


def test_values_come_with_where_they_came_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".env").write_text("TIMEOUT=2m\n")
    monkeypatch.setenv("OLLAMA_BASE_URL", "http://gpu")
    assert main(["config", "--port", "9000"]) == 0
    text = capsys.readouterr().out
    lines = {line.split()[0]: line for line in text.splitlines() if line.startswith("  ")}
    assert lines["PORT"].split() == ["PORT", "9000", "<-", "command", "line"]
    assert lines["TIMEOUT"].split() == ["TIMEOUT", "2m", "<-", str(tmp_path / ".env")]
    assert "environment OLLAMA_BASE_URL" in lines["OLLAMA_HOST"]
    assert lines["KEEPALIVE"].split() == ["KEEPALIVE", "15s"]
    assert lines[".env"].split() == [".env", str(tmp_path / ".env")]
    assert "(none found)" in lines["llamagate.toml"]
    assert "ollama (ollama) at http://gpu:80" in text


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_secrets_are_masked(
    form: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("API_KEY", "API_KEYS", "ADMIN_KEY", "VLLM_API_KEY"):
        monkeypatch.setenv(name, f"secret-{name}")
    monkeypatch.setenv("OPENAI_ENGINES", "vllm=http://box")
    (tmp_path / "llamagate.toml").write_text(
        '[[engines]]\nname = "a"\nurl = "http://a"\nkey = "secret-a"\n'
    )
    assert main(["config", *form]) == 0
    text = capsys.readouterr().out
    assert "secret-" not in text
    assert "(set)" in text


def test_json_is_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "llamagate.toml").write_text("port = 9000\n")
    assert main(["config", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    file = str(tmp_path / "llamagate.toml")
    assert facts["settings"]["PORT"] == {"value": "9000", "source": file}
    assert facts["files"] == {".env": None, "llamagate.toml": file, "tokens.json": None}
    assert facts["engines"][0]["url"] == "http://localhost:11434"


def test_what_is_worth_a_look_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("API_KEY", "sk-llamagate")
    assert main(["config"]) == 0
    assert "API_KEY is a key from the documentation" in capsys.readouterr().out
