"""Drives the gateway with the official client libraries, each in an environment of its own.

    scripts/unix/test.sh --clients [NAME ...]

For each row of the table: make its environment under .venvs/, start a real gateway with the demo
engine on free ports, run the row's file of tests/clients/ there, stop the gateway. The tests find
it by BASE_URL (without /v1) and API_KEY, EgoLlama's surface by EGOLLAMA_URL.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import environment

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests" / "clients"
MODELS = ("llama2", "mistral:7b")  # that the documents ask for; the demo has others
PYTEST = ("pytest==9.2.0", "pytest-asyncio==1.5.0")


@dataclass(frozen=True)
class Suite:
    """A client library, its version, and the file that drives it: .py for Python, .mjs for Node."""

    name: str
    packages: tuple[str, ...]
    file: str

    @property
    def folder(self) -> Path:
        return ROOT / ".venvs" / self.name


# One environment each: other libraries hold `openai` back to a version of their own.
SUITES = [
    Suite("openai-2", ("openai==2.54.0",), "openai_python.py"),
    Suite("openai-3", ("openai==3.54.0",), "openai_python.py"),
    Suite("langchain-openai", ("langchain-openai==1.7.3",), "langchain_chat.py"),
    Suite("openai-node", ("openai@6.49.0",), "openai_node.mjs"),  # 7 asks for Node 22
    Suite("responses", ("openai==3.54.0",), "responses_python.py"),
    Suite("anthropic", ("anthropic==2.12.0",), "anthropic_python.py"),
    Suite("anthropic-node", ("@anthropic-ai/sdk@1.12.0",), "anthropic_node.mjs"),
    Suite("ollama", ("ollama==0.6.3",), "ollama_python.py"),
    Suite("langchain-ollama", ("langchain-ollama==1.1.0",), "langchain_ollama_chat.py"),
    Suite("ollama-node", ("ollama@0.6.4",), "ollama_node.mjs"),
    Suite(
        "ai-node",
        ("ai@6.0.326", "@ai-sdk/openai@3.0.141", "@ai-sdk/anthropic@3.0.138", "zod@4"),
        "ai_node.mjs",
    ),
    # The programs of the documents, with the libraries they were written for.
    Suite("llamagate-document", ("openai==1.109.1", "langchain==0.0.335"), "llamagate_document.py"),
    Suite(
        "egollama-document",
        ("openai==0.28.1", "langchain==0.0.335", "requests==2.34.2"),
        "egollama_document.py",
    ),
    Suite("egollama-document-node", ("node-fetch@2.7.0",), "egollama_document.mjs"),
    Suite("claude-code", ("@anthropic-ai/claude-code@2.1.197",), "claude_code.mjs"),
]


def main() -> int:
    chosen = [suite for suite in SUITES if not sys.argv[1:] or suite.name in sys.argv[1:]]
    if not chosen:
        sys.exit(f"No such client. There are: {', '.join(suite.name for suite in SUITES)}")
    failed, missing = [], []
    for suite in chosen:
        if suite.file.endswith(".mjs") and not shutil.which("npm"):
            missing.append(suite.name)
            continue
        print(f"\n== {suite.name}: {', '.join(suite.packages)}", flush=True)
        try:
            passed = run(suite) == 0
        except SystemExit as reason:  # its environment or the gateway could not be had
            print(reason)
            passed = False
        if not passed:
            failed.append(suite.name)
    print()
    if missing:
        print(f"Not run: {', '.join(missing)}. To enable: scripts/unix/services.sh, or install npm")
    if missing and os.environ.get("CI") == "true":
        failed += missing
    print(f"Failed: {', '.join(failed)}" if failed else "All clients passed.")
    return 1 if failed else 0


def run(suite: Suite) -> int:
    command = node_command(suite) if suite.file.endswith(".mjs") else python_command(suite)
    with gateway() as found:
        return subprocess.call(command, cwd=suite.folder, env=os.environ | found)


def python_command(suite: Suite) -> list[str]:
    packages = (*PYTEST, *suite.packages)
    python = environment.ready(str(suite.folder), "packages", " ".join(packages), *packages)
    config = str(TESTS / "pytest.ini")
    return [python, "-m", "pytest", "-c", config, "--rootdir", str(TESTS), str(TESTS / suite.file)]


def node_command(suite: Suite) -> list[str]:
    """Node looks for packages beside the file that imports them, so the test moves in with them."""
    suite.folder.mkdir(parents=True, exist_ok=True)
    stamp = suite.folder / "packages"
    wanted = " ".join(suite.packages)
    if not stamp.exists() or stamp.read_text() != wanted:
        npm = shutil.which("npm") or "npm"
        options = (
            "--no-save",
            "--no-audit",
            "--no-fund",
            "--silent",
            "--prefix",
            str(suite.folder),
        )
        subprocess.run([npm, "install", *options, *suite.packages], check=True)
        stamp.write_text(wanted)
    shutil.copy(TESTS / suite.file, suite.folder)
    return ["node", "--test", suite.file]


@contextmanager
def gateway() -> Iterator[dict[str, str]]:
    """A real gateway in front of its demo engine, and the variables that lead to it."""
    port, egollama, key = free_port(), free_port(), "sk-" + secrets.token_hex(16)
    with tempfile.TemporaryDirectory() as folder, open(Path(folder, "log"), "w+") as log:
        settings = {
            "API_KEY": key,
            "DATA_DIR": folder,
            "RATE_LIMIT_RPS": "1000",
            "SURFACE_PORTS": f"egollama:{egollama}",
            "MODEL_ALIASES": ",".join(f"{name}=demo-fast" for name in MODELS),
        }
        command = [sys.executable, str(ROOT / "llamagate.py"), "--demo", "--port", str(port)]
        process = subprocess.Popen(
            command, cwd=folder, env=os.environ | settings, stdout=log, stderr=log
        )
        try:
            url = f"http://127.0.0.1:{port}"
            if not healthy(url, process):
                log.seek(0)
                sys.exit(f"The gateway did not start:\n{log.read()}")
            yield {
                "BASE_URL": url,
                "EGOLLAMA_URL": f"http://127.0.0.1:{egollama}",
                "API_KEY": key,
            }
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def healthy(url: str, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url + "/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            time.sleep(0.05)
    return False


if __name__ == "__main__":
    sys.exit(main())
