"""The Python that has transformers and torch, which the gateway itself never imports, and
processes of it. What they are started for is `snapshots`' and `child`'s.
"""

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path

from _llamagate.config import SETTINGS
from _llamagate.errors import EngineUnreachable

REQUIREMENT = "transformers[serving]>=5.23,<6"
_INSTALL = (
    "python3 -m venv DATA_DIR/transformers && "
    f"DATA_DIR/transformers/bin/pip install '{REQUIREMENT}'; "
    "or name a Python that has it in TRANSFORMERS_PYTHON"
)
_OLDEST = (5, 23)
_ASK = """
from importlib.metadata import version
[version(name) for name in ("torch", "fastapi", "uvicorn")]
print(version("transformers"))
"""
_SCRIPTS = Path(__file__).parent / "beside"
_AGAIN = 10.0  # seconds after which one that lacked something is looked at anew
_GRACE = 5.0  # seconds to end in
_LONGEST_LINE = 2000


class Python:
    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        self._path = path
        self._environ = _for_others(environ)
        self._fit = False
        self._lacking = ""
        self._looked = float("-inf")

    async def check(self) -> None:
        """Raises EngineUnreachable where it lacks what is needed, with the command that helps."""
        now = asyncio.get_running_loop().time()
        if not self._fit and now - self._looked > _AGAIN:
            self._lacking = await self._look()
            self._fit = not self._lacking
            self._looked = now
        if self._lacking:
            raise EngineUnreachable(self._lacking)

    async def start(self, script: str, *arguments: str, cwd: Path, **environ: str) -> Process:
        """A script of `beside`. It ends when its standard input does."""
        return await self._run(_SCRIPTS / script, *arguments, cwd=cwd, environ=environ)

    async def _look(self) -> str:
        if not self._path.is_file():
            return f"there is no Python with transformers: {_INSTALL}"
        process = await self._run("-c", _ASK, cwd=self._path.parent, environ={})
        try:
            found = [line async for line in lines(process)][-1:] or [""]
            await process.wait()
        finally:
            await stop(process)
        if process.returncode:
            return f"its Python cannot serve ({found[0][:200]}): {_INSTALL}"
        if tuple(map(int, re.findall(r"\d+", found[0])[:2])) < _OLDEST:
            return f"its Python has transformers {found[0]}, which is too old: {_INSTALL}"
        return ""

    async def _run(self, *arguments: str | Path, cwd: Path, environ: Mapping[str, str]) -> Process:
        try:
            return await asyncio.create_subprocess_exec(
                self._path,
                *arguments,
                stdin=PIPE,
                stdout=PIPE,
                stderr=STDOUT,
                cwd=cwd,
                env={**self._environ, "PYTHONUNBUFFERED": "1", **environ},
                start_new_session=True,
            )
        except OSError as error:
            raise EngineUnreachable(
                f"its Python cannot be started ({error.strerror}): {_INSTALL}"
            ) from error


def find(configured: Path | None, data_dir: Path) -> Path:
    """The one that was named, else the environment in the data folder, else our own."""
    if configured:
        return configured
    inner = ("Scripts", "python.exe") if sys.platform == "win32" else ("bin", "python")
    made = data_dir.joinpath("transformers", *inner)
    frozen = getattr(sys, "frozen", False)  # then sys.executable is the gateway, and no Python
    return made if frozen or made.is_file() else Path(sys.executable)


async def lines(process: Process) -> AsyncGenerator[str, None]:
    """What it says. Progress bars end theirs with a carriage return, or not at all."""
    rest = ""
    while process.stdout and (data := await process.stdout.read(65536)):
        *whole, rest = re.split(r"[\r\n]+", rest + data.decode(errors="replace"))
        for line in whole:
            if line.strip():
                yield line[:_LONGEST_LINE]
        rest = rest[-_LONGEST_LINE:]
    if rest.strip():
        yield rest


async def stop(process: Process) -> None:
    """It is asked to end; if it does not, it is killed with whatever it has started."""
    try:
        if process.returncode is None:
            _signal(process, signal.SIGTERM)
            async with asyncio.timeout(_GRACE):
                await process.wait()
    except TimeoutError:
        _signal(process, getattr(signal, "SIGKILL", signal.SIGTERM))
        await process.wait()
    finally:
        # asyncio would close it some turns later, which may be after the end of the loop.
        process._transport.close()  # type: ignore[attr-defined]  # there is no public way to it


def _signal(process: Process, number: int) -> None:
    try:
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, number)  # it leads a group of its own
    except ProcessLookupError:
        pass


def _for_others(environ: Mapping[str, str]) -> dict[str, str]:
    """Our environment without what is only for us: settings, keys above all; and as it was before
    a frozen program made its own libraries come first."""
    ours = {name for row in SETTINGS.values() for name in (row.name, *row.aliases)}
    found = {
        name: value
        for name, value in environ.items()
        if name not in ours
        and not name.startswith(("LLAMAGATE_", "_PYI_"))
        and not name.endswith("_API_KEY")
    }
    if getattr(sys, "frozen", False):
        before = found.pop("LD_LIBRARY_PATH_ORIG", "")
        found.pop("LD_LIBRARY_PATH", None)
        if before:
            found["LD_LIBRARY_PATH"] = before
    return found
