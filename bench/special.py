"""The rows that no load alone can tell: a cold start, a thousand silent streams, a fair queue."""

import sys
import time
from pathlib import Path

from bench import machine, rows, servers
from bench.measure import Figures, Load, WrongAnswers
from bench.rows import chat
from bench.servers import EXECUTABLE, ROOT, Server

OPEN_STREAMS = 1000
_WAITING = 200
_SLOTS = 4
_FAIR_SERVICE_MS = 100.0


def commands() -> dict[str, list[str]]:
    """The ways to start the gateway: as a script, and as the executable where it was built."""
    found = {"script": [sys.executable, str(ROOT / "llamagate.py")]}
    if EXECUTABLE.exists():
        found["executable"] = [str(EXECUTABLE)]
    return found


def start(engine: Server, folder: Path, command: list[str]) -> Figures:
    """From exec to the first answer of a model, and the memory two seconds later."""
    gateway = servers.gateway(engine.port, folder, name="start", command=command)
    request = chat(rows.PLAIN)
    began = time.perf_counter()
    gateway.start()
    try:
        while gateway.ask(request)[0] != 200:
            if time.perf_counter() - began > 30:
                raise WrongAnswers("no answer within 30 seconds of the start")
            time.sleep(0.002)
        took = time.perf_counter() - began
        time.sleep(2)
        idle = machine.resident_bytes(gateway.pid)
    finally:
        gateway.stop()
    return {"first answer, ms": took * 1000, "idle RSS, MB": idle / 1e6}


def idle_streams(server: Server, folder: Path) -> Figures:
    """What an open stream that says nothing weighs, in a server that has not grown before."""
    request = folder / "idle"
    warm = Load(server, chat(rows.STREAM, stream=True), request, "-c", 4, "-n", 50)
    warm.begin()
    warm.end()
    warm.close()
    before = machine.resident_bytes(server.pid)
    load = Load(
        server, chat(rows.IDLE, stream=True), request, "-c", OPEN_STREAMS, "-s", 4, "-g", 1500
    )
    load.begin()
    time.sleep(3.5)
    grown = machine.resident_bytes(server.pid) - before
    told = load.end()
    load.close(at_once=True)
    if told["first_us"]["count"] != OPEN_STREAMS:
        raise WrongAnswers(f"only {told['first_us']['count']} of {OPEN_STREAMS} streams began")
    return {"kB per stream": grown / 1000 / OPEN_STREAMS}


def fairness(engine: Server, folder: Path, seconds: float = 5.0) -> dict[str, Figures]:
    """One caller with 200 requests waiting, and five that send one at a time."""
    light = [f"light-caller-{number}" for number in range(5)]
    settings = {"API_KEYS": ",".join(["heavy-caller", *light]), "SLOTS": str(_SLOTS)}
    with servers.gateway(engine.port, folder, name="fair", settings=settings) as gateway:
        loads = [
            Load(
                gateway, chat(rows.FAIR, key=key), folder / key,
                "-c", _WAITING + _SLOTS if key == "heavy-caller" else 1,
                "-t", 10, "-w", 1, "-s", seconds,
            )
            for key in ("heavy-caller", *light)
        ]  # fmt: skip
        for load in loads:
            load.begin()
        told = [load.end() for load in loads]
        for load in loads:
            load.close(at_once=True)
    waits = [
        {name: max(0.0, one["whole_us"][name] / 1000 - _FAIR_SERVICE_MS) for name in ("p50", "p95")}
        for one in told
    ]
    heaviest, *others = waits
    slowest = max(others, key=lambda wait: wait["p95"])
    return {
        "light (the slowest)": {"p50 wait, ms": slowest["p50"], "p95 wait, ms": slowest["p95"]},
        "heavy": {"p50 wait, ms": heaviest["p50"], "p95 wait, ms": heaviest["p95"]},
    }
