"""What is measured, each as a process on a core of its own: engine, nginx, the gateway, LiteLLM.

Every one listens on a free loopback port and is stopped with the `with` that started it.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import venv
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.machine import NotHere, cores
from bench.rows import KEY

ROOT = Path(__file__).parent.parent
BUILD = Path(__file__).parent / ".build"
LITELLM = ROOT / ".venvs" / "litellm"
LITELLM_VERSION = "1.106.2"

_START_LIMIT = 60.0


class Server:
    """A process that listens on `port`, started by entering and stopped by leaving."""

    def __init__(
        self,
        name: str,
        command: list[str],
        port: int,
        *,
        core: int | None = None,
        settings: dict[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.name = name
        self.port = port
        self._command = command
        self._core = cores()[0] if core is None else core
        # Nothing of the caller's environment: a PROXY or a HOST of his would change the figures.
        self._environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}
        self._environment |= settings or {}
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def start(self) -> None:
        """Start it, without waiting until it answers."""
        self._process = subprocess.Popen(
            self._command,
            env=self._environment,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._complaints().open("wb"),
            preexec_fn=lambda: os.sched_setaffinity(0, {self._core}),
        )

    def stop(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def __enter__(self) -> Self:
        self.start()
        give_up = time.monotonic() + _START_LIMIT
        while not listens(self.port):
            assert self._process
            if self._process.poll() is not None or time.monotonic() > give_up:
                said = self._complaints().read_text(errors="replace").splitlines()
                self.stop()
                raise NotHere("\n".join([f"{self.name} did not start:", *said[-8:]]))
            time.sleep(0.02)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer to one whole request; 0 where none came."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
                connection.sendall(request)
                answer = HTTPResponse(connection)
                answer.begin()
                return answer.status, answer.read()
        except (OSError, HTTPException):
            return 0, b""

    def _complaints(self) -> Path:
        return BUILD / f"{self.name}.err"


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def built(name: str) -> str:
    """The path of a C program of ours, compiled if its source is newer."""
    source, program = Path(__file__).parent / f"{name}.c", BUILD / name
    BUILD.mkdir(exist_ok=True)
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        if not shutil.which("cc"):
            raise NotHere("the rig needs a C compiler; on Debian: apt-get install gcc libc6-dev")
        subprocess.run(["cc", "-O2", "-Wall", "-o", str(program), str(source)], check=True)
    return str(program)


def engine(models: list[str]) -> Server:
    port = free_port()
    return Server("engine", [built("engine"), str(port), *models], port, core=cores()[1])


# ---------------------------------------------------------------- nginx

_NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    default_type application/json;
    sendfile on;
    tcp_nodelay on;
    keepalive_requests 1000000000;
    client_max_body_size 64m;
    client_body_temp_path {folder};
    proxy_temp_path {folder};
    fastcgi_temp_path {folder};
    uwsgi_temp_path {folder};
    scgi_temp_path {folder};
    upstream engine {{
        server 127.0.0.1:{engine};
        keepalive 2048;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://engine;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_request_buffering off;
            proxy_read_timeout 1h;
        }}
        location = /answer.json {{ root {folder}; }}
    }}
}}
"""


def nginx(engine: int, folder: Path) -> Server:
    """A pool of kept connections, no log, no buffer: as fast as it can forward."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if not program:
        raise NotHere("the rig compares with nginx; on Debian: apt-get install nginx-light")
    port, config = free_port(), folder / "nginx.conf"
    config.write_text(_NGINX.format(folder=folder, engine=engine, port=port))
    return Server("nginx", [program, "-p", str(folder), "-c", str(config)], port)


# ---------------------------------------------------------------- the gateway

EXECUTABLE = ROOT / "dist" / "llamagate"


def everything_on(engine: int, port: int, folder: Path) -> dict[str, str]:
    """What a careful operator has: key, bucket, cache, queue, metrics, and a log in a file."""
    return {
        "LLAMAGATE_HOST": "127.0.0.1",
        "PORT": str(port),
        "OLLAMA_HOST": f"http://127.0.0.1:{engine}",
        "API_KEY": KEY,
        "RATE_LIMIT_RPS": "1000000",
        "SLOTS": "4096",
        "CACHE": "true",
        "LOG_FILE": str(folder / "access.log"),
        "DATA_DIR": str(folder / "data"),
    }


def gateway(
    engine: int,
    folder: Path,
    *,
    name: str = "llamagate",
    command: list[str] | None = None,
    settings: dict[str, str] | None = None,
) -> Server:
    port = free_port()
    home = folder / name
    home.mkdir(exist_ok=True)
    return Server(
        name,
        command or [sys.executable, str(ROOT / "llamagate.py")],
        port,
        settings=everything_on(engine, port, home) | (settings or {}),
        folder=home,
    )


# ---------------------------------------------------------------- LiteLLM's proxy


def litellm(engine: int, models: list[str], folder: Path) -> Server:
    """With a key asked for, its log off, and the engine spoken to in OpenAI's wire: through
    Ollama's own, which asks for the model's details on every call, it is less than half as fast."""
    port, config = free_port(), folder / "litellm.json"  # JSON is YAML
    config.write_text(json.dumps({
        "model_list": [
            {
                "model_name": model,
                "litellm_params": {
                    "model": f"openai/{model}",
                    "api_base": f"http://127.0.0.1:{engine}/v1",
                    "api_key": "none",
                },
            }
            for model in models
        ],
        "general_settings": {"master_key": KEY},
    }))  # fmt: skip
    command = [str(_litellm_program()), "--config", str(config), "--host", "127.0.0.1"]
    settings = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # or it asks the internet for prices
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOG": "ERROR",
        "NO_PROXY": "*",
    }
    command += ["--port", str(port)]
    return Server("litellm", command, port, settings=settings, folder=folder)


def _litellm_program() -> Path:
    program = LITELLM / "bin" / "litellm"
    if not program.exists():
        print(f"Installing LiteLLM {LITELLM_VERSION} into {LITELLM.relative_to(ROOT)} ...")
        venv.create(LITELLM, with_pip=True)
        wanted = f"litellm[proxy]=={LITELLM_VERSION}"
        subprocess.run([LITELLM / "bin" / "pip", "install", "--quiet", wanted], check=True)
    return program
