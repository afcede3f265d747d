"""Which models there are for a caller."""

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field

from cachetools import LRUCache

from _llamagate.engines.pool import Pool
from _llamagate.errors import EngineError, NoEngine, NoSuchModel
from _llamagate.exchange import Call, Caller, Model, Resident
from _llamagate.models import Names, canonical

_REMEMBERED = 1024  # models whose context an engine had to be asked for


def _memory() -> MutableMapping[tuple[str, str, str], int]:
    return LRUCache(_REMEMBERED)


@dataclass(frozen=True, slots=True)
class ListModels:
    names: Names
    pool: Pool
    _contexts: MutableMapping[tuple[str, str, str], int] = field(default_factory=_memory)

    async def __call__(self, call: Call) -> Sequence[Model]:
        await self.pool.refresh(joining=not call.hops)
        if not self.pool.healthy:
            raise NoEngine("No engine answers, so nobody knows the models.", retry_after=5)
        return self.names.visible(call.caller, self.pool.models())

    async def context_length(self, model: Model, caller: Caller) -> int:
        """What it is loaded with, else what it was made for; 0 where no engine says."""
        names = self.names.resolve(model.name, caller).names
        for _, resident in self.pool.residents():
            if canonical(resident.name) in names and resident.context_length:
                return resident.context_length
        return model.context_length or await self._made_for(model, names)

    async def _made_for(self, model: Model, names: Sequence[str]) -> int:
        """As an engine says when it is asked for this one model; asked once for each make."""
        for candidate in self.pool.candidates(names):
            key = candidate.engine.settings.name, candidate.model, model.digest
            if key in self._contexts:
                return self._contexts[key]
            try:
                self._contexts[key] = await candidate.engine.context_length(candidate.model)
            except EngineError:
                continue
            return self._contexts[key]
        return 0

    async def resident(self, call: Call) -> list[Resident]:
        """Those of them that are in an Ollama engine's memory, the longest to stay first."""
        usable = {canonical(model.name) for model in await self(call)}
        found = self._resident()
        if any(not resident.entry for resident in found):  # learnt from an answer, not from a list
            self.pool.forget()
            await self.pool.refresh(joining=not call.hops)
            found = self._resident()
        shown = [one for one in found if one.entry and canonical(one.name) in usable]
        return sorted(shown, key=lambda resident: -resident.expires)

    def _resident(self) -> list[Resident]:
        return [
            resident
            for engine, resident in self.pool.residents()
            if self.pool.kind(engine) == "ollama"
        ]

    async def one(self, asked: str, call: Call) -> Model:
        """By any spelling, or an alias."""
        if found := await self.find(asked, call):
            return found
        raise NoSuchModel.named(asked)

    async def find(self, asked: str, call: Call) -> Model | None:
        """The same, where an engine may have models that it does not list."""
        models = {canonical(model.name): model for model in await self(call)}
        wanted = (canonical(asked), *self.names.resolve(asked, call.caller).names)
        return next((models[name] for name in wanted if name in models), None)
