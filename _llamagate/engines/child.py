"""A process that serves one model: started when it is needed, watched, started again when it dies.

`Place` is the room that there is for them in memory. What is said to a child is `transformers`'.
"""

import asyncio
import logging
import math
import re
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from _llamagate.background import spawn
from _llamagate.engines.http import Answer
from _llamagate.engines.lean import LeanClient
from _llamagate.engines.python import Python, lines, stop
from _llamagate.engines.snapshots import Snapshot
from _llamagate.errors import (
    EngineBroke,
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineTimeout,
    EngineUnreachable,
)

_log = logging.getLogger("llamagate.engines.child")
MODEL = "."  # as a child calls its own
_OPTIONS = ("--host", "127.0.0.1", "--port", "0", "--no-trust-remote-code")
_READY = re.compile(r"running on (http://127\.0\.0\.1:\d+)")
_REST = (1.0, 2.0, 5.0, 15.0, 60.0)  # seconds before it is started again, by deaths in a row
_AFTERLIFE = 2.0  # seconds until a death is noticed
_STEADY = 60.0  # seconds of life after which a death is the first again
# Where and what kind an error was. Its message may quote a request.
_HARMLESS = re.compile(r'\s*File "[^"]*", line \d+|[\w.]+(?:Error|Exception)\b|INFO: +[A-Z]\w+')


class Child:
    def __init__(
        self, python: Python, model: str, snapshot: Snapshot, hub: Path, patience: float
    ) -> None:
        self.model = model
        self.snapshot = snapshot
        self.users = 0
        self._python = python
        self._hub = hub
        self._patience = patience  # seconds to load in, and to begin an answer
        self._life: asyncio.Task[None] | None = None
        self._client: asyncio.Future[LeanClient]
        self._dead = asyncio.Event()
        self._deaths = 0
        self._failure = ""
        self._not_before = 0.0

    @property
    def ready(self) -> bool:
        return self._living and self._client.done()

    @property
    def _living(self) -> bool:
        return self._life is not None and not self._life.done()

    def __str__(self) -> str:
        if not self._living:
            return self._failure
        return "" if self.ready else "loading"

    async def client(self) -> LeanClient:
        """The way to it, once it is loaded. Raises EngineError when it does not load."""
        if not self._living:
            self._mind_the_rest()
            self._client = asyncio.get_running_loop().create_future()
            self._life = spawn(self._live(), f"serve {self.model}")
        return await asyncio.shield(self._client)

    async def send(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """A request that finds it dead waits for the next life, once."""
        client = await self.client()
        try:
            return await client.send("POST", path, body, headers)
        except EngineUnreachable as exc:
            with suppress(TimeoutError):
                async with asyncio.timeout(_AFTERLIFE):
                    await self._dead.wait()
            if not self._dead.is_set():
                raise EngineBroke(f"The process of `{self.model}` takes no requests.") from exc
        client = await self.client()
        return await client.send("POST", path, body, headers)

    async def close(self) -> None:
        if self._life and not self._life.done():
            self._life.cancel()
            await asyncio.wait([self._life])
            if not self._client.done():
                self._fail(EngineUnreachable(f"`{self.model}` was unloaded."))

    def _mind_the_rest(self) -> None:
        left = math.ceil(self._not_before - asyncio.get_running_loop().time())
        if left > 0:
            raise EngineBusy(f"{self._failure} It is tried again in {left} s.", retry_after=left)

    # ------------------------------------------------------------ its life

    async def _live(self) -> None:
        """Until it is closed, or does not load."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                lived = await self._once()
            except EngineError as error:
                self._failure = error.message
                self._not_before = loop.time() + self._rest()
                self._fail(error)
                _log.warning("child_failed", extra={"model": self.model, "reason": error.message})
                return
            self._client = loop.create_future()
            self._dead.set()
            if lived > _STEADY:
                self._deaths = 0
            rest = self._rest()
            _log.warning("child_died", extra={"model": self.model, "again_in": rest})
            await asyncio.sleep(rest)

    def _fail(self, error: EngineError) -> None:
        self._client.set_exception(error)
        self._client.exception()  # those who waited may all have left

    def _rest(self) -> float:
        self._deaths += 1
        return _REST[min(self._deaths, len(_REST)) - 1]

    async def _once(self) -> float:
        """From start to end; how long it was ready."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        process = await self._start()
        said = lines(process)
        client: LeanClient | None = None
        try:
            client = LeanClient(await self._address(said), timeout=self._patience)
            self._client.set_result(client)
            self._dead.clear()
            ready = loop.time()
            seconds = round(ready - began, 1)
            _log.info("child_ready", extra={"model": self.model, "seconds": seconds})
            async for line in said:
                if harmless := _HARMLESS.match(line):
                    self._tell(harmless[0])
            return loop.time() - ready
        finally:
            if client:
                await client.close()
            await said.aclose()
            await stop(process)

    async def _start(self) -> Process:
        """In the model's own folder, so that no name of a folder is taken for more than that:
        what follows an @ or a colon in a name means something to it."""
        _log.info("child_starting", extra={"model": self.model})
        return await self._python.start(
            "serve.py",
            "serve",
            MODEL,
            *_OPTIONS,
            cwd=self.snapshot.folder,
            HF_HUB_OFFLINE="1",
            HF_HUB_CACHE=str(self._hub),
            HF_HUB_DISABLE_TELEMETRY="1",
        )

    async def _address(self, said: AsyncIterator[str]) -> str:
        last = ""
        try:
            async with asyncio.timeout(self._patience):
                async for line in said:
                    self._tell(line)
                    if found := _READY.search(line):
                        return found[1]
                    last = line
        except TimeoutError as exc:
            raise EngineTimeout(
                f"`{self.model}` was not loaded within {self._patience:g} s; raise TIMEOUT if it "
                "needs longer."
            ) from exc
        raise EngineFailed(f"`{self.model}` could not be loaded: {last.strip()[:300]}")

    def _tell(self, line: str) -> None:
        _log.debug("child_said", extra={"model": self.model, "line": line})


class Place:
    """Where one model is in memory. Another takes its place once nobody uses it: two might not
    fit. They come in the order in which they were asked for, so that no model keeps others out."""

    def __init__(self, python: Python, hub: Path, patience: float) -> None:
        self._python = python
        self._hub = hub
        self._patience = patience
        self._door = asyncio.Lock()
        self._idle = asyncio.Event()
        self._leaving: asyncio.Task[None] | None = None
        self.child: Child | None = None

    @asynccontextmanager
    async def use(self, model: str, snapshot: Snapshot) -> AsyncIterator[Child]:
        async with self._door:
            if self.child is None or self.child.model != model:
                await self._clear()
                self.child = Child(self._python, model, snapshot, self._hub, self._patience)
            child = self.child
            child.users += 1
        try:
            yield child
        finally:
            child.users -= 1
            if not child.users:
                self._idle.set()

    async def clear(self, model: str) -> None:
        """If this is the one that is there."""
        async with self._door:
            if self.child and self.child.model == model:
                await self._clear()

    async def close(self) -> None:
        if self.child:
            await self.child.close()
        if self._leaving:
            await self._leaving

    async def _clear(self) -> None:
        """Whoever waits here may leave; the child that goes is waited for all the same."""
        while self.child and self.child.users:
            self._idle.clear()
            await self._idle.wait()
        if self.child:
            self._leaving = spawn(self.child.close(), f"unload {self.child.model}")
            self.child = None
        if self._leaving:
            await asyncio.shield(self._leaving)
