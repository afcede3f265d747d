"""What is known of one engine: does it answer, which models has it, which are in its memory.

It is asked in the background, at once after a failure, and when somebody must know; requests that
ask at the same time share one probe. What follows from it for a request is the pool's.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from fnmatch import fnmatchcase
from typing import TypeVar

from _llamagate.background import spawn
from _llamagate.engines.base import Engine
from _llamagate.engines.breaker import Breaker
from _llamagate.errors import (
    EngineError,
    EngineGarbled,
    EngineLacksModel,
    EngineRefused,
    EngineTimeout,
    EngineUnreachable,
    InvalidRequest,
)
from _llamagate.exchange import Model, Resident
from _llamagate.wires.names import canonical, is_hub_id

_log = logging.getLogger("llamagate.health")

INTERVAL = 10.0  # seconds between probes of an engine that answers
_AWAY = (0.25, 0.5, 1.0, 2.0, 3.0)  # of one that does not
_FRESH = 1.0  # an answer to a probe is remembered so long

Named = TypeVar("Named", Model, Resident)


class State(Enum):
    UNKNOWN = "unknown"  # not asked yet
    UP = "up"
    DOUBTFUL = "doubtful"  # it answers, but late or with an error: only when no other has the model
    DOWN = "down"


class Watched:
    """One engine under watch. `changed` is called when its state or its lists are others."""

    def __init__(
        self,
        engine: Engine,
        changed: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.engine = engine
        self.settings = engine.settings
        self.name = engine.settings.name
        self.state = State.UNKNOWN
        self.reason = ""  # why it is not up
        self.draining = False
        self.record = Breaker()  # since it last was away: one request tries it when it is back
        self.models: dict[str, Model] = {}  # by canonical name
        self.resident: dict[str, Resident] = {}
        self._changed = changed
        self._clock = clock
        self._asked = float("-inf")  # when the last probe ended
        self._stale = False  # what a probe under way brings is not the newest
        self._away = 0  # probes in vain, in a row
        self._flight: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._declare()

    @property
    def up(self) -> bool:
        return self.state is State.UP

    @property
    def expected(self) -> bool:
        """Is it worth waiting for?"""
        return self.state in (State.UP, State.UNKNOWN)

    @property
    def probing(self) -> bool:
        return self._flight is not None and not self._flight.done()

    def open(self) -> None:
        if self._watch is None:
            self._watch = spawn(self._watch_it(), f"watch engine {self.name}")

    async def close(self) -> None:
        for task in (self._watch, self._flight):
            if task is not None and not task.done():
                task.cancel()
                await asyncio.wait([task])
        await self.engine.close()

    def probe(self) -> "asyncio.Task[None] | None":
        """The probe under way, or a new one; None while the last answer is fresh."""
        if not self.probing:
            if self._clock() - self._asked < _FRESH:
                return None
            self._flight = spawn(self._probe(), f"probe engine {self.name}")
        return self._flight

    def forget(self) -> None:
        """What was listed may have changed: ask before answering from it."""
        self._asked = float("-inf")
        self._stale = True
        self._wake.set()

    def lost(self, error: EngineError) -> None:
        """A request could not reach it."""
        self._set(State.DOWN, error.message)
        self.forget()

    def answered(self, name: str) -> None:
        """A request got its answer, so the model is in memory."""
        if name not in self.resident:
            self.resident = {**self.resident, name: Resident(name)}
        self.record.succeeded()
        self._set(State.UP, "")

    def serves(self, name: str) -> bool:
        """Does it take names beyond its list? A pattern among its declared models says so."""
        if self.settings.kind == "transformers" and not is_hub_id(name):
            return False
        return any(
            "*" in pattern and fnmatchcase(name, pattern.lower())
            for pattern in self.settings.models
        )

    def has(self, name: str) -> bool:
        return name in self.models or self.serves(name)

    async def _watch_it(self) -> None:
        while True:
            self._wake.clear()
            if flight := self.probe():
                await asyncio.wait([flight])
            away = self._away
            delay = _AWAY[min(away, len(_AWAY)) - 1] if away else INTERVAL
            with suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._wake.wait()

    async def _probe(self) -> None:
        for _ in range(2):
            self._stale = False
            await self._ask()
            if not self._stale:
                break
        self._asked = self._clock()

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(self.settings.probe_timeout):
                listed = await self.engine.models()
                resident = await self._residents()
        except TimeoutError:
            seconds = self.settings.probe_timeout
            self._failed(EngineTimeout(f"it did not answer a probe within {seconds:g} s"))
        except EngineError as error:
            self._failed(error)
        else:
            self._listed(listed, resident)

    async def _residents(self) -> list[Resident] | None:
        try:
            return await self.engine.resident()
        except EngineError:
            return None

    def _failed(self, error: EngineError) -> None:
        if isinstance(error, EngineRefused | EngineLacksModel) and self.settings.models:
            self._set(State.UP, "")  # it has no list, which is why its models are declared
            self._away = 0
            return
        self._away += 1
        gone = isinstance(error, EngineUnreachable | EngineGarbled)
        self._set(State.DOWN if gone else State.DOUBTFUL, error.message)

    def _listed(self, listed: list[Model], resident: list[Resident] | None) -> None:
        self._away = 0
        found = by_name(listed)
        if self.settings.models:
            declared = [name for name in self.settings.models if "*" not in name]
            found = {
                canonical(name): found.get(canonical(name)) or self._model(name)
                for name in declared
            } | {name: model for name, model in found.items() if self.serves(name)}
        self.models = found
        if resident or (resident is not None and self.settings.kind != "openai"):
            self.resident = by_name(resident)  # that kind cannot say; what answered is assumed
        self._turn(State.UP, "")
        self._changed()

    def _declare(self) -> None:
        declared = [self._model(name) for name in self.settings.models if "*" not in name]
        self.models = by_name(declared)

    def _model(self, name: str) -> Model:
        return Model(name, engine=self.name, kind=self.settings.kind)

    def _set(self, state: State, reason: str) -> None:
        if self._turn(state, reason):
            self._changed()

    def _turn(self, state: State, reason: str) -> bool:
        """Whether it is another state than before, which is worth a line in the log."""
        self.reason = reason
        if self.state is state:
            return False
        self.state = state
        if state is not State.UP:
            self.record.failed(self._clock())
        level = logging.INFO if state is State.UP else logging.WARNING
        facts = {"engine": self.name, "reason": reason} if reason else {"engine": self.name}
        _log.log(level, f"engine_{state.value}", extra=facts)
        return True


def by_name(things: list[Named]) -> dict[str, Named]:
    found: dict[str, Named] = {}
    for thing in things:
        with suppress(InvalidRequest):  # no client could ask for it
            found.setdefault(canonical(thing.name), thing)
    return found
