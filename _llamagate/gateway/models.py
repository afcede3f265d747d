"""Which models there are for a caller."""

from collections.abc import Sequence
from dataclasses import dataclass

from _llamagate.engines.pool import Pool
from _llamagate.errors import EngineError, NoEngine, NoSuchModel
from _llamagate.exchange import Caller, Model, Resident
from _llamagate.models import Names, canonical


@dataclass(frozen=True, slots=True)
class ListModels:
    names: Names
    pool: Pool

    async def __call__(self, caller: Caller) -> Sequence[Model]:
        await self.pool.refresh()
        if not self.pool.healthy:
            raise NoEngine("No engine answers, so nobody knows the models.", retry_after=5)
        return self.names.visible(caller, self.pool.models())

    async def context_length(self, model: Model) -> int:
        """What it is loaded with, else what it was made for; 0 where no engine says."""
        name = canonical(model.name)
        for _, resident in self.pool.residents():
            if canonical(resident.name) == name and resident.context_length:
                return resident.context_length
        if model.context_length:
            return model.context_length
        for candidate in self.pool.candidates((name,)):
            try:
                return await candidate.engine.context_length(candidate.model)
            except EngineError:
                continue
        return 0

    async def resident(self, caller: Caller) -> list[Resident]:
        """Those of them that are in an Ollama engine's memory, the longest to stay first."""
        usable = {canonical(model.name) for model in await self(caller)}
        found = self._resident()
        if any(not resident.entry for resident in found):  # learnt from an answer, not from a list
            self.pool.forget()
            await self.pool.refresh()
            found = self._resident()
        shown = [one for one in found if one.entry and canonical(one.name) in usable]
        return sorted(shown, key=lambda resident: -resident.expires)

    def _resident(self) -> list[Resident]:
        return [
            resident
            for engine, resident in self.pool.residents()
            if self.pool.engine(engine).settings.kind == "ollama"
        ]

    async def one(self, asked: str, caller: Caller) -> Model:
        """By any spelling, or an alias."""
        wanted = canonical(asked)
        models = await self(caller)
        for name in (wanted, *self.names.resolve(asked, caller).names):
            for model in models:
                if canonical(model.name) == name:
                    return model
        raise NoSuchModel.named(asked)
