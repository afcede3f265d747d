"""Which models of a fake Ollama are in memory, until when, and how many runs each takes at once."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.fakes.ollama.checks import Refused
from tests.fakes.ollama.script import FakeModel

FIVE_MINUTES = 300.0


@dataclass(slots=True)
class Resident:
    """A model that was ever asked for. Its slots outlive its stays in memory."""

    model: FakeModel
    parallel: int
    slots: asyncio.Semaphore
    loading: asyncio.Lock = field(default_factory=asyncio.Lock)
    loaded: bool = False
    num_ctx: int = 0
    stay: float = FIVE_MINUTES  # sticky: the last keep_alive anyone gave
    expires: float = 0.0
    active: int = 0


class Residence:
    """Loads, runs and forgets models as Ollama's scheduler does."""

    def __init__(self, parallel: int, load_time: float, max_queue: int) -> None:
        self.parallel = parallel
        self.load_time = load_time
        self.max_queue = max_queue
        self.loads: Counter[str] = Counter()  # how often each model was loaded
        self.most: Counter[str] = Counter()  # most runs of each at once
        self.waiting = 0  # for a slot, not for a load
        self._known: dict[str, Resident] = {}
        self._pending = 0  # waiting for a load

    @property
    def running(self) -> int:
        return sum(one.active for one in self._known.values())

    def loaded(self) -> list[Resident]:
        """Longest-lived first."""
        for one in self._known.values():
            if one.loaded and not one.active and one.expires <= time.time():
                one.loaded = False
        here = [one for one in self._known.values() if one.loaded]
        return sorted(here, key=lambda one: -one.expires)

    def unload(self, model: FakeModel) -> None:
        one = self._resident(model)
        one.stay, one.expires = 0.0, time.time()

    def keep(self, model: FakeModel, stay: float | None) -> None:
        one = self._resident(model)
        one.stay = one.stay if stay is None else stay
        one.expires = time.time() + one.stay

    async def load(self, model: FakeModel, num_ctx: int | None, stay: float | None) -> None:
        """Wait until it is in memory, with this context."""
        one = self._resident(model)
        self.loaded()
        wanted = min(num_ctx, model.context_length) if num_ctx else None
        if not one.loaded or (wanted and wanted != one.num_ctx):
            await self._load_in_turn(one, wanted)
        self.keep(model, stay)

    async def _load_in_turn(self, one: Resident, wanted: int | None) -> None:
        if self._pending >= self.max_queue:
            message = "server busy, please try again.  maximum pending requests exceeded"
            raise Refused(503, message)
        self._pending += 1
        try:
            async with one.loading:
                if not one.loaded or (wanted and wanted != one.num_ctx):
                    await self._load(one, wanted)
        finally:
            self._pending -= 1

    async def _load(self, one: Resident, wanted: int | None) -> None:
        one.loaded = False
        self.loads[one.model.name] += 1
        own = one.model.load_time
        await asyncio.sleep(self.load_time if own is None else own)
        one.loaded, one.stay = True, FIVE_MINUTES
        one.num_ctx = wanted or min(4096, one.model.context_length)

    @asynccontextmanager
    async def slot(self, model: FakeModel) -> AsyncIterator[None]:
        """Wait, without limit, for one of the few runs it takes at once."""
        one = self._resident(model)
        self.waiting += 1
        try:
            await one.slots.acquire()
        finally:
            self.waiting -= 1
        one.active += 1
        self.most[model.name] = max(self.most[model.name], one.active)
        try:
            yield
        finally:
            one.active -= 1
            one.expires = time.time() + one.stay
            one.slots.release()

    def _resident(self, model: FakeModel) -> Resident:
        if model.name not in self._known:
            own = 1 if model.capabilities == ("embedding",) else model.parallel
            parallel = own or self.parallel
            self._known[model.name] = Resident(model, parallel, asyncio.Semaphore(parallel))
        return self._known[model.name]
