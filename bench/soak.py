"""Does it leak? 200,000 requests of 10,000 callers, a quarter streamed, a tenth left half-way.

    python -m bench.soak

Memory, open files and every gauge of /metrics are read before, between the legs and after. The
first leg is not counted: it fills what is bounded (the cache, here 1 MB, and the callers' buckets).
"""

import json
import re
import sys
import tempfile
import time
from pathlib import Path

from bench import machine, servers
from bench.measure import Load, WrongAnswers
from bench.rows import chat, get
from bench.servers import Server

REQUESTS = 200_000
LEGS = 8
KEYS = 10_000
STREAMED = 0.25
LEFT_PERCENT = 10
CONNECTIONS = 64
MAY_GROW_MB = 3.0

_KEY = "@" * 16  # the load generator writes a number over it
_PLAIN = "fake:20x5-1ms"
_STREAM = "fake:20x5-2ms"


def key_file() -> str:
    return json.dumps({f"caller-{number}": f"{number:016}" for number in range(KEYS)})


def leg(gateway: Server, folder: Path, requests: int) -> int:
    """Both kinds side by side. How many of them were left half-way."""
    streamed = int(requests * STREAMED)
    loads = [
        Load(
            gateway, chat(model, stream=stream, key=_KEY), folder / model,
            "-c", CONNECTIONS // 2, "-n", count, "-t", 20, "-k", KEYS,
            "-l", LEFT_PERCENT, "-a", half_way,
        )
        for model, stream, count, half_way in (
            (_PLAIN, False, requests - streamed, 10),
            (_STREAM, True, streamed, 20),
        )
    ]  # fmt: skip
    for load in loads:
        load.begin()
    told = [load.end() for load in loads]
    for load in loads:
        load.close()
    return sum(one["given_up"] for one in told)


def gauges(gateway: Server) -> dict[str, float]:
    _, text = gateway.ask(get("/metrics"))
    names = re.findall(r"^# TYPE (\S+) gauge$", text.decode(), re.MULTILINE)
    found = re.findall(r"^([^#{\s]+)(\{.*\})? (\S+)$", text.decode(), re.MULTILINE)
    return {name + labels: float(value) for name, labels, value in found if name in names}


def state(gateway: Server) -> dict[str, float]:
    time.sleep(2)  # what is under way ends, what waits to be freed is
    return {
        "RSS, MB": machine.resident_bytes(gateway.pid) / 1e6,
        "open files": machine.open_files(gateway.pid),
        **gauges(gateway),
    }


def tell(done: int, now: dict[str, float]) -> None:
    facts = "  ".join(f"{what} {value:g}" for what, value in now.items())
    print(f"{done:>9,}  {facts}", flush=True)


def soak(folder: Path) -> int:
    home = folder / "llamagate"
    home.mkdir()
    (home / "tokens.json").write_text(key_file())
    settings = {"CACHE_MAX_MB": "1", "TOKENS_FILE": str(home / "tokens.json")}
    with (
        servers.engine([_PLAIN, _STREAM]) as engine,
        servers.gateway(engine.port, folder, settings=settings) as gateway,
    ):
        leg(gateway, folder, REQUESTS // LEGS)
        tell(0, start := state(gateway))
        left = 0
        for number in range(1, LEGS + 1):
            left += leg(gateway, folder, REQUESTS // LEGS)
            tell(number * REQUESTS // LEGS, end := state(gateway))
        print(f"{left:,} of {REQUESTS:,} requests were left half-way")
        return verdict(start, end)


def verdict(start: dict[str, float], end: dict[str, float]) -> int:
    grown = end.pop("RSS, MB") - start.pop("RSS, MB")
    start["open files"] += CONNECTIONS  # so many may be kept to the engine
    changed = [what for what, value in end.items() if value > start.get(what, 0)]
    print(f"RSS grew by {grown:.1f} MB (at most {MAY_GROW_MB:g})")
    for what in changed:
        print(f"{what}: {start.get(what, 0):g} before, {end[what]:g} after")
    return int(grown > MAY_GROW_MB or bool(changed))


if __name__ == "__main__":
    machine.allow_many_files()
    machine.cores()
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            sys.exit(soak(Path(folder)))
    except (machine.NotHere, WrongAnswers) as fault:
        sys.exit(str(fault))
