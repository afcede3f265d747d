"""Commands run in a terminal of their own, against a gateway that serves."""

import asyncio
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

PROGRAM = Path(__file__).parents[2] / "llamagate.py"


class InTerminal:
    """A command in a terminal of its own, 24 lines of 100 columns."""

    def __init__(self, url: str, *words: str, **environ: str) -> None:
        self._arguments = [*words, "--port", str(urlsplit(url).port)]
        self._environ = environ
        self.seen = ""

    async def __aenter__(self) -> Self:
        self._ours, theirs = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, PROGRAM, *self._arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "24", **self._environ},
            start_new_session=True,
        )
        os.close(theirs)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._ours)

    async def until(self, text: str) -> str:
        """All it has shown, when that holds the text."""
        async with asyncio.timeout(15):
            while text not in self.seen:
                self.seen += (await asyncio.to_thread(self._read)).decode(errors="replace")
        return self.seen

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    async def interrupt(self) -> int:
        """The exit status after Ctrl-C."""
        self._process.send_signal(signal.SIGINT)
        return await self.ended()

    async def ended(self) -> int:
        async with asyncio.timeout(15):
            while data := await asyncio.to_thread(self._read):
                self.seen += data.decode(errors="replace")
        return await asyncio.to_thread(self._process.wait, 15)

    def _read(self) -> bytes:
        try:
            return os.read(self._ours, 65536)
        except OSError:  # Linux' word for: the other side is gone
            return b""
