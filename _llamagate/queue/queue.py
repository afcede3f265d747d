"""One line for each (engine, model), made when it is first needed.

Entering costs next to nothing while a slot is free: no task, no future, no timer.
"""

import time
from collections.abc import Callable, Sequence

from _llamagate.errors import QueueFull
from _llamagate.exchange import Caller
from _llamagate.queue.line import Clock, Key, Line, LineState, Load
from _llamagate.queue.turn import Turn

_MOST_LINES = 1024


class Queue:
    """`slots` says how many of a key run side by side; None: to be found out."""

    def __init__(
        self,
        slots: Callable[[Key], int | None],
        limit: int,
        timeout: float,
        clock: Clock = time.monotonic,
    ) -> None:
        self._slots = slots
        self._limit = limit
        self._timeout = timeout
        self._clock = clock
        self._lines: dict[Key, Line] = {}
        self._arrivals = 0

    def enter(self, key: Key, caller: Caller, person: str = "") -> Turn:
        """A turn that is `ready`, or one to wait for. Raises QueueFull. Whatever comes of it,
        the turn must `leave`."""
        turn = Turn(caller, person)
        line = self._lines.get(key) or self._open(key)
        if not line.take(turn):
            self._wait(turn, (line,))
        return turn

    def enter_any(self, keys: Sequence[Key], caller: Caller, person: str = "") -> Turn:
        """The same, for whichever of these comes free first: `turn.key` says which it was, once
        the turn is ready. Nobody waits for a busy or hung engine while another one is free."""
        turn = Turn(caller, person)
        lines = tuple([self._lines.get(key) or self._open(key) for key in keys])
        if not any(line.take(turn) for line in lines):
            self._wait(turn, lines)
        return turn

    def _wait(self, turn: Turn, lines: tuple[Line, ...]) -> None:
        self._arrivals += 1
        turn.number = self._arrivals
        turn.since = self._clock()
        joined: list[Line] = []
        for line in lines:
            try:
                line.join(turn)
            except QueueFull:
                if not joined and line is lines[-1]:
                    raise
            else:
                joined.append(line)
        turn.joined(tuple(joined))

    def load(self, key: Key) -> Load:
        line = self._lines.get(key)
        return line.load() if line else Load(0, self._slots(key) or 1, 0, 0)

    def replace(self, slots: Callable[[Key], int | None]) -> None:
        """Other numbers of slots. Those who run go on."""
        self._slots = slots
        for key, line in self._lines.items():
            line.set_slots(slots(key))

    def vacate(self, engine: str) -> None:
        """Whoever also waits for another engine does so there only."""
        for key, line in self._lines.items():
            if key[0] == engine:
                line.vacate()

    def running(self, engine: str) -> int:
        """How many run on one engine, whatever the model."""
        return sum(line.running for key, line in self._lines.items() if key[0] == engine)

    def waiting(self) -> int:
        """How many wait, in whichever lines."""
        return len({turn for line in self._lines.values() for turn in line.waiting})

    def snapshot(self) -> list[LineState]:
        return [line.state() for line in self._lines.values() if not line.idle]

    def _open(self, key: Key) -> Line:
        if len(self._lines) >= _MOST_LINES:
            self._forget_one()
        line = Line(key, self._slots(key), self._limit, self._timeout, self._clock)
        self._lines[key] = line
        return line

    def _forget_one(self) -> None:
        """The oldest that nobody uses."""
        idle = next((key for key, line in self._lines.items() if line.idle), None)
        if idle is not None:
            del self._lines[idle]
