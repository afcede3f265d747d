"""One run of an answer that several requests wait for.

It belongs to no single request: whoever leaves, the others get theirs, and when the last one has
left it ends. Those who want the answer whole are woken once; those who stream follow batch by
batch, and while only they are there the run stays at most a few batches ahead of the fastest.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing

from _llamagate.background import spawn
from _llamagate.errors import GatewayError, Internal
from _llamagate.exchange import Call, Event, Events

_AHEAD = 64  # batches


class Flight:
    def __init__(self, call: Call) -> None:
        self.call = call  # of the request that began it
        self.batches: list[list[Event]] = []
        self.error: GatewayError | None = Internal("The answer that this request shared failed.")
        self._landed = asyncio.Event()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._whole = 0  # readers that wait for the end
        self._following = 0  # readers that stream
        self._read = 0  # batches the fastest of them has taken
        self._task: asyncio.Task[None] | None = None
        self.abandoned = False  # the last one has left, and nobody may join it any more

    def start(self, events: Events, landed: Callable[["Flight"], None]) -> None:
        self._task = spawn(self._fly(events, landed), "flight")

    def events(self, call: Call, stream: bool) -> Events:
        return self.follow(call) if stream else self.whole(call)

    async def whole(self, call: Call) -> Events:
        """Everything at once, when it is all there."""
        self._whole += 1
        self._room.set()
        try:
            await self._landed.wait()
            self._tell(call)
            for batch in self.batches:
                yield batch
            if self.error:
                raise self.error
        finally:
            self._whole -= 1
            self._leave()

    async def follow(self, call: Call) -> Events:
        """Batch by batch, from the first."""
        self._following += 1
        at = 0
        try:
            while True:
                while at < len(self.batches):
                    self._tell(call)
                    yield self.batches[at]
                    at += 1
                    if at > self._read:
                        self._read = at
                        self._room.set()
                if self._landed.is_set():
                    break
                self._news.clear()
                await self._news.wait()
            if self.error:
                raise self.error
        finally:
            self._following -= 1
            self._leave()

    async def _fly(self, events: Events, landed: Callable[["Flight"], None]) -> None:
        try:
            async with aclosing(events):
                async for batch in events:
                    self.batches.append(batch)
                    self._news.set()
                    while self._following and not self._whole and self._ahead():
                        self._room.clear()
                        await self._room.wait()
            self.error = None
        except GatewayError as error:
            self.error = error
        finally:
            self._landed.set()
            self._news.set()
            landed(self)

    def _ahead(self) -> bool:
        return len(self.batches) - self._read >= _AHEAD

    def _leave(self) -> None:
        if self._task and not self._whole and not self._following:
            self.abandoned = True
            self._task.cancel()

    def _tell(self, call: Call) -> None:
        """What came of the run, for the log line and the head of a request that joined it."""
        if call is not self.call:
            call.engine = self.call.engine
            call.ignored = self.call.ignored
            call.usage = self.call.usage
            call.engine_seconds = self.call.engine_seconds
            call.context_full = self.call.context_full
