"""Commands run in this process, against a gateway that serves."""

import asyncio
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from _llamagate.cli import main


@dataclass(frozen=True, slots=True)
class Done:
    status: int
    out: str
    err: str

    @property
    def rows(self) -> list[list[str]]:
        return [line.split() for line in self.out.splitlines()]


async def run(capsys: pytest.CaptureFixture[str], url: str, *words: str) -> Done:
    port = str(urlsplit(url).port)
    status = await asyncio.to_thread(main, [*words, "--port", port])
    out, err = capsys.readouterr()
    return Done(status, out, err)
