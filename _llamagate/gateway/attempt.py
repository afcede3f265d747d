"""One engine asked for one answer: its turn, and what is noted of how it went.

Nothing here waits. It is asked of once for a batch, so it takes no part in the passing on.
"""

import time
from collections.abc import Sequence

from _llamagate.engines.pool import Candidate, Pool, Spent
from _llamagate.errors import EngineError
from _llamagate.exchange import Call, Event, Finish
from _llamagate.gateway.choose import enter, granted
from _llamagate.metrics import Metrics
from _llamagate.queue import Queue


class Attempt:
    """Whoever makes one must `end` it, whatever came of it."""

    __slots__ = (
        "_asked",
        "_call",
        "_candidate",
        "_candidates",
        "_metrics",
        "_pool",
        "_reason",
        "begun",
        "error",
        "turn",
    )

    def __init__(
        self,
        pool: Pool,
        queue: Queue,
        metrics: Metrics,
        candidates: Sequence[Candidate],
        call: Call,
    ) -> None:
        self.turn = enter(queue, candidates, call)
        self.begun = False
        self.error: EngineError | None = None
        self._pool = pool
        self._metrics = metrics
        self._candidates = candidates
        self._call = call
        self._candidate: Candidate | None = None  # None while the turn has not come
        self._asked = time.perf_counter()
        self._reason = ""  # why the engine ended its answer, once it has

    def ask(self) -> Candidate:
        """The turn has come: where?"""
        self._candidate = candidate = granted(self.turn, self._candidates)
        self._asked = time.perf_counter()
        self._call.engine = candidate.engine.settings.name
        return candidate

    @property
    def spent(self) -> set[Spent]:
        """What need not be tried again."""
        return {self._candidate.spent(self.error)} if self._candidate and self.error else set()

    def note(self, batch: list[Event]) -> None:
        call = self._call
        self.begun = True
        if not call.first_event:
            call.first_event = time.perf_counter()
            self._metrics.first_token.add(call.first_event - call.started)
        last = batch[-1]
        if type(last) is Finish and self._candidate:
            self._finished(last, self._candidate.key)

    @property
    def answered(self) -> Candidate | None:
        """Who has answered to the end."""
        return self._candidate if self._reason else None

    def end(self) -> None:
        seconds = time.perf_counter() - self._asked
        self.turn.leave(seconds if self._reason else None)
        candidate = self._candidate
        if candidate is None:
            return
        if self._reason or self.error:  # a client that left says nothing about the engine
            self._pool.mark(candidate, self.error, seconds)
        if self._reason in ("load", "unload"):
            self._pool.forget(candidate.engine.settings.name)

    def _finished(self, last: Finish, key: tuple[str, str]) -> None:
        call, metrics = self._call, self._metrics
        self._reason = last.reason
        call.usage = last.usage
        call.engine_seconds = time.perf_counter() - self._asked
        if last.reason not in ("load", "unload"):
            metrics.generations += 1
            metrics.generation_seconds += call.engine_seconds
        metrics.prompt_tokens += last.usage.prompt
        metrics.completion_tokens += last.usage.completion
        metrics.pace.add(key, last.usage.completion, call.engine_seconds)
