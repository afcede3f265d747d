"""Which engine has which model, ready to be looked up: built anew when a list or a state changes.

What is true of an engine is `health`'s; what to do when nobody has a model is the pool's.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from _llamagate.engines.base import Engine
from _llamagate.engines.breaker import Breaker
from _llamagate.engines.health import State, Watched
from _llamagate.errors import EngineError, EngineLacksModel
from _llamagate.exchange import Model

_MOST_ADOPTED = 256

Spent: TypeAlias = str | tuple[str, str]  # an engine by name, or one model on one


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model on an engine that may be asked for it now."""

    engine: Engine
    model: str  # the engine's own spelling
    name: str  # canonical
    resident: bool  # in its memory, as far as is known
    key: tuple[str, str]  # the engine's name and the canonical one: whose queue, whose breaker
    trial: bool = False  # it failed of late: this one request finds out whether it still does

    def spent(self, error: EngineError) -> Spent:
        """What need not be asked any more after this: one that only lacks the model may have the
        next one of an alias."""
        return self.key if isinstance(error, EngineLacksModel) else self.key[0]


class Pair:
    """One model on one engine."""

    __slots__ = ("_candidate", "breaker", "host", "key", "model", "name")

    def __init__(self, host: Watched, name: str, model: str) -> None:
        self.host = host
        self.name = name
        self.model = model
        self.key = host.name, name
        self.breaker = Breaker()
        self._candidate: Candidate | None = None

    @property
    def trusted(self) -> bool:
        host = self.host
        return host.state is State.UP and not (self.breaker.failures or host.record.failures)

    def candidate(self, trial: bool = False) -> Candidate:
        # An OpenAI-compatible engine lists what it has in memory.
        resident = self.name in self.host.resident or self.host.settings.kind == "openai"
        found = self._candidate
        if found is None or found.resident is not resident or found.trial is not trial:
            found = self._candidate = Candidate(
                self.host.engine, self.model, self.name, resident, self.key, trial
            )
        return found


class Index:
    def __init__(self, clock: Callable[[], float]) -> None:
        self.models: dict[str, Model] = {}  # by canonical name, each once, the newest first
        self.pairs: dict[tuple[str, str], Pair] = {}
        self._by_name: dict[str, list[Pair]] = {}
        self._adopted: dict[tuple[str, str], str] = {}  # beyond the lists; as it was spelled
        self._clock = clock

    def candidates(self, names: Sequence[str], without: Collection[Spent]) -> list[Candidate]:
        """Those that have the first of these names which any engine can serve. Where all who have
        one failed of late, they are better than nobody."""
        doubtful: list[Pair] = []
        for name in names:
            fit: list[Candidate] = []
            others: list[Pair] = []
            for pair in self._by_name.get(name, ()):
                if pair.host.name in without or pair.key in without:
                    continue
                if pair.trusted:
                    fit.append(pair.candidate())
                else:
                    others.append(pair)
            if others:
                fit += self._second_chances(others)
            if fit:
                return fit
            doubtful = doubtful or others
        return [pair.candidate() for pair in doubtful]

    def _second_chances(self, pairs: list[Pair]) -> list[Candidate]:
        now = self._clock()
        found: list[Candidate] = []
        for pair in pairs:
            if pair.host.up:
                trial = pair.breaker.admits_trial(now) or pair.host.record.admits_trial(now)
                if trial or pair.breaker.closed:
                    found.append(pair.candidate(trial))
        return found

    def has(self, name: str) -> bool:
        return name in self._by_name

    def adopt(self, host: Watched, name: str, written: str) -> None:
        """The engine takes this name though it does not list it."""
        while len(self._adopted) >= _MOST_ADOPTED:
            del self._adopted[next(iter(self._adopted))]
        self._adopted[host.name, name] = written

    def disown(self, key: tuple[str, str]) -> None:
        self._adopted.pop(key, None)

    def build(self, hosts: Iterable[Watched], cloud: bool) -> None:
        pairs: dict[tuple[str, str], Pair] = {}
        by_name: dict[str, list[Pair]] = {}
        models: dict[str, Model] = {}
        for host in hosts:
            listed = host.up and not host.draining
            for name, model in self._served(host, cloud).items():
                pair = self._pair(host, name, model.name)
                pairs[pair.key] = pair
                if host.state is not State.DOWN and not host.draining:
                    by_name.setdefault(name, []).append(pair)
                if listed and name in host.models:
                    models.setdefault(name, model)
        self.pairs, self._by_name = pairs, by_name
        self.models = dict(sorted(models.items(), key=_newest_first))

    def _pair(self, host: Watched, name: str, model: str) -> Pair:
        """The same as before while it is the same, for what its breaker knows."""
        pair = self.pairs.get((host.name, name))
        if pair is None or pair.host is not host or pair.model != model:
            return Pair(host, name, model)
        return pair

    def _served(self, host: Watched, cloud: bool) -> dict[str, Model]:
        served = {
            name: Model(written, engine=host.name, kind=host.settings.kind)
            for (engine, name), written in self._adopted.items()
            if engine == host.name
        }
        for name, model in host.models.items():
            if cloud or not model.remote:
                served[name] = model
        return served


def _newest_first(item: tuple[str, Model]) -> tuple[float, str]:
    return -item[1].modified, item[0]
