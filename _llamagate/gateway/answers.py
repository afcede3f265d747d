"""Answers given before, and answers being given: the cache, and one flight for identical requests.

Plain requests read the cache always; streams only when their answer is meant to repeat, at
temperature 0 or with a seed. A request that may be answered from the cache may also join one that
is already running: the flight belongs to all who wait for it and ends when the last one leaves.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

from _llamagate.cache import Cache, Entry, cache_key, worth_keeping
from _llamagate.exchange import (
    Call,
    Chat,
    Completion,
    Events,
    Reply,
    collect,
    collect_batches,
)
from _llamagate.gateway.flight import Flight
from _llamagate.metrics import Metrics

_MOST_FLIGHTS = 10_000

Requests: TypeAlias = Sequence[Chat | Completion]


class Answers:
    def __init__(self, cache: Cache | None, shared: bool, metrics: Metrics) -> None:
        self._cache = cache
        self._shared = shared
        self._metrics = metrics
        self._flights: dict[bytes, Flight] = {}

    def serve(
        self, requests: Requests, names: Sequence[str], call: Call, run: Callable[[], Events]
    ) -> Events:
        """For who reads it as it comes."""
        key = self._key(requests, names, call)
        if key is None:
            return run()
        if found := self._known(key, requests[0].stream, call):
            return found
        flight = self._flights[key] = Flight(call)
        flight.start(run(), partial(self._land, key))
        return flight.follow(call)

    async def whole(
        self, requests: Requests, names: Sequence[str], call: Call, run: Callable[[], Events]
    ) -> list[Reply]:
        """For who wants it when all of it is there."""
        key = self._key(requests, names, call)
        if key is None:
            return await collect(run())
        if found := self._known(key, False, call):
            return await collect(found)
        flight = self._flights[key] = Flight(call)
        return collect_batches(await flight.lead(run(), partial(self._land, key)))

    def _key(self, requests: Requests, names: Sequence[str], call: Call) -> bytes | None:
        """None where the answer is to be neither an old one nor kept."""
        useless = self._cache is None or call.no_store or not _repeats(requests[0])
        if useless or len(self._flights) >= _MOST_FLIGHTS:
            self._count(call, "BYPASS")
            return None
        scope = "" if self._shared else call.caller.account
        return cache_key(scope, names, requests)

    def _known(self, key: bytes, stream: bool, call: Call) -> Events | None:
        """Kept, or under way."""
        if not call.no_cache and self._cache:
            if found := self._cache.get(key):
                return self._hit(call, *found)
            flight = self._flights.get(key)
            if flight is not None and not flight.abandoned:
                self._count(call, "HIT")
                return flight.follow(call) if stream else flight.whole(call)
        self._count(call, "MISS")
        return None

    def _land(self, key: bytes, flight: Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
        if self._cache and flight.error is None:
            call = flight.call
            events = worth_keeping(flight.batches)
            if events and not call.context_full:  # which a kept one would not tell
                self._cache.put(key, events, call.ignored, call.engine, call.engine_seconds)

    def clear(self) -> None:
        if self._cache:
            self._cache.clear()

    async def _hit(self, call: Call, entry: Entry, age: int) -> Events:
        self._count(call, "HIT")
        call.age = age
        call.ignored = entry.ignored
        call.engine = entry.engine
        call.engine_seconds = entry.seconds
        yield [*entry.events]

    def _count(self, call: Call, result: str) -> None:
        call.cache = result
        self._metrics.cache[result] += 1


def _repeats(request: Chat | Completion) -> bool:
    """A plain answer may be an old one; a stream only where the client asked for the same again,
    or a chat page's "regenerate" would be a joke."""
    return not request.stream or request.temperature == 0 or request.seed is not None
