"""The line for one model on one engine: enter, wait for a slot, leave.

Entering costs next to nothing while a slot is free: no task, no future, no timer. Who of those
waiting comes next is `fair`; how many slots there are is given, or found by `slots`.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from math import ceil
from typing import TypeAlias

from _llamagate.errors import QueueFull, Unavailable, WaitedTooLong
from _llamagate.exchange import Caller
from _llamagate.queue.fair import Fair
from _llamagate.queue.slots import Slots

Key: TypeAlias = tuple[str, str]  # the engine's name, the model's canonical one
Clock: TypeAlias = Callable[[], float]

_LOOK = 1.0  # seconds between two looks at one's place


@dataclass(frozen=True, slots=True)
class Load:
    """What a line looks like to somebody who has to choose one."""

    running: int
    slots: int
    waiting: int
    expected_ms: int  # the wait of somebody who came now


@dataclass(frozen=True, slots=True)
class TurnState:
    caller: str
    person: str
    priority: str
    seconds: float  # it has run, or waited


@dataclass(frozen=True, slots=True)
class LineState:
    """A line for people to look at."""

    engine: str
    model: str
    slots: int
    learned: bool
    answer_seconds: float  # the mean of late
    running: tuple[TurnState, ...]
    waiting: tuple[TurnState, ...]  # in the order of their turns


class Turn:
    """One request's place: waiting, then running, then gone."""

    __slots__ = (
        "_bell",
        "_line",
        "_load",
        "caller",
        "error",
        "expected_ms",
        "number",
        "person",
        "position",
        "ready",
        "since",
    )

    def __init__(self, line: "Line", caller: Caller, person: str) -> None:
        self._line: Line | None = line
        self._bell: asyncio.Future[None] | None = None
        self._load = 0.0  # the line's work when this one began to run
        self.caller = caller
        self.person = person
        self.number = 0
        self.ready = False
        self.position = 0  # at entry; 0 is: did not wait
        self.expected_ms = 0
        self.error: Unavailable | None = None
        self.since = 0.0  # when it entered, then when it began to run

    @property
    def account(self) -> str:
        return self.caller.account or self.caller.name

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
            if self._line is None:
                return
            left = self._line.time_left(self)
            if left <= 0:
                raise self._line.give_up(self)
            await self._ring_within(min(every, left))
            line = None if self.ready or self.error else self._line
            if line and (place := line.place(self)) != told:
                told = place
                yield told, line.expected_ms(told)

    async def _ring_within(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._bell = loop.create_future()
        timer = loop.call_later(seconds, self.ring)
        try:
            await self._bell
        finally:
            timer.cancel()
            self._bell = None

    def ring(self) -> None:
        if self._bell and not self._bell.done():
            self._bell.set_result(None)

    def leave(self, seconds: float | None = None) -> None:
        """Give the slot, or the place, back; the second time does nothing. `seconds` is how long
        a whole answer took: None, when it failed or was broken off, teaches nothing."""
        line, self._line = self._line, None
        if line is not None:
            line.left(self, seconds)


class Line:
    """Those who run and those who wait for one model on one engine."""

    def __init__(
        self, key: Key, slots: int | None, limit: int, timeout: float, clock: Clock
    ) -> None:
        self.key = key
        self.limit = limit
        self.timeout = timeout
        self._clock = clock
        self._running: dict[Turn, None] = {}
        self._fair: Fair[Turn] = Fair()
        self._arrivals = 0
        self._answer = 0.0  # seconds, the mean of late
        self._work = 0.0  # the integral of how many ran
        self._work_at = clock()
        self._learned: Slots | None = None
        self.slots = 0
        self.set_slots(slots)

    def set_slots(self, slots: int | None) -> None:
        if slots is not None:
            self._learned = None
            self.slots = slots
        elif self._learned is None:
            self._learned = Slots()
            self.slots = self._learned.number
        self._grant()

    @property
    def waiting(self) -> int:
        return len(self._fair)

    @property
    def idle(self) -> bool:
        return not self._running and not self._fair

    def enter(self, caller: Caller, person: str) -> Turn:
        turn = Turn(self, caller, person)
        if len(self._running) < self.slots:  # then nobody waits: no slot is ever left free
            self._run(turn)
            return turn
        if len(self._fair) >= self.limit:
            self._make_room(turn)
        self._arrivals += 1
        turn.number = self._arrivals
        turn.since = self._clock()
        account = turn.account
        self._fair.add(turn, held=sum(other.account == account for other in self._running))
        turn.position = self.place(turn)
        turn.expected_ms = self.expected_ms(turn.position)
        return turn

    def place(self, turn: Turn) -> int:
        return self._fair.ahead(turn) + 1

    def expected_ms(self, place: int) -> int:
        return round(1000 * self._expected(place))

    def time_left(self, turn: Turn) -> float:
        return turn.since + self.timeout - self._clock()

    def give_up(self, turn: Turn) -> WaitedTooLong:
        turn.leave()
        return WaitedTooLong(
            f"No slot came free for this model within {self.timeout:g} s (QUEUE_TIMEOUT).",
            retry_after=_whole(self._expected(len(self._fair) + 1)),
        )

    def left(self, turn: Turn, seconds: float | None) -> None:
        if not turn.ready:
            if turn.error is None:
                self._fair.remove(turn)
            return
        now = self._clock()
        self._count_work(now)
        del self._running[turn]
        if seconds is not None:
            self._answer += (seconds - self._answer) * (0.2 if self._answer else 1)
            if self._learned and now > turn.since:
                beside = (self._work - turn._load) / (now - turn.since)
                self._learned.finished(beside, seconds, wanted=len(self._fair) > 0)
                self.slots = self._learned.number
        self._grant()

    def load(self) -> Load:
        waiting, running = len(self._fair), len(self._running)
        expected = 0 if running < self.slots else self.expected_ms(waiting + 1)
        return Load(running, self.slots, waiting, expected)

    def state(self) -> LineState:
        now = self._clock()
        waiting = sorted(self._fair, key=self._fair.ahead)
        return LineState(
            engine=self.key[0],
            model=self.key[1],
            slots=self.slots,
            learned=self._learned is not None,
            answer_seconds=self._answer,
            running=tuple(_state(turn, now) for turn in self._running),
            waiting=tuple(_state(turn, now) for turn in waiting),
        )

    def _run(self, turn: Turn) -> None:
        turn.ready = True
        turn.since = now = self._clock()
        self._count_work(now)
        turn._load = self._work
        self._running[turn] = None

    def _grant(self) -> None:
        while self._fair and len(self._running) < self.slots:
            turn = self._fair.pop()
            self._run(turn)
            turn.ring()

    def _count_work(self, now: float) -> None:
        self._work += len(self._running) * (now - self._work_at)
        self._work_at = now

    def _make_room(self, newcomer: Turn) -> None:
        """Who has fewer waiting takes the place of the newest of the one with most."""
        full = QueueFull(
            f"{len(self._fair)} requests wait for this model already (QUEUE_LIMIT).",
            retry_after=_whole(self._expected((len(self._fair) + 1) // 2)),
        )
        newest = self._fair.newest_of_most() if self._fair else None
        if newest is None or self._fair.count(newcomer.account) >= self._fair.count(newest.account):
            raise full
        self._fair.remove(newest)
        newest.error = full
        newest.ring()

    def _expected(self, position: int) -> float:
        """Seconds until the `position`-th turn from now, if answers take as long as of late."""
        now = self._clock()
        ages = [now - turn.since for turn in self._running]
        answer = self._answer or max([1.0, *ages])
        left = sorted(max(answer - age, 0.0) for age in ages) or [0.0]
        rounds, index = divmod(max(position - 1, 0), len(left))
        return left[index] + rounds * answer


def _state(turn: Turn, now: float) -> TurnState:
    priority = "batch" if turn.batch else "interactive"
    return TurnState(turn.caller.name, turn.person, priority, now - turn.since)


def _whole(seconds: float) -> int:
    return max(1, ceil(seconds))
