"""Which models there are for a caller."""

from collections.abc import Sequence
from dataclasses import dataclass

from _llamagate.engines.pool import Pool
from _llamagate.errors import EngineError, NoEngine, NoSuchModel
from _llamagate.exchange import Caller, Model
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

    async def one(self, asked: str, caller: Caller) -> Model:
        """By any spelling, or an alias."""
        wanted = canonical(asked)
        models = await self(caller)
        for name in (wanted, *self.names.resolve(asked, caller).names):
            for model in models:
                if canonical(model.name) == name:
                    return model
        raise NoSuchModel.named(asked)
