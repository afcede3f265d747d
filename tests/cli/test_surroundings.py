"""What the process finds around it."""

import sys
from pathlib import Path

import pytest

from _llamagate.cli import surroundings
from _llamagate.cli.arguments import parse


def test_a_frozen_program_looks_beside_the_file_that_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "dist" / "llamagate"))
    assert surroundings.exe_dir() == tmp_path / "dist"


def test_a_checkout_looks_beside_its_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "llamagate.py")])
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (tmp_path / ".env").write_text("PORT=7000\n")
    assert surroundings.load_config(parse([])).port == 7000


def test_the_demo_is_asked_for_on_the_command_line() -> None:
    assert surroundings.load_config(parse(["--demo"])).demo
    assert surroundings.load_config(parse(["serve", "--demo"])).demo
    assert not surroundings.load_config(parse([])).demo


@pytest.mark.parametrize("name", ["KUBERNETES_SERVICE_HOST", "container"])
def test_containers_make_themselves_known(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    assert surroundings.in_container()
    assert surroundings.may_show_a_key()


def test_no_colour_where_no_terminal_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert not surroundings.colourful()
