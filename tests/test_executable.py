"""The one-file executable, as somebody runs it who has no Python: built when it is out of date."""

import fcntl
import hashlib
import json
import os
import re
import resource
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "dist" / "llamagate"
SOURCES = ("_llamagate", "requirements", "llamagate.py", "llamagate.spec", "scripts/build.py")


@pytest.fixture(scope="module")
def program() -> Path:
    (ROOT / "build").mkdir(exist_ok=True)
    with open(ROOT / "build" / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two runs of the tests must not build over each other
        if out_of_date():
            build = ROOT / "scripts" / "unix" / "build.sh"
            done = subprocess.run([build], capture_output=True, text=True, timeout=600)
            assert done.returncode == 0, done.stdout + done.stderr
    return PROGRAM


def out_of_date() -> bool:
    if not PROGRAM.exists():
        return True
    places = [ROOT / name for name in SOURCES]
    files = [file for place in places for file in (place, *place.rglob("*.*"))]
    newest = max(file.stat().st_mtime for file in files if file.suffix in (".py", ".txt", ".spec"))
    return newest > PROGRAM.stat().st_mtime


@contextmanager
def started(program: Path, folder: Path, **settings: str) -> Iterator[tuple[str, psutil.Process]]:
    """The gateway with its demo engine: its address, and the process that serves."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {"DATA_DIR": str(folder / "data"), "TMPDIR": str(folder)}
    process = subprocess.Popen(
        [program, "--demo", "--port", str(port)],
        cwd=folder,
        env=os.environ | own | settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(url)
        # The process we started unpacked the program and watches over the one that serves.
        (serving,) = psutil.Process(process.pid).children()
        yield url, serving
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0


def wait_for(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):
                return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_it_is_small(program: Path) -> None:
    assert program.stat().st_size <= 25 * 2**20


def test_it_passes_its_own_test(program: Path, tmp_path: Path) -> None:
    done = subprocess.run([program, "selftest"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert done.stdout.endswith("The self-test passed.\n")


def test_it_starts_fast_stays_small_and_leaves_nothing_behind(
    program: Path, tmp_path: Path
) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with started(program, tmp_path) as (_, serving):
        assert serving.memory_info().rss <= 60 * 2**20
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Processor time, not the clock's: tests share the machine with whatever else runs.
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent < 1.5
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("_MEI")] == []


def test_systemd_hears_from_it_that_it_is_ready(program: Path, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(30)
        with started(program, tmp_path, NOTIFY_SOCKET=str(tmp_path / "notify")) as (_, serving):
            assert systemd.recv(100) == b"READY=1"
            serving.send_signal(signal.SIGHUP)
            assert systemd.recv(100).startswith(b"RELOADING=1")
            assert systemd.recv(100) == b"READY=1"
        assert systemd.recv(100) == b"STOPPING=1"


def test_its_sums_are_right(program: Path) -> None:
    lines = (program.parent / "SHA256SUMS").read_text().splitlines()
    assert [line.partition("  ")[2] for line in lines] == ["llamagate", "llamagate.cdx.json"]
    for line in lines:
        digest, _, name = line.partition("  ")
        assert hashlib.sha256((program.parent / name).read_bytes()).hexdigest() == digest


def test_its_list_of_parts_names_what_the_lock_pins(program: Path) -> None:
    parts = json.loads((program.parent / "llamagate.cdx.json").read_text())
    assert (parts["bomFormat"], parts["specVersion"]) == ("CycloneDX", "1.6")
    listed = {part["purl"].removeprefix("pkg:pypi/") for part in parts["components"]}
    lock = (ROOT / "requirements" / "runtime.txt").read_text()
    pinned = {f"{name}@{v}" for name, v in re.findall(r"^([a-z0-9-]+)==(\S+)", lock, re.M)}
    # Some are for an older Python than the one it was built with.
    assert listed <= pinned
    assert {"aiohttp", "orjson"} <= {name.partition("@")[0] for name in listed}
    assert all(part["licenses"] for part in parts["components"])
