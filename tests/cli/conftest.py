"""A command line in an environment of its own."""

import os
import sys
from pathlib import Path

import pytest

if sys.platform == "win32":  # which has no pseudo-terminals that Python could open
    collect_ignore = ["test_terminal.py"]


@pytest.fixture(autouse=True)
def own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What this machine has set must not decide; the current folder and home are the test's."""
    for name in list(os.environ):
        if name not in ("PATH", "TMPDIR", "SYSTEMROOT", "PYTEST_CURRENT_TEST"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
