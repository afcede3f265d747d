"""What most tests stand on: fakes that listen, and the real gateway in front of them."""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import orjson
import pytest

from _llamagate.config import load
from _llamagate.log import Log, configure_logging
from _llamagate.serve import Server
from tests.fakes.ollama import FakeOllama

# Their subject is for other systems: Unix scripts, systemd, and an executable watched by signals.
if sys.platform == "win32":
    collect_ignore = ["test_executable.py", "test_install.py", "test_notify.py"]


@dataclass
class Running:
    """A gateway that serves, and a client session to call it with."""

    server: Server
    url: str
    session: aiohttp.ClientSession
    log: BytesIO

    def lines(self) -> list[dict[str, Any]]:
        self.server.gateway.log.flush()
        return [orjson.loads(line) for line in self.log.getvalue().splitlines()]

    async def json(self, method: str, path: str, **how: Any) -> tuple[int, Any]:
        async with self.session.request(method, self.url + path, **how) as answer:
            body = await answer.read()
            return answer.status, orjson.loads(body) if body else None


class StartGateway(Protocol):
    async def __call__(self, *, demo: bool = False, toml: str = "", **settings: str) -> Running: ...


@asynccontextmanager
async def running_gateway(
    folder: Path, settings: Mapping[str, str], *, demo: bool = False, toml: str = ""
) -> AsyncIterator[Running]:
    environ = {
        "PORT": "0",
        "DATA_DIR": str(folder / "data"),
        "SLOTS": "8",
        "RATE_LIMIT_RPS": "1000",
    }
    (folder / "llamagate.toml").write_text(toml)
    config = replace(load({**environ, **settings}, folder), demo=demo)
    written = BytesIO()
    log = Log(written, config.log_file)
    configure_logging(log, config.debug)
    async with Server(config, log) as server, aiohttp.ClientSession() as session:
        yield Running(server, server.addresses[0][1], session, written)
    log.close()


@pytest.fixture
async def start_gateway(tmp_path: Path) -> AsyncIterator[StartGateway]:
    async with AsyncExitStack() as stack:

        async def start(*, demo: bool = False, toml: str = "", **settings: str) -> Running:
            return await stack.enter_async_context(
                running_gateway(tmp_path, settings, demo=demo, toml=toml)
            )

        yield start


@pytest.fixture
async def ollama() -> AsyncIterator[FakeOllama]:
    async with FakeOllama(parallel=16) as fake:
        yield fake


@pytest.fixture
async def gateway(start_gateway: StartGateway, ollama: FakeOllama) -> Running:
    return await start_gateway(OLLAMA_HOST=ollama.url)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was not run, by name, and what enables it."""
    missing = {
        (report.location[0], report.longrepr[2].removeprefix("Skipped: "))
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple)
    }
    for file, reason in sorted(missing):
        terminalreporter.write_line(f"Not run: {file}. {reason}")
