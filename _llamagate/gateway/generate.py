"""Chats and completions: from a request with a model's name in it to the events of an answer."""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from msgspec.structs import replace

from _llamagate.background import spawn
from _llamagate.engines.pool import Candidate, Pool, Spent
from _llamagate.errors import EngineError, GatewayError
from _llamagate.exchange import (
    Call,
    Caller,
    Chat,
    Completion,
    Event,
    Events,
    Finish,
    Reply,
    Usage,
    Waiting,
)
from _llamagate.gateway.answers import Answers
from _llamagate.gateway.attempt import Attempt
from _llamagate.gateway.choose import order, sticky
from _llamagate.gateway.context import fills_context, may_fill_context
from _llamagate.gateway.hops import check_hops
from _llamagate.gateway.resolve import default_model, find, others, resolve
from _llamagate.metrics import Metrics
from _llamagate.models import Names, Resolved
from _llamagate.queue import Queue, Turn

_log = logging.getLogger("llamagate.generate")
_AHEAD = 64  # batches that may wait for the client when several choices run side by side
_AT_ONCE = 16  # choices; a request of many prompts must not fill the queue by itself

Request = TypeVar("Request", Chat, Completion)


@dataclass(frozen=True, slots=True)
class Generate:
    names: Names
    pool: Pool
    queue: Queue
    answers: Answers
    metrics: Metrics

    def __call__(self, requests: Sequence[Chat | Completion], call: Call) -> Events:
        """The events of an answer; several requests are the choices of one answer."""
        resolved = self._resolved(requests, call)
        run = partial(self._run, requests, resolved, call)
        return self.answers.serve(requests, resolved.names, call, run)

    async def whole(self, requests: Sequence[Chat | Completion], call: Call) -> list[Reply]:
        """The same collected: a reply for each choice."""
        resolved = self._resolved(requests, call)
        run = partial(self._run, requests, resolved, call)
        return await self.answers.whole(requests, resolved.names, call, run)

    def _resolved(self, requests: Sequence[Chat | Completion], call: Call) -> Resolved:
        check_hops(call)
        return resolve(self.names, self.pool, requests[0].model, call)

    def with_defaults(self, request: Request, caller: Caller) -> Request:
        """As its model is asked where a client does not say; for surfaces with defaults of their
        own, which come after these."""
        asked = request.model or default_model(self.names, self.pool, caller)
        resolved = self.names.resolve(asked, caller)
        return self.names.apply(request, resolved.names[0])

    def _run(self, requests: Sequence[Chat | Completion], resolved: Resolved, call: Call) -> Events:
        if len(requests) == 1:
            return self._one(requests[0], resolved, call)
        return self._several(requests, resolved, call)

    async def _several(
        self, requests: Sequence[Chat | Completion], resolved: Resolved, call: Call
    ) -> Events:
        """A few at a time, each with its own turn; their events as they come, with their choice."""
        ready: asyncio.Queue[list[Event] | asyncio.Task[GatewayError | None]] = asyncio.Queue()
        room = asyncio.Semaphore(_AHEAD)
        places = asyncio.Semaphore(_AT_ONCE)

        async def run(choice: int) -> GatewayError | None:
            try:
                async with places, aclosing(self._one(requests[choice], resolved, call)) as events:
                    async for batch in events:
                        await room.acquire()
                        ready.put_nowait([_of_choice(event, choice) for event in batch])
            except GatewayError as error:
                return error
            return None

        tasks = [spawn(run(choice), f"choice {choice}") for choice in range(len(requests))]
        for task in tasks:
            task.add_done_callback(ready.put_nowait)
        usage = Usage()
        try:
            left = len(tasks)
            while left:
                news = await ready.get()
                if isinstance(news, list):
                    room.release()
                    yield news
                    usage = _added(usage, news)
                elif error := news.result():
                    raise error
                else:
                    left -= 1
            call.usage = usage
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _one(self, request: Chat | Completion, resolved: Resolved, call: Call) -> Events:
        """One choice: engine after engine until one begins to answer."""
        found = await find(self.pool, resolved)
        same = sticky(request) if len(found) > 1 else 0
        tried: set[Spent] = set()
        while True:
            best = order(found, self.queue, same)
            attempt = Attempt(self.pool, self.queue, self.metrics, best, call)
            events: Events | None = None
            try:
                if not attempt.turn.ready:
                    async for waiting in self._wait(attempt.turn, call):
                        yield waiting
                events = self._asked(attempt, request, call)
                async for batch in events:
                    if not attempt.begun or type(batch[-1]) is Finish:
                        attempt.note(batch)
                        if (done := attempt.answered) and self._may_fill(done, request, call):
                            await self._look_at_context(done, request, call)
                    yield batch
                return
            except EngineError as error:
                attempt.error = failure = error
            finally:
                if events:
                    await events.aclose()
                attempt.end()
            tried |= attempt.spent
            if attempt.begun:
                raise failure
            found = others(self.pool, resolved, tried, failure, call)

    def _asked(self, attempt: Attempt, request: Chat | Completion, call: Call) -> Events:
        candidate = attempt.ask()
        if _log.isEnabledFor(logging.DEBUG):
            facts = {"request_id": call.id, "engine": call.engine, "model": candidate.name}
            _log.debug("engine_asked", extra=facts)
        prepared = replace(self.names.apply(request, candidate.name), model=candidate.model)
        return candidate.engine.generate(prepared, call)

    def _may_fill(self, candidate: Candidate, request: Chat | Completion, call: Call) -> bool:
        asked = self.names.apply(request, candidate.name)
        return may_fill_context(self.pool, candidate, asked, call.usage.prompt)

    async def _look_at_context(
        self, candidate: Candidate, request: Chat | Completion, call: Call
    ) -> None:
        asked = self.names.apply(request, candidate.name)
        call.context_full = await fills_context(candidate, asked, call.usage.prompt)

    async def _wait(self, turn: Turn, call: Call) -> Events:
        call.queue_position = call.queue_position or turn.position
        call.queue_ms = turn.expected_ms  # for a head that goes out before the turn comes
        entered = time.perf_counter()
        try:
            async for place, expected_ms in turn.places():
                yield [Waiting(place, expected_ms)]
        finally:
            call.queue_ms = int((time.perf_counter() - entered) * 1000)


def copies(request: Request, count: int) -> list[Request]:
    """The same question several times. With a seed each copy has the next one, or all would be
    the same answer."""
    if count == 1:
        return [request]
    return [
        request if request.seed is None else replace(request, seed=request.seed + index)
        for index in range(count)
    ]


def _of_choice(event: Event, choice: int) -> Event:
    return event if isinstance(event, Waiting) or not choice else replace(event, choice=choice)


def _added(usage: Usage, batch: list[Event]) -> Usage:
    for event in batch:
        if isinstance(event, Finish):
            more = event.usage
            usage = Usage(
                max(usage.prompt, more.prompt),
                usage.completion + more.completion,
                max(usage.cached, more.cached),
                usage.reasoning + more.reasoning,
            )
    return usage
