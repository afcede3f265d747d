"""What a model is: described by the engine that has it, without what a user need not know."""

from dataclasses import dataclass

from _llamagate.engines.ollama import OllamaEngine
from _llamagate.engines.pool import Candidate, Pool
from _llamagate.exchange import Call, Fields, Model
from _llamagate.gateway.hops import check_hops
from _llamagate.models import Names, canonical
from _llamagate.wires.ollama.client_models import describe, shown_to_users


@dataclass(frozen=True, slots=True)
class ShowModel:
    names: Names
    pool: Pool

    async def __call__(self, asked: str, fields: Fields, call: Call) -> Fields:
        """`fields` are what else was asked about it."""
        check_hops(call)
        resolved = self.names.resolve(asked, call.caller)
        call.model = resolved.names[0]
        names, spelled = resolved.names, resolved.spelled
        found = self.pool.candidates(names) or await self.pool.find(names, spelled, resolved.asked)
        candidate = found[0]
        call.engine = candidate.engine.settings.name
        if isinstance(candidate.engine, OllamaEngine):
            shown = await candidate.engine.show(candidate.model, fields, call)
        else:
            shown = describe(self._listed(candidate))
        if call.caller.admin:
            return shown
        system = not self.names.locks(candidate.name, "system")
        return shown_to_users(shown, resolved.asked, system=system)

    def _listed(self, candidate: Candidate) -> Model:
        unlisted = Model(candidate.model, kind=candidate.engine.settings.kind)
        listed = (m for m in self.pool.models() if canonical(m.name) == candidate.name)
        return next(listed, unlisted)
