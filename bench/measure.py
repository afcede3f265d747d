"""One server under one load: what came through, how long it took, and what it cost."""

import json
import subprocess
from pathlib import Path
from typing import Any

from bench import machine
from bench.rows import Row
from bench.servers import Server, built

Figures = dict[str, float]
Told = dict[str, Any]  # the load generator's line of JSON


class WrongAnswers(Exception):
    """A figure for answers that were wrong would be worse than none."""


class Load:
    """The load generator at work. `begin` waits until it measures, `end` until it has."""

    def __init__(self, server: Server, request: bytes, file: Path, *options: object) -> None:
        file.write_bytes(request)
        command = [built("load"), "-p", str(server.port), "-r", str(file), *map(str, options)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._server = server
        assert self._process.stdout
        self._said = self._process.stdout

    @property
    def pid(self) -> int:
        return self._process.pid

    def begin(self) -> None:
        self._said.readline()

    def end(self) -> Told:
        """What it counted. What is still under way then ends in `close`."""
        line = self._said.readline()
        if not line:
            raise WrongAnswers(f"{self._server.name}: the load generator died")
        told: Told = json.loads(line)
        if told["errors"]:
            self.close()
            raise WrongAnswers(
                f"{self._server.name}: {told['errors']} wrong answers to {told['requests']} right "
                f"ones, the first: {told['fault']}"
            )
        return told

    def close(self, *, at_once: bool = False) -> None:
        if at_once:
            self._process.terminate()
        self._process.wait()
        self._said.close()


def measure(server: Server, engine: Server, row: Row, folder: Path, seconds: float) -> Figures:
    request = row.instead.get(server.name) or row.request()
    load = Load(
        server, request, folder / "request",
        "-c", row.connections, "-t", row.tokens, "-g", row.ramp_ms, "-w", row.warm, "-s", seconds,
    )  # fmt: skip
    load.begin()
    pids = {"server": server.pid, "engine": engine.pid, "load": load.pid}
    before = _used(pids)
    told = load.end()
    used = {name: seconds - before[name] for name, seconds in _used(pids).items()}
    load.close()
    return _figures(row, told, used)


def _used(pids: dict[str, int]) -> dict[str, float]:
    """CPU seconds so far, also of whoever else is on the two cores."""
    found = {name: machine.cpu_seconds(pid) for name, pid in pids.items()}
    # The engine itself is the server in a row that asks it directly.
    ours = sum({pid: found[name] for name, pid in pids.items()}.values())
    return found | {"others": machine.busy_seconds() - ours}


def _figures(row: Row, told: Told, used: dict[str, float]) -> Figures:
    seconds, count = told["seconds"], told[f"{row.unit}s"]
    if not count:
        raise WrongAnswers(f"no {row.unit} came through in {seconds:.1f} seconds")
    first, whole = told["first_us"], told["whole_us"]
    return {
        "rate": count / seconds,
        "cost_us": used["server"] * 1e6 / count,
        "first_p50_ms": first["p50"] / 1000,
        "first_p99_ms": first["p99"] / 1000,
        "whole_p50_ms": whole["p50"] / 1000,
        "whole_p99_ms": whole["p99"] / 1000,
        "core": used["server"] / seconds,
        "load_core": used["load"] / seconds,
        "engine_core": used["engine"] / seconds,
        "others": used["others"] / seconds,
    }
