"""The wheel, as `pip install llamagate` puts it into an environment that holds nothing else."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def run(*command: str | Path, folder: Path) -> str:
    done = subprocess.run(
        [str(word) for word in command], cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("empty environment")
    run(sys.executable, "-m", "venv", folder, folder=folder)
    return folder / ("Scripts" if os.name == "nt" else "bin")


@pytest.fixture(scope="module")
def wheel(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: building leaves folders beside the source."""
    folder = tmp_path_factory.mktemp("source")
    shutil.copytree(ROOT / "_llamagate", folder / "_llamagate")
    for name in ("llamagate.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    run(environment / "pip", "wheel", "--quiet", "--no-deps", ".", folder=folder)
    (made,) = folder.glob("llamagate-*.whl")
    return made


def test_the_wheel_holds_every_file_of_the_program(wheel: Path) -> None:
    tracked = run("git", "ls-files", "_llamagate", "llamagate.py", folder=ROOT).split()
    there = {name for name in tracked if (ROOT / name).exists()}
    with zipfile.ZipFile(wheel) as archive:
        assert there <= set(archive.namelist())


def test_the_installed_command_serves_every_surface(
    wheel: Path, environment: Path, tmp_path: Path
) -> None:
    run(environment / "pip", "install", "--quiet", wheel, folder=tmp_path)
    assert "The self-test passed." in run(environment / "llamagate", "selftest", folder=tmp_path)
