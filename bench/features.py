"""What is told the cost of one by one, and gateways started without it; see without.py."""

import sys
from pathlib import Path

from bench import servers

# Each with the settings that belong to its absence.
FEATURES: dict[str, dict[str, str]] = {
    "key": {"AUTH": "off", "API_KEY": ""},
    "bucket": {},
    "origin": {},
    "log": {},
    "metrics": {},
    "cache": {"CACHE": "false"},
    "queue": {},
}
ROWS = ("plain-32",)
NAMES = ("bare", *(f"no {feature}" for feature in FEATURES))


def gateway(engine: int, folder: Path, name: str) -> servers.Server:
    """ "llamagate" as it is, "bare" with no feature at all, "no cache" with all but one."""
    if name == "llamagate":
        return servers.gateway(engine, folder)
    left_out = list(FEATURES) if name == "bare" else [name.removeprefix("no ")]
    settings = {"PYTHONPATH": str(servers.ROOT)}
    for feature in left_out:
        settings |= FEATURES[feature]
    return servers.gateway(
        engine,
        folder,
        name=name.replace(" ", "-"),
        command=[sys.executable, "-m", "bench.without", *left_out],
        settings=settings,
    )
