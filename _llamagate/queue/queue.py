"""One line for each (engine, model), made when it is first needed."""

import time
from collections.abc import Callable

from _llamagate.exchange import Caller
from _llamagate.queue.line import Clock, Key, Line, LineState, Load, Turn

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

    def enter(self, key: Key, caller: Caller, person: str = "") -> Turn:
        """A turn that is `ready`, or one to wait for. Raises QueueFull. Whatever comes of it,
        the turn must `leave`."""
        return self._line(key).enter(caller, person)

    def load(self, key: Key) -> Load:
        line = self._lines.get(key)
        return line.load() if line else Load(0, self._slots(key) or 1, 0, 0)

    def replace(self, slots: Callable[[Key], int | None]) -> None:
        """Other numbers of slots. Those who run go on."""
        self._slots = slots
        for key, line in self._lines.items():
            line.set_slots(slots(key))

    def running(self, engine: str) -> int:
        """How many run on one engine, whatever the model."""
        return sum(line.load().running for key, line in self._lines.items() if key[0] == engine)

    def waiting(self) -> int:
        """How many wait, in all lines."""
        return sum(line.waiting for line in self._lines.values())

    def snapshot(self) -> list[LineState]:
        return [line.state() for line in self._lines.values() if not line.idle]

    def _line(self, key: Key) -> Line:
        line = self._lines.get(key)
        if line is None:
            if len(self._lines) >= _MOST_LINES:
                self._lines = {k: line for k, line in self._lines.items() if not line.idle}
            line = Line(key, self._slots(key), self._limit, self._timeout, self._clock)
            self._lines[key] = line
        return line
