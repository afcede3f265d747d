"""What a model is: described by the engine that has it, without what a user need not know."""

from dataclasses import dataclass

from _llamagate.engines.ollama import OllamaEngine
from _llamagate.engines.pool import Candidate, Pool
from _llamagate.errors import EngineError, NoEngine
from _llamagate.exchange import Call, Fields, Model
from _llamagate.gateway.hops import check_hops
from _llamagate.gateway.resolve import find, resolve
from _llamagate.models import Names, canonical
from _llamagate.wires.ollama.client_models import describe, shown_to_users


@dataclass(frozen=True, slots=True)
class ShowModel:
    names: Names
    pool: Pool

    async def __call__(self, asked: str, fields: Fields, call: Call) -> Fields:
        """`fields` are what else was asked about it."""
        check_hops(call)
        resolved = resolve(self.names, self.pool, asked, call)
        shown, name = await self._first(await find(self.pool, resolved), fields, call)
        if call.caller.admin:
            return shown
        system = not self.names.locks(name, "system")
        return shown_to_users(shown, resolved.asked, system=system)

    async def _first(
        self, candidates: list[Candidate], fields: Fields, call: Call
    ) -> tuple[Fields, str]:
        """What the first that answers says of it, and its canonical name there."""
        failure: EngineError | None = None
        for candidate in candidates:
            engine = candidate.engine
            call.engine = engine.settings.name
            if not isinstance(engine, OllamaEngine):
                return describe(self._listed(candidate)), candidate.name
            try:
                return await engine.show(candidate.model, fields, call), candidate.name
            except EngineError as error:
                if not error.retry:
                    raise
                failure = error
        raise failure or NoEngine("No engine can describe this model now.", retry_after=5)

    def _listed(self, candidate: Candidate) -> Model:
        unlisted = Model(candidate.model, kind=candidate.engine.settings.kind)
        listed = (m for m in self.pool.models() if canonical(m.name) == candidate.name)
        return next(listed, unlisted)
