"""One request's place: waiting in one line or several, then running in one, then gone."""

import asyncio
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from _llamagate.errors import Unavailable, WaitedTooLong
from _llamagate.exchange import Caller

if TYPE_CHECKING:  # a line knows its turns, and a turn its lines
    from _llamagate.queue.line import Key, Line

_LOOK = 1.0  # seconds between two looks at one's place


class Turn:
    """Whoever has one must `leave`, whatever came of it."""

    __slots__ = (
        "_bell",
        "_lines",
        "caller",
        "error",
        "expected_ms",
        "key",
        "number",
        "person",
        "position",
        "ready",
        "since",
        "work",
    )

    def __init__(self, caller: Caller, person: str) -> None:
        self._lines: tuple[Line, ...] = ()
        self._bell: asyncio.Future[None] | None = None
        self.caller = caller
        self.person = person
        self.ready = False
        self.key: Key | None = None  # where it runs
        self.position = 0  # at entry; 0 is: did not wait
        self.expected_ms = 0
        self.error: Unavailable | None = None
        self.number = 0  # grows with every arrival
        self.since = 0.0  # when it entered, then when it began to run
        self.work = 0.0  # what its line had done when it began to run

    @property
    def account(self) -> str:
        return self.caller.account

    @property
    def weight(self) -> float:
        return self.caller.weight

    @property
    def batch(self) -> bool:
        return self.caller.priority == "batch"

    async def wait(self) -> None:
        """Until it is ready. Raises WaitedTooLong, or QueueFull when displaced."""
        async for _ in self.places(float("inf")):
            pass

    async def places(self, every: float = _LOOK) -> AsyncGenerator[tuple[int, int], None]:
        """Place (1 is next) and expected wait in ms: at entry, then whenever the place is another
        one, looked at `every` so many seconds, until it is ready. Raises as `wait` does."""
        told = self.position
        if not self.ready:
            yield told, self.expected_ms
        while not self.ready:
            if self.error:
                raise self.error
            if not self._lines:
                return
            left = self._lines[0].time_left(self)
            if left <= 0:
                raise self._give_up()
            await self._ring_within(min(every, left))
            if not self.ready and self._lines:
                place, expected_ms = self._place()
                if place != told:
                    told = place
                    yield place, expected_ms

    async def _ring_within(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._bell = loop.create_future()
        timer = loop.call_later(seconds, self._ring)
        try:
            await self._bell
        finally:
            timer.cancel()
            self._bell = None

    def _ring(self) -> None:
        if self._bell and not self._bell.done():
            self._bell.set_result(None)

    def _give_up(self) -> WaitedTooLong:
        error = min((line.too_long() for line in self._lines), key=lambda e: e.retry_after or 0)
        self.leave()
        return error

    def leave(self, seconds: float | None = None) -> None:
        """Give the slot, or the place, back; the second time does nothing. `seconds` is how long
        a whole answer took: None, when it failed or was broken off, teaches nothing."""
        lines, self._lines = self._lines, ()
        for line in lines:
            if self.ready:
                line.ended(self, seconds)
            else:
                line.withdraw(self)

    # ------------------------------------------------------------ what its lines tell it

    def joined(self, lines: "tuple[Line, ...]") -> None:
        self._lines = lines
        self.position, self.expected_ms = self._place()

    def granted(self, line: "Line") -> None:
        for other in self._lines:
            if other is not line:
                other.withdraw(self)
        self._lines = (line,)
        self.key = line.key
        self.ready = True
        self._ring()

    def displaced(self, line: "Line", error: Unavailable) -> None:
        self._lines = tuple(other for other in self._lines if other is not line)
        if not self._lines:
            self.error = error
            self._ring()

    def waits_elsewhere(self, line: "Line") -> bool:
        """From now on only there, if it does."""
        others = tuple(other for other in self._lines if other is not line)
        self._lines = others or self._lines
        return bool(others)

    def _place(self) -> tuple[int, int]:
        """In the line where its turn is expected first."""
        places = [(line.place(self), line) for line in self._lines]
        expected_ms, place = min((line.expected_ms(place), place) for place, line in places)
        return place, expected_ms
