"""A queue in front of an engine that runs so many requests side by side, in virtual time.

The queue is the real one with a clock of our own; nothing sleeps.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from _llamagate.exchange import Caller
from _llamagate.queue import Queue, Turn

KEY = ("ollama", "tiny")


@dataclass
class Simulation:
    """`parallel` requests run at once; more wait inside the engine, in the order they came."""

    slots: int | None = 1
    parallel: int = 1_000_000
    service: Callable[[], float] = lambda: 1.0
    limit: int = 256
    timeout: float = 1e9
    now: float = 0.0
    started: int = 0
    peak: int = 0  # most inside the engine at once, ever
    inside: int = 0
    inside_log: list[int] = field(default_factory=list)  # how many, at every start
    waits: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    order: list[str] = field(default_factory=list)  # callers in the order of their turns
    _events: list[tuple[float, int, Callable[[], object]]] = field(default_factory=list)
    _count: int = 0
    _waiting: dict[Turn, Callable[[], None]] = field(default_factory=dict)
    _running: int = 0
    _inner: list[Callable[[], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.queue = Queue(lambda key: self.slots, self.limit, self.timeout, lambda: self.now)

    def at(self, when: float, do: Callable[[], object]) -> None:
        self._count += 1
        heapq.heappush(self._events, (when, self._count, do))

    def run(self, until: float = 1e12, answers: int = 1_000_000_000) -> None:
        while self._events and self.started < answers and self._events[0][0] <= until:
            self.now, _, do = heapq.heappop(self._events)
            do()

    def request(
        self, caller: Caller, person: str = "", then: Callable[[], object] = lambda: None
    ) -> Turn:
        """Enter now, run when it is ready, leave, and do `then`."""
        turn = self.queue.enter(KEY, caller, person)
        entered = self.now

        def begin() -> None:
            self.waits[caller.name].append(self.now - entered)
            self.order.append(caller.name)
            self.started += 1
            self.inside += 1
            self.inside_log.append(self.inside)
            self.peak = max(self.peak, self.inside)
            began = self.now
            self._inner.append(lambda: self._serve(lambda: finish(began)))
            self._start_inner()

        def finish(began: float) -> None:
            self.inside -= 1
            turn.leave(self.now - began)
            self.grant()
            then()

        if turn.ready:
            begin()
        else:
            self._waiting[turn] = begin
        return turn

    def grant(self) -> None:
        for turn in [turn for turn in self._waiting if turn.ready]:
            self._waiting.pop(turn)()

    def _start_inner(self) -> None:
        while self._inner and self._running < self.parallel:
            self._running += 1
            self._inner.pop(0)()

    def _serve(self, finish: Callable[[], None]) -> None:
        def done() -> None:
            self._running -= 1
            finish()
            self._start_inner()

        self.at(self.now + self.service(), done)

    def keep_asking(self, caller: Caller, pause: Callable[[], float] = lambda: 0.0) -> None:
        """A client that asks again, after a pause, when it has its answer."""

        def ask() -> None:
            self.request(caller, then=lambda: self.at(self.now + pause(), ask))

        self.at(self.now + pause(), ask)
