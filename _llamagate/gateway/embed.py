"""Embeddings: the same way to an engine as a chat, without a stream."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from _llamagate.engines.pool import Candidate, Pool, Spent
from _llamagate.errors import EngineError
from _llamagate.exchange import Call, Embed, Embedded
from _llamagate.gateway.choose import enter, granted, order
from _llamagate.gateway.hops import check_hops
from _llamagate.gateway.resolve import find, others, resolve
from _llamagate.metrics import Metrics
from _llamagate.models import Names
from _llamagate.queue import Queue


@dataclass(frozen=True, slots=True)
class EmbedTexts:
    names: Names
    pool: Pool
    queue: Queue
    metrics: Metrics

    async def __call__(self, request: Embed, call: Call) -> Embedded:
        check_hops(call)
        resolved = resolve(self.names, self.pool, request.model, call)
        found = await find(self.pool, resolved)
        tried: set[Spent] = set()
        while True:
            try:
                return await self._ask(order(found, self.queue), request, call, tried)
            except EngineError as error:
                found = others(self.pool, resolved, tried, error, call)

    async def _ask(
        self, candidates: Sequence[Candidate], request: Embed, call: Call, tried: set[Spent]
    ) -> Embedded:
        turn = enter(self.queue, candidates, call)
        asked = time.perf_counter()
        error: EngineError | None = None
        embedded: Embedded | None = None
        try:
            if not turn.ready:
                call.queue_position = turn.position
                await turn.wait()
                call.queue_ms = int((time.perf_counter() - asked) * 1000)
                asked = time.perf_counter()
            candidate = granted(turn, candidates)
            call.engine = candidate.engine.settings.name
            prepared = replace(self.names.apply(request, candidate.name), model=candidate.model)
            embedded = await candidate.engine.embed(prepared, call)
            call.usage = embedded.usage
            self.metrics.prompt_tokens += embedded.usage.prompt
            return embedded
        except EngineError as failure:
            error = failure
            tried.add(candidate.spent(failure))
            raise
        finally:
            seconds = time.perf_counter() - asked
            turn.leave(seconds if embedded else None)
            if embedded or error:
                self.pool.mark(candidate, error, seconds)
