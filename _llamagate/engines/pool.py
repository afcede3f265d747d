"""The engines as one: who can serve a model now, and what an outcome changes.

Looking up costs no I/O: `health` keeps what is known of each engine, `index` who has which model.
Which candidate is best, whose turn it is and whether to try another one is for the gateway.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from _llamagate.background import spawn
from _llamagate.config import EngineSettings
from _llamagate.engines.base import Engine
from _llamagate.engines.health import State, Watched
from _llamagate.engines.index import Candidate, Index, Spent
from _llamagate.errors import (
    EngineError,
    EngineLacksModel,
    EngineRefused,
    EngineTimeout,
    EngineUnreachable,
    GatewayError,
    NoEngine,
    NoSuchModel,
    NoSuchThing,
    NotAllowed,
)
from _llamagate.exchange import Model, Resident
from _llamagate.wires.names import is_hub_id, leaves_machine

__all__ = ["Candidate", "EngineState", "Pool", "Spent"]

_LATE = 1.0  # seconds that others wait for an engine which was not up before
_LOOK = 0.5  # seconds between two looks whether an engine taken away is still in use
_HUB_HINT = " Models of Hugging Face are served when HF_MODELS allows them."
_LONGEST_ANSWER = 3600.0  # seconds after which an engine that was taken away is closed all the same


@dataclass(frozen=True, slots=True)
class EngineState:
    """An engine for people to look at."""

    name: str
    kind: str
    url: str
    up: bool
    draining: bool
    error: str
    models: tuple[str, ...]
    residents: tuple[Resident, ...]
    resting: tuple[str, ...]  # models it failed at of late
    activity: tuple[str, ...]  # what it does beside answering


class Pool:
    """Open while used as an async context manager; closes its engines."""

    def __init__(
        self,
        engines: Sequence[Engine],
        cloud: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cloud = cloud
        self._clock = clock
        self._index = Index(clock)
        self._hosts = [self._watched(engine) for engine in engines]
        self._retiring: dict[Watched, asyncio.Task[None]] = {}
        self._build()

    def _watched(self, engine: Engine) -> Watched:
        return Watched(engine, self._build, self._clock)

    def _build(self) -> None:
        self._index.build(self._hosts, self._cloud)

    async def __aenter__(self) -> Self:
        for host in self._hosts:
            host.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._retiring.values():
            task.cancel()
        for host in [*self._hosts, *self._retiring]:
            await host.close()

    def replace(
        self,
        settings: Sequence[EngineSettings],
        make: Callable[[EngineSettings], Engine],
        running: Callable[[str], int],
        cloud: bool = False,
    ) -> None:
        """Other engines; one whose settings are the same stays. What runs on one that is taken
        away runs to its end: `running` says how many do, by the engine's name."""
        kept = {host.settings: host for host in self._hosts}
        self._hosts = [
            kept.pop(one) if one in kept else self._watched(make(one)) for one in settings
        ]
        for host in self._hosts:
            host.open()
        for host in kept.values():
            retiring = self._retire(host, running)
            self._retiring[host] = spawn(retiring, f"retire engine {host.name}")
        self._cloud = cloud
        self._build()

    async def _retire(self, host: Watched, running: Callable[[str], int]) -> None:
        last = self._clock() + _LONGEST_ANSWER
        while running(host.name) and self._clock() < last:  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(_LOOK)
        await host.close()
        del self._retiring[host]

    # ------------------------------------------------------------ who can serve a model

    def candidates(self, names: Sequence[str], without: Collection[Spent] = ()) -> list[Candidate]:
        """Those that have the first of these names which any engine can serve; `without` the
        engines of these names."""
        return self._index.candidates(names, without)

    def has(self, names: Sequence[str]) -> bool:
        """Would `candidates` have any?"""
        return any(map(self._index.has, names))

    async def find(
        self, names: Sequence[str], spelled: Sequence[str] = (), asked: str = ""
    ) -> list[Candidate]:
        """When there are no candidates: ask the engines anew. `spelled` are the same names as they
        were written, for engines that take names beyond their lists. Raises NoSuchModel, NoEngine
        or NotAllowed."""
        await self.refresh()
        if not self.has(names):
            for name, written in zip(names, spelled or names, strict=True):
                self._adopt(name, written)
        if found := self.candidates(names):
            return found
        raise self._missing(names, asked or names[0])

    def _adopt(self, name: str, written: str) -> None:
        cloud = self._cloud and leaves_machine(name)
        for host in self._hosts:
            if host.serves(name) or (cloud and host.settings.kind == "ollama"):
                self._index.adopt(host, name, written)
        self._build()

    def _missing(self, names: Sequence[str], asked: str) -> GatewayError:
        if not self._hosts:
            return NoEngine("No engine is configured: set OLLAMA_HOST.", retry_after=60)
        having = [host for host in self._hosts if any(map(host.has, names))]
        if any(host.up and not host.draining for host in having):
            return NotAllowed(
                f"The model `{asked}` runs on another machine. An administrator can allow such "
                "models: cloud_models = true in llamagate.toml.",
                param="model",
            )
        if having or not self.healthy:
            return NoEngine(" ".join(map(_why, having or self._hosts)), retry_after=5)
        wanted = next((name for name in names if "/" in name and is_hub_id(name)), "")
        return NoSuchModel.named(asked, _HUB_HINT if wanted else "")

    # ------------------------------------------------------------ what an outcome changes

    def mark(self, candidate: Candidate, error: EngineError | None, seconds: float) -> None:
        """What came of a request. A refusal (4xx) is the answer of an engine that is well."""
        pair = self._index.pairs.get(candidate.key)
        if pair is None or pair.host.engine is not candidate.engine:
            return
        if error is None and pair.trusted and pair.name in pair.host.resident:
            return  # as it was before
        if error is None or isinstance(error, EngineRefused):
            pair.breaker.succeeded()
            if error is None:
                pair.host.answered(pair.name)
            return
        grave = isinstance(error, EngineTimeout | EngineLacksModel)
        pair.breaker.failed(self._clock(), grave)
        if isinstance(error, EngineUnreachable):
            pair.host.lost(error)
        elif isinstance(error, EngineLacksModel):
            self._index.disown(candidate.key)
            pair.host.forget()

    def drain(self, engine: str) -> None:
        """No new work for it; what runs goes on."""
        self._host(engine).draining = True
        self._build()

    def undrain(self, engine: str) -> None:
        self._host(engine).draining = False
        self._build()

    def forget(self, engine: str = "") -> None:
        """Lists may have changed (a model was pulled, deleted, unloaded): ask again."""
        for host in self._hosts:
            if not engine or host.name == engine:
                host.forget()

    # ------------------------------------------------------------ what there is

    async def refresh(self, joining: bool = True) -> None:
        """Ask all engines, unless they were asked within the last second. Nobody waits long for
        one that was not up before. `joining`: wait for probes under way too, which may be what
        another gateway is asked by, and waits for us."""
        hosts = [host for host in self._hosts if joining or not host.probing]
        flights = [(host.expected, host.probe()) for host in hosts]
        if sure := [flight for expected, flight in flights if flight and expected]:
            await asyncio.wait(sure)
        if others := [flight for expected, flight in flights if flight and not expected]:
            await asyncio.wait(others, timeout=_LATE)

    async def answers(self) -> bool:
        """Does any engine, when it is asked?"""
        await self.refresh()
        return self.healthy

    def up(self) -> dict[str, bool]:
        return {host.name: host.up for host in self._hosts}

    @property
    def healthy(self) -> bool:
        return any(host.up for host in self._hosts)

    @property
    def all_draining(self) -> bool:
        """No engine that answers takes new work."""
        return all(host.draining for host in self._hosts if host.up)

    @property
    def first_url(self) -> str:
        return self._hosts[0].settings.url if self._hosts else ""

    @property
    def engines(self) -> list[EngineState]:
        return [self._state(host) for host in self._hosts]

    def engine(self, name: str = "") -> Engine:
        """By name; without one the first Ollama engine, if possible one that answers."""
        if name:
            return self._host(name).engine
        hosts = [host for host in self._hosts if host.settings.kind == "ollama"]
        if not hosts:
            raise NoEngine("No Ollama engine is configured: set OLLAMA_HOST.", retry_after=60)
        return next((host for host in hosts if host.up), hosts[0]).engine

    def kind(self, engine: str) -> str:
        """Of an engine by name, "" where there is none such."""
        return next((host.settings.kind for host in self._hosts if host.name == engine), "")

    def everywhere(self, name: str) -> list[tuple[Engine, str]]:
        """All engines that answer and have it, drained or not, with their own spelling."""
        return [
            (host.engine, model.name)
            for host in self._hosts
            if host.up and (model := host.models.get(name))
        ]

    def models(self) -> list[Model]:
        """Each model once, the newest first."""
        return list(self._index.models.values())

    def residents(self) -> list[tuple[str, Resident]]:
        """With the names of their engines."""
        return [
            (host.name, resident)
            for host in self._hosts
            if host.up
            for resident in host.resident.values()
        ]

    def context_length(self, candidate: Candidate) -> int:
        """What its model was loaded with when the engine was last asked; 0 where it did not say."""
        pair = self._index.pairs.get(candidate.key)
        resident = pair and pair.host.resident.get(candidate.name)
        return resident.context_length if resident else 0

    def default_model(self, usable: Callable[[str], bool] = lambda _: True) -> str:
        """Of those that are usable a resident one, else the newest; "" where there is none.
        Raises NoEngine while nobody can know."""
        if not self.healthy:
            raise NoEngine("No engine answers, so there is no model to choose.", retry_after=5)
        loaded = {name for host in self._hosts if host.up for name in host.resident}
        talking = {
            name: model.name
            for name, model in self._index.models.items()
            if (not model.capabilities or "completion" in model.capabilities) and usable(name)
        }
        best = next((name for name in talking if name in loaded), next(iter(talking), ""))
        return talking.get(best, "")

    def _host(self, engine: str) -> Watched:
        for host in self._hosts:
            if host.name == engine:
                return host
        raise NoSuchThing(f"There is no engine `{engine}`.")

    def _state(self, host: Watched) -> EngineState:
        return EngineState(
            name=host.name,
            kind=host.settings.kind,
            url=host.settings.url,
            up=host.up,
            draining=host.draining,
            error=host.reason,
            models=tuple(model.name for model in host.models.values()),
            residents=tuple(host.resident.values()),
            resting=tuple(
                pair.model
                for pair in self._index.pairs.values()
                if pair.host is host and not pair.breaker.closed
            ),
            activity=tuple(host.engine.activity()),
        )


def _why(host: Watched) -> str:
    address = f" at {host.settings.url}" if host.settings.url else ""
    place = f"{host.settings.kind} engine `{host.name}`{address}"
    if host.draining:
        return f"The {place} is drained and takes no new work."
    if host.state is State.UP:
        return f"The {place} cannot take it now."
    hint = " Is Ollama running there? See OLLAMA_HOST." if host.settings.kind == "ollama" else ""
    return f"The {place} cannot be asked: {host.reason.rstrip('.')}.{hint}"
