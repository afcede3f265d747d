"""The scripts people run: from a fresh checkout, from anywhere, against a running gateway."""

import asyncio
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.conftest import StartGateway

ROOT = Path(__file__).resolve().parent.parent
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def run(*command: str | Path, **how: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=120, **how
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy with a space in its path, and an environment that is already as the lock has it."""
    copy = tmp_path / "a checkout"
    for name in ("_llamagate", "scripts", "requirements"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("llamagate.py", "run.sh"):
        shutil.copy(ROOT / name, copy / name)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", copy / ".venv"], check=True)
    lock = (copy / "requirements" / "runtime.txt").read_bytes()
    (copy / ".venv" / "runtime.lock").write_text(hashlib.sha256(lock).hexdigest())
    return copy


@pytest.mark.parametrize("script", ["run.sh", "scripts/unix/run.sh"])
def test_run_starts_the_gateway_from_any_folder_and_a_path_with_spaces(
    checkout: Path, script: str, tmp_path: Path
) -> None:
    done = run(checkout / script, "--version", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("llamagate ")


def test_run_hands_on_options_and_the_exit_status(checkout: Path) -> None:
    done = run(checkout / "run.sh", "--no-such-option")
    assert done.returncode == 2
    assert "--no-such-option" in done.stderr


def environment(prelude: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """scripts/environment.py on a machine that is as `prelude` has it, without uv."""
    script = ROOT / "scripts" / "environment.py"
    code = f"{prelude}; sys.argv[1:] = ['runtime', {str(folder)!r}]; import runpy; "
    code += f"runpy.run_path({str(script)!r}, run_name='__main__')"
    return run(sys.executable, "-c", code, env={"PATH": "", **env})


def test_an_old_python_is_told_what_to_install(tmp_path: Path) -> None:
    done = environment("import sys; sys.version_info = (3, 9, 2)", tmp_path / "new")
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr
    assert "apt install python3" in done.stderr


def test_a_python_that_cannot_make_environments_is_told_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "ensurepip.py").write_text("raise ImportError('as on Debian')")
    done = environment("import sys", tmp_path / "new", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert "apt install python3-venv" in done.stderr


def test_an_environment_that_is_ready_costs_nothing(checkout: Path) -> None:
    done = run(sys.executable, checkout / "scripts/environment.py", "runtime", ".venv")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_pins_and_hashes_everything_and_names_no_place(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    pins = re.split(r"\n(?=[a-z])", text.partition("\n\n")[2] or text)
    for pin in [pin for pin in pins if not pin.startswith("#")]:
        assert re.match(r"[a-z0-9-]+==\S+ ", pin)
        assert "--hash=sha256:" in pin


@pytest.mark.parametrize(("lock", "group"), [("runtime", ""), ("dev", "dev"), ("build", "build")])
def test_the_locks_hold_what_pyproject_asks_for(lock: str, group: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = project["project"]["dependencies"] + project["dependency-groups"].get(group, [])
    pinned = set(
        re.findall(r"^([a-z0-9-]+)==", (ROOT / f"requirements/{lock}.txt").read_text(), re.M)
    )
    assert {re.split(r"[^a-z0-9-]", name)[0] for name in wanted} <= pinned


async def live(url: str, key: str) -> subprocess.CompletedProcess[str]:
    script = ROOT / "scripts" / "live.py"
    env = os.environ | {"BASE_URL": url, "API_KEY": key}
    return await asyncio.to_thread(run, sys.executable, script, env=env)


async def test_the_live_test_passes_for_a_gateway_that_works(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(demo=True, API_KEY="sk-right-key-0123456789")
    done = await live(gateway.url + "/v1", "sk-right-key-0123456789")
    assert done.stdout.endswith("8 passed, 0 failed, 0 skipped\n")
    assert done.returncode == 0


async def test_the_live_test_says_what_it_could_not_look_at(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(demo=True)
    done = await live(gateway.url, "")
    assert "SKIP  a wrong key: the gateway asks nobody for a key" in done.stdout
    assert done.returncode == 0


async def test_the_live_test_fails_for_a_wrong_key(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(demo=True, API_KEY="sk-right-key-0123456789")
    done = await live(gateway.url, "sk-another-key-0123456789")
    assert "FAIL  the right key" in done.stdout
    assert done.returncode == 1


async def test_the_live_test_fails_where_nobody_listens(unused_tcp_port: int) -> None:
    done = await live(f"http://127.0.0.1:{unused_tcp_port}", "")
    assert "cannot be reached" in done.stdout
    assert done.returncode == 1


def test_windows_scripts_keep_the_line_ends_that_cmd_needs() -> None:
    listed = run("git", "ls-files", "--eol", "*.cmd", "*.ps1", cwd=ROOT).stdout.splitlines()
    assert listed
    assert [line for line in listed if "eol=crlf" not in line] == []
