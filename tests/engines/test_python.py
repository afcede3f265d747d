"""The other Python: found, looked at, and told what is missing in it."""

import sys
import tomllib
from pathlib import Path

import pytest

from _llamagate.engines.python import REQUIREMENT, Python, find
from _llamagate.errors import EngineUnreachable
from tests.fakes.workshop import SITE

ROOT = Path(__file__).parent.parent.parent
HERE = Path(sys.executable)


async def test_one_that_has_what_is_needed_is_looked_at_once(tmp_path):
    environ = {"PYTHONPATH": str(SITE)}
    python = Python(HERE, environ)
    await python.check()
    environ.clear()
    await python.check()


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (Path("/no/such/python"), "there is no Python with transformers"),
        (HERE, "PackageNotFoundError"),
    ],
)
async def test_what_is_missing_comes_with_the_command_that_helps(path, said):
    python = Python(path, {})
    with pytest.raises(EngineUnreachable, match=said) as refusal:
        await python.check()
    assert f"pip install '{REQUIREMENT}'" in refusal.value.message
    assert "TRANSFORMERS_PYTHON" in refusal.value.message
    with pytest.raises(EngineUnreachable, match=said):
        await python.check()


async def test_one_that_is_too_old_says_so(tmp_path):
    for name, version in (("transformers", "4.57.1"), ("torch", "2"), ("fastapi", "1")):
        info = tmp_path / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    python = Python(HERE, {"PYTHONPATH": f"{tmp_path}:{SITE}"})
    with pytest.raises(EngineUnreachable, match=r"transformers 4\.57\.1, which is too old"):
        await python.check()


async def test_what_cannot_be_started_is_an_error_of_the_engine(tmp_path):
    (tmp_path / "python").write_text("not a program")
    with pytest.raises(EngineUnreachable, match="cannot be started"):
        await Python(tmp_path / "python", {}).check()


def test_the_one_that_was_named_comes_first_then_the_data_folders(tmp_path):
    named = tmp_path / "named"
    assert find(named, tmp_path) == named
    assert find(None, tmp_path) == HERE
    made = tmp_path / "transformers" / "bin" / "python"
    made.parent.mkdir(parents=True)
    made.touch()
    assert find(None, tmp_path) == made


def test_a_frozen_gateway_is_not_taken_for_a_python(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.frozen", True, raising=False)
    assert find(None, tmp_path) == tmp_path / "transformers" / "bin" / "python"


def test_what_it_needs_is_what_the_package_offers_as_an_extra():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["optional-dependencies"]["transformers"] == [REQUIREMENT]
