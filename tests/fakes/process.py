"""The gateway as people run it: a process of its own, started, signalled and waited for."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson

PROGRAM = Path(__file__).parents[2] / "llamagate.py"


@dataclass
class Process:
    url: str
    port: int
    folder: Path
    process: asyncio.subprocess.Process
    session: aiohttp.ClientSession

    @property
    def out(self) -> bytes:
        return (self.folder / "out").read_bytes()

    @property
    def err(self) -> bytes:
        return (self.folder / "err").read_bytes()

    def lines(self) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in self.out.splitlines()]

    def events(self) -> list[str]:
        return [line["event"] for line in self.lines() if "event" in line]

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self, within: float = 10) -> int:
        async with asyncio.timeout(within):
            return await self.process.wait()

    async def stops_accepting(self) -> None:
        async with asyncio.timeout(5):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except ConnectionRefusedError:
                    return
                writer.close()
                await asyncio.sleep(0.01)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def process(folder: Path, *arguments: str, **settings: str) -> AsyncIterator[Process]:
    """Serving once it is entered; killed when it is left and still there."""
    port = free_port()
    environ = {
        "PATH": os.environ["PATH"],
        "DATA_DIR": str(folder / "data"),
        "PORT": str(port),
        "SLOTS": "8",
        "RATE_LIMIT_RPS": "1000",
        **{name: os.environ[name] for name in os.environ if name.startswith("COVERAGE")},
        **settings,
    }
    with open(folder / "out", "wb") as out, open(folder / "err", "wb") as err:
        started = await asyncio.create_subprocess_exec(
            sys.executable, PROGRAM, *arguments, cwd=folder, env=environ, stdout=out, stderr=err
        )
    async with aiohttp.ClientSession() as session:
        found = Process(f"http://127.0.0.1:{port}", port, folder, started, session)
        try:
            await _alive(found)
            yield found
        finally:
            if started.returncode is None:
                started.kill()
                await started.wait()


async def _alive(found: Process) -> None:
    async with asyncio.timeout(20):
        while True:
            assert found.process.returncode is None, found.err.decode()
            try:
                async with found.session.get(f"{found.url}/health/live"):
                    return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.02)
