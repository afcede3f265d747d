from pathlib import Path

from bench import servers

ROWS = ("plain-32",)
NAMES = ("bare",)


def gateway(engine: int, folder: Path, name: str) -> servers.Server:
    return servers.gateway(engine, folder, name=name)
