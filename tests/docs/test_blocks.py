"""Every shell block of the README and the quick start does what it says, as a newcomer types it."""

import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "QUICKSTART.md")
# These start the gateway or the tests themselves: `tests/test_scripts.py` runs the first, and the
# second is what runs this.
STARTS = ("./scripts/unix/run.sh --demo", "./scripts/unix/run.sh", "./scripts/unix/test.sh")


def _blocks() -> list[str]:
    return [
        block.strip()
        for page in PAGES
        for block in re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    ]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("blocks")
    listening = folder / "port"
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LLAMAGATE_PORT": "0",
        "DATA_DIR": str(folder),
        "MODEL_ALIASES": "llama3.2=demo-fast,llama3.1:8b=demo-fast",
    }
    command = [sys.executable, str(ROOT / "llamagate.py"), "--demo"]
    with listening.open("w") as errors:
        process = subprocess.Popen(
            command, env=environ, cwd=folder, stdout=subprocess.DEVNULL, stderr=errors
        )
    try:
        yield _port_of(listening)
    finally:
        process.terminate()
        process.wait(10)


def _port_of(told: Path) -> int:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if found := re.search(r"http://127\.0\.0\.1:(\d+)", told.read_text()):
            return int(found[1])
        time.sleep(0.05)
    raise AssertionError(told.read_text())


def test_there_are_blocks_and_those_that_start_it_are_known() -> None:
    blocks = _blocks()

    assert len(blocks) > 6
    for start in STARTS:
        script = start.split()[0]
        assert os.access(ROOT / script, os.X_OK)
        assert start in blocks


@pytest.mark.skipif(sys.platform == "win32", reason="the blocks are for a Unix shell")
@pytest.mark.parametrize("block", [block for block in _blocks() if block not in STARTS])
def test_a_shell_block_works_as_it_stands(block: str, port: int, tmp_path: Path) -> None:
    script = block.replace("localhost:8080", f"127.0.0.1:{port}")

    done = subprocess.run(
        ["sh", "-euc", script], cwd=tmp_path, capture_output=True, text=True, timeout=30
    )

    assert done.returncode == 0, done.stderr
    if "curl" in block:
        assert '"error"' not in done.stdout
        assert done.stdout.strip().startswith("{")


def test_the_python_block_of_the_readme_asks_for_what_there_is(port: int) -> None:
    """The client library is not here; its one call is made by hand."""
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    model = re.search(r'model="([^"]+)"', block)
    assert model
    body = f'{{"model":"{model[1]}","messages":[{{"role":"user","content":"Hello!"}}]}}'
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/chat/completions",
        body.encode(),
        {"Content-Type": "application/json"},
    )

    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.status == 200
