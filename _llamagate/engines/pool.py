"""The engines as one: who can serve a model now, and what an outcome changes.

Looking up costs no I/O: lists and states are kept by `health`, in the background. Which of the
candidates is best, whose turn it is, and whether to try another one is for the gateway.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from _llamagate.engines.base import Engine
from _llamagate.engines.breaker import Breaker
from _llamagate.engines.health import State, Watched
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
from _llamagate.wires.names import leaves_machine

_LATE = 1.0  # seconds that others wait for an engine which was not up before
_MOST_ADOPTED = 256


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model on an engine that may be asked for it now."""

    engine: Engine
    model: str  # the engine's own spelling
    name: str  # canonical
    resident: bool  # in its memory, as far as is known
    trial: bool = False  # it failed of late: this one request finds out whether it still does

    @property
    def key(self) -> tuple[str, str]:
        return self.engine.settings.name, self.name


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


class _Pair:
    """One model on one engine."""

    __slots__ = ("_candidate", "breaker", "host", "model", "name")

    def __init__(self, host: Watched, name: str, model: str) -> None:
        self.host = host
        self.name = name
        self.model = model
        self.breaker = Breaker()
        self._candidate: Candidate | None = None

    def candidate(self, trial: bool = False) -> Candidate:
        # An engine of the other kinds has in memory what it lists.
        resident = self.name in self.host.resident or self.host.settings.kind == "openai"
        found = self._candidate
        if found is None or (found.resident, found.trial) != (resident, trial):
            found = Candidate(self.host.engine, self.model, self.name, resident, trial)
            self._candidate = found
        return found


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
        self._hosts = [Watched(engine, self._index, clock) for engine in engines]
        self._pairs: dict[tuple[str, str], _Pair] = {}
        self._by_name: dict[str, list[_Pair]] = {}
        self._adopted: dict[tuple[str, str], str] = {}  # served beyond the lists, as spelled
        self._models: dict[str, Model] = {}  # by canonical name, the newest first
        self._index()

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
        for host in self._hosts:
            await host.close()
            await host.engine.close()

    # ------------------------------------------------------------ who can serve a model

    def candidates(self, names: Sequence[str]) -> list[Candidate]:
        """Those that have the first name which anybody has and can serve. Where all who have one
        failed of late, they are better than nobody."""
        doubtful: list[_Pair] = []
        for name in names:
            fit: list[Candidate] = []
            resting: list[_Pair] = []
            for pair in self._by_name.get(name, ()):
                if pair.host.state is not State.UP or not pair.breaker.closed:
                    resting.append(pair)
                else:
                    fit.append(pair.candidate())
            if fit:
                return fit + self._trials(resting)
            doubtful = doubtful or resting
        return [pair.candidate() for pair in doubtful]

    def _trials(self, pairs: list[_Pair]) -> list[Candidate]:
        now = self._clock()
        return [
            pair.candidate(trial=True)
            for pair in pairs
            if pair.host.up and pair.breaker.admits_trial(now)
        ]

    async def find(
        self, names: Sequence[str], spelled: Sequence[str] = (), asked: str = ""
    ) -> list[Candidate]:
        """When `candidates` has none: ask the engines anew. `spelled` are the same names as they
        were written, for engines that take names beyond their list."""
        await self.refresh()
        if found := self.candidates(names):
            return found
        for name, written in zip(names, spelled or names, strict=True):
            self._adopt(name, written)
        if found := self.candidates(names):
            return found
        raise self._missing(names, asked or names[0])

    def _adopt(self, name: str, written: str) -> None:
        for host in self._hosts:
            cloud = host.settings.kind == "ollama" and self._cloud and leaves_machine(name)
            if cloud or host.serves(name):
                while len(self._adopted) >= _MOST_ADOPTED:
                    del self._adopted[next(iter(self._adopted))]
                self._adopted[host.name, name] = written
                self._index()

    def _missing(self, names: Sequence[str], asked: str) -> GatewayError:
        if not self._hosts:
            return NoEngine("No engine is configured: set OLLAMA_HOST.", retry_after=60)
        having = [host for host in self._hosts if any(name in host.models for name in names)]
        if any(host.up and not host.draining for host in having):
            return NotAllowed(
                f"The model `{asked}` runs on another machine. An administrator can allow such "
                "models: cloud_models = true in llamagate.toml.",
                param="model",
            )
        if having or not self.healthy:
            return NoEngine(" ".join(map(_why, having or self._hosts)), retry_after=5)
        return NoSuchModel.named(asked)

    def everywhere(self, name: str) -> list[Candidate]:
        """All engines that answer and have it, drained or not."""
        return [
            _Pair(host, name, model.name).candidate()
            for host in self._hosts
            if host.up and (model := host.models.get(name))
        ]

    # ------------------------------------------------------------ what an outcome changes

    def mark(self, candidate: Candidate, error: EngineError | None, seconds: float) -> None:
        """What came of a request. A refusal (4xx) is the answer of an engine that is well."""
        pair = self._pairs.get(candidate.key)
        if pair is None or pair.host.engine is not candidate.engine:
            return
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
            self._adopted.pop(candidate.key, None)
            pair.host.forget()

    def drain(self, engine: str) -> None:
        """No new work for it; what runs goes on."""
        self._host(engine).draining = True
        self._index()

    def undrain(self, engine: str) -> None:
        self._host(engine).draining = False
        self._index()

    def _host(self, engine: str) -> Watched:
        for host in self._hosts:
            if host.name == engine:
                return host
        raise NoSuchThing(f"There is no engine `{engine}`.")

    def forget(self, engine: str = "") -> None:
        """Lists may have changed (a model was pulled, deleted, unloaded): ask again."""
        for host in self._hosts:
            if not engine or host.name == engine:
                host.forget()

    # ------------------------------------------------------------ what there is

    async def refresh(self) -> None:
        """Ask all engines, unless they were asked within the last second. Nobody waits long for
        one that was not up before."""
        flights = [(host.up or host.state is State.UNKNOWN, host.probe()) for host in self._hosts]
        sure = [flight for expected, flight in flights if flight and expected]
        others = [flight for expected, flight in flights if flight and not expected]
        if sure:
            await asyncio.wait(sure)
        if others:
            await asyncio.wait(others, timeout=_LATE)

    async def probe(self) -> dict[str, bool]:
        await self.refresh()
        return self.up()

    def up(self) -> dict[str, bool]:
        return {host.name: host.up for host in self._hosts}

    @property
    def healthy(self) -> bool:
        return any(host.up for host in self._hosts)

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

    def models(self) -> list[Model]:
        """Each model once, the newest first."""
        return list(self._models.values())

    def residents(self) -> list[tuple[str, Resident]]:
        """With the names of their engines."""
        return [
            (host.name, resident)
            for host in self._hosts
            if host.up
            for resident in host.resident.values()
        ]

    def default_model(self) -> str:
        """A resident one, else the newest; "" where there is none."""
        loaded = {name for host in self._hosts if host.up for name in host.resident}
        talking = {
            name: model.name
            for name, model in self._models.items()
            if not model.capabilities or "completion" in model.capabilities
        }
        best = next((name for name in talking if name in loaded), next(iter(talking), ""))
        return talking.get(best, "")

    # ------------------------------------------------------------ the index

    def _index(self) -> None:
        """Anew, whenever a list or a state has changed: seldom, so that looking up is cheap."""
        pairs: dict[tuple[str, str], _Pair] = {}
        by_name: dict[str, list[_Pair]] = {}
        models: dict[str, Model] = {}
        for host in self._hosts:
            for name, model in self._served(host).items():
                key = host.name, name
                pair = self._pairs.get(key)
                if pair is None or pair.host is not host or pair.model != model.name:
                    pair = _Pair(host, name, model.name)
                pairs[key] = pair
                if host.state is not State.DOWN and not host.draining:
                    by_name.setdefault(name, []).append(pair)
                if host.up and not host.draining and name in host.models:
                    models.setdefault(name, model)
        self._pairs, self._by_name = pairs, by_name
        self._models = dict(sorted(models.items(), key=_newest_first))

    def _served(self, host: Watched) -> dict[str, Model]:
        served = {
            name: Model(written, engine=host.name, kind=host.settings.kind)
            for (engine, name), written in self._adopted.items()
            if engine == host.name
        }
        for name, model in host.models.items():
            if self._cloud or not model.entry.get("remote_host"):
                served[name] = model
        return served

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
                for pair in self._pairs.values()
                if pair.host is host and not pair.breaker.closed
            ),
        )


def _newest_first(item: tuple[str, Model]) -> tuple[float, str]:
    return -item[1].modified, item[0]


def _why(host: Watched) -> str:
    place = f"{host.settings.kind} engine `{host.name}` at {host.settings.url}"
    if host.draining:
        return f"The {place} is drained and takes no new work."
    hint = " Is Ollama running there? See OLLAMA_HOST." if host.settings.kind == "ollama" else ""
    return f"The {place} cannot be asked: {host.reason}.{hint}"
