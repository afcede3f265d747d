"""`llamagate selftest`: does this program work here? It starts itself with the demo engine, on a
free port and in a folder of its own, asks every surface one question, and tells how it went.

No setting of the machine is read: the question is whether the program is whole.
"""

import asyncio
import json
import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from _llamagate.call import Access
from _llamagate.cli.ask import NoAnswer, ask
from _llamagate.config import load
from _llamagate.log import Log
from _llamagate.mounting import Surface
from _llamagate.serve import Server, loop_factory

_PATIENCE = 30.0  # seconds for one answer
_CHAT = {"model": "demo", "messages": [{"role": "user", "content": "Are you well?"}]}


def selftest() -> int:
    with (
        tempfile.TemporaryDirectory() as folder,
        asyncio.Runner(loop_factory=loop_factory()) as run,
    ):
        failures = run.run(_walk(Path(folder)))
    print("The self-test failed." if failures else "The self-test passed.")
    return 1 if failures else 0


async def _walk(folder: Path) -> int:
    key = "sk-" + secrets.token_hex(16)
    own = {"API_KEY": key, "PORT": "0", "DATA_DIR": str(folder), "RATE_LIMIT_RPS": "1000"}
    config = replace(load(own, folder), demo=True)
    failures = 0
    async with Server(config, Log(None)) as server:
        url = server.addresses[0][1]
        for name, path, body in _questions(server.gateway.surfaces.table):
            wrong = await asyncio.to_thread(_wrong_with, url + path, key, body)
            print(f"{'FAIL' if wrong else 'ok':4}  {name}: {path}{': ' if wrong else ''}{wrong}")
            failures += bool(wrong)
    return failures


def _questions(table: tuple[Surface, ...]) -> Iterator[tuple[str, str, bytes | None]]:
    """Name, path and body: a path of every surface that can be read, then a chat in both ways."""
    yield "health", "/health", None
    for surface in table:
        for route in surface.routes:
            if route.method == "GET" and "{" not in route.path and route.access is not Access.ADMIN:
                yield surface.name, surface.prefix + route.path, None
                break
    yield "chat", "/v1/chat/completions", json.dumps(_CHAT).encode()
    yield "streamed chat", "/v1/chat/completions", json.dumps(_CHAT | {"stream": True}).encode()


def _wrong_with(url: str, key: str, body: bytes | None) -> str:
    try:
        answer = ask(url, _PATIENCE, key=key, body=body)
    except NoAnswer as reason:
        return f"{reason}"
    if answer.status != 200:
        return f"status {answer.status}: {answer.body[:200].decode(errors='replace')}"
    if body and b'"stream": true' in body and not answer.body.endswith(b"data: [DONE]\n\n"):
        return "the stream broke off"
    return ""
