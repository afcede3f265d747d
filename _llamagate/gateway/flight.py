"""One run of an answer that several requests wait for.

Whoever leaves, the others get theirs, and when the last one has left it ends. A plain request
drives the run that it began in its own task: nearly always nobody else wants the same, and then a
flight costs next to nothing. A stream's client may be slow, so its run has a task of its own.

Those who want the answer whole are woken once; those who stream follow batch by batch, and while
only they are there the run stays at most a few batches ahead of the fastest.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

from _llamagate.background import spawn
from _llamagate.errors import GatewayError, Internal
from _llamagate.exchange import Call, Event, Events

_AHEAD = 64  # batches

_Landed: TypeAlias = Callable[["Flight"], None]
_Waiters: TypeAlias = set["asyncio.Future[None]"]


class Flight:
    __slots__ = (
        "_abandoned",
        "_following",
        "_for_end",
        "_for_news",
        "_for_room",
        "_read",
        "_task",
        "_whole",
        "batches",
        "call",
        "error",
        "landed",
    )

    def __init__(self, call: Call) -> None:
        self.call = call  # of the request that began it
        self.batches: list[list[Event]] = []
        self.error: GatewayError | None = None
        self.landed = False
        self._abandoned = False
        self._whole = 0  # who joined and waits for the end
        self._following = 0  # who streams
        self._read = 0  # batches the fastest of them has taken
        self._for_end: _Waiters = set()
        self._for_news: _Waiters = set()
        self._for_room: _Waiters = set()
        self._task: asyncio.Task[None] | None = None

    @property
    def abandoned(self) -> bool:
        """The last one has left, and nobody may join it any more."""
        return self._abandoned or (self.call.gone and not self.call.shared and not self._task)

    # ------------------------------------------------------------ who runs it

    def start(self, events: Events, landed: _Landed) -> None:
        """In a task of its own, for those who follow it or want it whole."""
        self._task = spawn(self._fly(events, landed), "flight")

    async def lead(self, events: Events, landed: _Landed) -> list[list[Event]]:
        """In the task of the request that began it."""
        whole = False
        try:
            async for batch in events:
                self.batches.append(batch)
                if self._following:
                    await self._spread()
            whole = True
        except GatewayError as error:
            self.error = error
            raise
        finally:
            await events.aclose()
            if not whole and self.error is None:
                self.error = Internal("The answer that this request shared failed.")
            self._land()
            landed(self)
        return self.batches

    async def _fly(self, events: Events, landed: _Landed) -> None:
        with suppress(GatewayError):  # those who read have it
            await self.lead(events, landed)

    async def _spread(self) -> None:
        _wake(self._for_news)
        while self._following and not self._hurried and len(self.batches) - self._read >= _AHEAD:
            await _one_of(self._for_room)

    @property
    def _hurried(self) -> bool:
        """Does anybody want it whole?"""
        return self._whole > 0 or (self._task is None and not self.call.gone)

    def _land(self) -> None:
        self.landed = True
        if self.call.shared or self._task:
            self.call.shared = False
            _wake(self._for_end)
            _wake(self._for_news)

    # ------------------------------------------------------------ who reads it

    async def whole(self, call: Call) -> Events:
        """Everything at once, when it is all there."""
        self._whole += 1
        self._joined()
        try:
            _wake(self._for_room)
            while not self.landed:
                await _one_of(self._for_end)
            self._tell(call)
            for batch in self.batches:
                yield batch
            if self.error:
                raise self.error
        finally:
            self._whole -= 1
            self._left()

    async def follow(self, call: Call) -> Events:
        """Batch by batch, from the first."""
        self._following += 1
        self._joined()
        at = 0
        try:
            while True:
                while at < len(self.batches):
                    self._tell(call)
                    yield self.batches[at]
                    at += 1
                    if at > self._read:
                        self._read = at
                        _wake(self._for_room)
                if self.landed:
                    break
                await _one_of(self._for_news)
            if self.error:
                raise self.error
        finally:
            self._following -= 1
            self._left()

    def _joined(self) -> None:
        self.call.shared = self._task is None and not self.landed

    def _left(self) -> None:
        if self._whole or self._following or self.landed:
            return
        if self._task:
            self._abandoned = True
            self._task.cancel()
        else:
            self.call.shared = False
            if self.call.gone:
                self.call.client_left()

    def _tell(self, call: Call) -> None:
        """What came of the run, for the log line and the head of a request that joined it."""
        if call is not self.call:
            call.engine = self.call.engine
            call.ignored = self.call.ignored
            call.usage = self.call.usage
            call.engine_seconds = self.call.engine_seconds
            call.context_full = self.call.context_full


async def _one_of(waiters: _Waiters) -> None:
    """Until whoever has something for them wakes them all."""
    waiter = asyncio.get_running_loop().create_future()
    waiters.add(waiter)
    try:
        await waiter
    finally:
        waiters.discard(waiter)


def _wake(waiters: _Waiters) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)
    waiters.clear()
