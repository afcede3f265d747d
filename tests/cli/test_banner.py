"""What a person sees when the gateway is up."""

import json
import re
import shlex
from pathlib import Path

import pytest

from _llamagate.cli.banner import banner
from _llamagate.config import Config, EngineSettings
from _llamagate.started import Started

OLLAMA = EngineSettings("ollama", "ollama", "http://localhost:11434")
HERE = (("llamagate", "http://127.0.0.1:8080"),)
MADE = "lg-made-just-now"


def shown(started: Started, *, show_key: bool = True, shell: str = "sh", **settings: object) -> str:
    container = bool(settings.pop("container", False))
    config = Config(engines=(OLLAMA,), data_dir=Path("/data"), **settings)  # type: ignore[arg-type]
    return "\n".join(banner(started, config, show_key=show_key, shell=shell, container=container))


def curl(text: str) -> list[str]:
    (line,) = re.findall(r"^  (curl.*)$", text, re.MULTILINE)
    return shlex.split(line)


def test_it_names_the_address_and_those_of_the_surfaces() -> None:
    addresses = (*HERE, ("egollama", "http://127.0.0.1:8082"))
    text = shown(Started(addresses=addresses, auth=False, engines_up=("ollama",)))
    assert "is at http://127.0.0.1:8080" in text
    assert "egollama is at http://127.0.0.1:8082" in text
    assert "ollama at http://localhost:11434" in text


def test_it_has_a_line_to_try_with_a_model_that_is_there() -> None:
    text = shown(Started(addresses=HERE, auth=False, engines_up=("ollama",), model="qwen3:8b"))
    words = curl(text)
    assert words[1] == "http://127.0.0.1:8080/v1/chat/completions"
    assert json.loads(words[-1])["model"] == "qwen3:8b"
    assert "Authorization" not in text


def test_a_key_that_was_made_is_shown_to_a_person_and_works_in_every_line() -> None:
    text = shown(Started(addresses=HERE, auth=True, made_key=MADE), host="0.0.0.0")
    assert f"\n  {MADE}\n" in text
    assert f"Authorization: Bearer {MADE}" in curl(text)
    assert f"export OPENAI_API_KEY={MADE}" in text
    assert "/data/admin.key" in text


def test_a_key_that_was_made_is_not_written_where_others_may_read_it() -> None:
    text = shown(Started(addresses=HERE, auth=True, made_key=MADE), show_key=False, host="0.0.0.0")
    assert MADE not in text
    assert "/data/admin.key" in text


def test_a_configured_key_is_never_shown() -> None:
    text = shown(Started(addresses=HERE, auth=True), api_key="a-secret-key")
    assert "a-secret-key" not in text
    assert "YOUR_KEY" in text
    assert "llamagate env" in text


def test_no_key_is_needed_where_only_this_machine_reaches_it() -> None:
    assert "only this machine can reach it" in shown(Started(addresses=HERE, auth=False))


def test_an_open_door_is_called_one() -> None:
    text = shown(Started(addresses=HERE, auth=False), host="0.0.0.0", auth="off")
    assert "Everybody who reaches this address can use it" in text


def test_what_to_do_without_ollama_is_one_sentence() -> None:
    text = shown(Started(addresses=HERE, auth=False, engines_down=("ollama",)))
    (line,) = [line for line in text.split("\n") if "No answer from ollama" in line]
    for part in ("http://localhost:11434", "ollama serve", "OLLAMA_HOST", "--demo", "503"):
        assert part in line


def test_in_a_container_the_way_to_the_host_is_told() -> None:
    down = Started(addresses=HERE, auth=False, engines_down=("ollama",))
    assert "host.docker.internal" in shown(down, container=True)
    assert "host.docker.internal" not in shown(down)


def test_one_engine_of_two_that_is_silent_is_named() -> None:
    started = Started(addresses=HERE, auth=False, engines_up=("box",), engines_down=("ollama",))
    assert "Silent: ollama at http://localhost:11434." in shown(started)


def test_the_demo_says_that_it_is_one() -> None:
    text = shown(Started(addresses=HERE, auth=False, engines_up=("demo",)), demo=True)
    assert "demo engine" in text


def test_no_engine_at_all_is_said_so() -> None:
    assert "No engine is set" in shown(Started(addresses=HERE, auth=False))


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]"])
def test_lines_to_paste_can_be_dialled(host: str) -> None:
    text = shown(Started(addresses=(("llamagate", f"http://{host}:8080"),), auth=False))
    assert host not in text


def test_powershell_gets_a_line_it_understands() -> None:
    text = shown(Started(addresses=HERE, auth=False), shell="powershell")
    assert "curl.exe" in text
    assert r"{\"model\"" in text
    assert "$env:OPENAI_BASE_URL = " in text
