"""What the doctor says of the Python that serves Hugging Face models."""

import sys
from pathlib import Path

from _llamagate.cli.doctor.engines import look_at_engines
from _llamagate.cli.doctor.finding import Finding
from _llamagate.config import load
from tests.fakes.workshop import SITE


def look(folder: Path, **environ: str) -> Finding:
    settings = {"OLLAMA_HOST": "none", "HF_MODELS": "org/*", "DATA_DIR": str(folder)}
    (finding,) = look_at_engines(load({**settings, **environ}, folder))
    return finding


def test_one_that_has_what_it_needs_is_named(tmp_path: Path) -> None:
    found = look(tmp_path, TRANSFORMERS_PYTHON=sys.executable, PYTHONPATH=str(SITE))
    assert (found.subject, found.level) == ("engine transformers", "ok")
    assert sys.executable in found.text


def test_one_that_lacks_it_comes_with_the_command_and_the_places(tmp_path: Path) -> None:
    found = look(tmp_path)
    assert found.level == "fail"
    assert "pip install" in found.text
    assert str(tmp_path) in found.text
