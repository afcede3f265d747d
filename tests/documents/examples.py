"""The examples of the documents that LlamaGate keeps to, as they stand there, and how they are run.

One file of examples for each system, `llamagate.md` and its like: a title, then what is to be run
or sent, then the answer where the document shows one. Nothing is changed in them but the address,
when they are run; their keys are example keys, which a gateway takes on loopback. The client suite
reads them too, so nothing but Python's own library is needed.
"""

import asyncio
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ADDRESS = re.compile(r"http://localhost:(8080|8082|8000)")
_TITLE = re.compile(r"^(# .+)$(?=\n\n```)", re.M)
_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<code>[\s\S]*?)^```$", re.M)


@dataclass(frozen=True)
class Example:
    language: str
    code: str  # a command, a program or a body
    answer: Any = None  # as the document shows it

    def at(self, url: str) -> str:
        """What is to be run, for a gateway at this address."""
        return _ADDRESS.sub(url, self.code)

    def json(self) -> Any:
        return json.loads(self.code)


def read(system: str) -> dict[str, Example]:
    """All examples of a system's document, by title."""
    text = Path(__file__).with_name(f"{system}.md").read_text(encoding="utf-8")
    found = {}
    _, *pieces = _TITLE.split(text)
    for title, piece in zip(pieces[::2], pieces[1::2], strict=True):
        first, *more = _FENCE.finditer(piece)
        answer = json.loads(more[0]["code"]) if more else None
        found[title.removeprefix("# ")] = Example(first["language"], first["code"], answer)
    return found


async def run(command: str) -> str:
    """What a shell says that is given this command."""
    shell = await asyncio.create_subprocess_exec(
        "bash", "-c", command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    said, complained = await asyncio.wait_for(shell.communicate(), 30)
    assert shell.returncode == 0, complained.decode()
    return said.decode()


def differences(found: Any, shown: Any, path: str = "") -> list[str]:
    """Where an answer has not the shape of the one that the document shows: the same fields with
    the same kinds of values; more of them are no difference."""
    if isinstance(shown, dict):
        if not isinstance(found, dict):
            return [f"{path or 'the answer'} is no object"]
        return [
            wrong
            for name, value in shown.items()
            for wrong in (
                differences(found[name], value, f"{path}.{name}")
                if name in found
                else [f"{path}.{name} is missing"]
            )
        ]
    if isinstance(shown, list):
        if not isinstance(found, list) or not found:
            return [f"{path} is no list with something in it"]
        return differences(found[0], shown[0], f"{path}[0]")
    return [] if _kind(found) == _kind(shown) or shown is None else [f"{path} is {found!r}"]


def _kind(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return str(type(value))
    return "number" if isinstance(value, int | float) else str(type(value))
