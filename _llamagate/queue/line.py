"""The line for one model on one engine: its slots, those who have one, those who wait.

Who of those waiting comes next is `fair`; how many slots there are is given, or found by `slots`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import TypeAlias

from _llamagate.errors import QueueFull, WaitedTooLong
from _llamagate.queue.fair import Fair
from _llamagate.queue.slots import Slots
from _llamagate.queue.turn import Turn

Key: TypeAlias = tuple[str, str]  # the engine's name, the model's canonical one
Clock: TypeAlias = Callable[[], float]


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
    number: int  # the same in every line it waits in; 0 when it never waited


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


class Line:
    """Those who run and those who wait for one model on one engine."""

    def __init__(
        self, key: Key, slots: int | None, limit: int, timeout: float, clock: Clock
    ) -> None:
        self.key = key
        self._limit = limit
        self._timeout = timeout
        self._clock = clock
        self._running: dict[Turn, None] = {}
        self._fair: Fair[Turn] = Fair()
        self._answer = 0.0  # seconds, the mean of late
        self._work = 0.0  # the integral of how many ran
        self._work_at = clock()
        self._learned: Slots | None = None
        self._slots = 0
        self.set_slots(slots)

    def set_slots(self, slots: int | None) -> None:
        if slots is not None:
            self._learned = None
            self._slots = slots
        elif self._learned is None:
            self._learned = Slots()
            self._slots = self._learned.number
        self._grant()

    @property
    def idle(self) -> bool:
        return not self._running and not self._fair

    @property
    def running(self) -> int:
        return len(self._running)

    @property
    def waiting(self) -> list[Turn]:
        return list(self._fair)

    # ------------------------------------------------------------ coming and going

    def take(self, turn: Turn) -> bool:
        """A slot at once, if one is free; then nobody waits, since none is ever left free."""
        if len(self._running) >= self._slots:
            return False
        self._run(turn)
        return True

    def join(self, turn: Turn) -> None:
        if len(self._fair) >= self._limit:
            self._make_room(turn)
        account = turn.account
        self._fair.add(turn, held=sum(other.account == account for other in self._running))

    def withdraw(self, turn: Turn) -> None:
        self._fair.remove(turn)

    def vacate(self) -> None:
        """Whoever waits in another line too leaves this one."""
        for turn in self.waiting:
            if turn.waits_elsewhere(self):
                self._fair.remove(turn)

    def ended(self, turn: Turn, seconds: float | None) -> None:
        now = self._clock()
        self._count_work(now)
        del self._running[turn]
        if seconds is not None:
            self._answer += (seconds - self._answer) * (0.2 if self._answer else 1)
            if self._learned and now > turn.since:
                beside = (self._work - turn.work) / (now - turn.since)
                self._learned.finished(beside, seconds, wanted=len(self._fair) > 0)
                self._slots = self._learned.number
        self._grant()

    def _run(self, turn: Turn) -> None:
        turn.since = now = self._clock()
        self._count_work(now)
        turn.work = self._work
        self._running[turn] = None
        turn.granted(self)

    def _grant(self) -> None:
        while self._fair and len(self._running) < self._slots:
            self._run(self._fair.pop())

    def _count_work(self, now: float) -> None:
        self._work += len(self._running) * (now - self._work_at)
        self._work_at = now

    def _make_room(self, newcomer: Turn) -> None:
        """Who has fewer waiting takes the place of the newest of the one with most."""
        full = QueueFull(
            f"{len(self._fair)} requests wait for this model already (QUEUE_LIMIT).",
            retry_after=self._whole_seconds((len(self._fair) + 1) // 2),
        )
        newest = self._fair.newest_of_most() if self._fair else None
        count = self._fair.count
        if newest is None or count(newcomer.account) >= count(newest.account):
            raise full
        self._fair.remove(newest)
        newest.displaced(self, full)

    # ------------------------------------------------------------ how long it takes

    def place(self, turn: Turn) -> int:
        return self._fair.ahead(turn) + 1

    def time_left(self, turn: Turn) -> float:
        return turn.since + self._timeout - self._clock()

    def too_long(self) -> WaitedTooLong:
        return WaitedTooLong(
            f"No slot came free for this model within {self._timeout:g} s (QUEUE_TIMEOUT).",
            retry_after=self._whole_seconds(len(self._fair)),
        )

    def expected_ms(self, place: int) -> int:
        return round(1000 * self._expected(place))

    def _whole_seconds(self, place: int) -> int:
        return max(1, ceil(self._expected(place)))

    def _expected(self, place: int) -> float:
        """Seconds until the turn at this place, if answers take as long as of late; one that
        takes longer is taken to last as long again."""
        now = self._clock()
        ages = [now - turn.since for turn in self._running]
        answer = self._answer or max([1.0, *ages])
        left = sorted(answer - age if age < answer else age for age in ages) or [0.0]
        rounds, index = divmod(max(place - 1, 0), len(left))
        return left[index] + rounds * answer

    # ------------------------------------------------------------ what others see

    def load(self) -> Load:
        waiting, running = len(self._fair), len(self._running)
        expected = 0 if running < self._slots else self.expected_ms(waiting + 1)
        return Load(running, self._slots, waiting, expected)

    def state(self) -> LineState:
        now = self._clock()
        waiting = sorted(self._fair, key=self._fair.ahead)
        return LineState(
            engine=self.key[0],
            model=self.key[1],
            slots=self._slots,
            learned=self._learned is not None,
            answer_seconds=self._answer,
            running=tuple(_state(turn, now) for turn in self._running),
            waiting=tuple(_state(turn, now) for turn in waiting),
        )


def _state(turn: Turn, now: float) -> TurnState:
    priority = "batch" if turn.batch else "interactive"
    return TurnState(turn.caller.name, turn.person, priority, now - turn.since, turn.number)
