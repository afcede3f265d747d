"""Answers given before, and answers being given: the cache, and one flight for identical requests.

Plain requests read the cache always; streams only when their answer is meant to repeat, at
temperature 0 or with a seed. A request that may be answered from the cache may also join one that
is already running: the flight belongs to all who wait for it and ends when the last one leaves.
"""

from collections.abc import Callable, Sequence
from functools import partial

from _llamagate.cache import Cache, Entry, cache_key, worth_keeping
from _llamagate.exchange import Call, Chat, Completion, Events
from _llamagate.gateway.flight import Flight
from _llamagate.metrics import Metrics

_MAX_FLIGHTS = 10_000


class Answers:
    def __init__(self, cache: Cache | None, shared: bool, metrics: Metrics) -> None:
        self._cache = cache
        self._shared = shared
        self._metrics = metrics
        self._flights: dict[bytes, Flight] = {}

    def serve(
        self,
        requests: Sequence[Chat | Completion],
        names: Sequence[str],
        call: Call,
        run: Callable[[], Events],
    ) -> Events:
        cache = self._cache
        if cache is None or call.no_store or not _repeats(requests[0]):
            return self._bypass(call, run)
        scope = "" if self._shared else f"{call.caller.account or call.caller.name}"
        key = cache_key(scope, names, requests)
        if not call.no_cache:
            if found := cache.get(key):
                return self._hit(call, *found)
            flight = self._flights.get(key)
            if flight is not None and not flight.abandoned:
                self._count(call, "HIT")
                return flight.follow(call) if requests[0].stream else flight.whole(call)
        self._count(call, "MISS")
        if len(self._flights) >= _MAX_FLIGHTS:
            return run()
        return self._take_off(key, Flight(call), run(), requests[0].stream)

    def _take_off(self, key: bytes, flight: Flight, events: Events, stream: bool) -> Events:
        began = partial(self._flights.__setitem__, key, flight)
        landed = partial(self._land, key)
        if not stream:
            return flight.lead(events, began, landed)
        began()
        flight.start(events, landed)
        return flight.follow(flight.call)

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

    def _bypass(self, call: Call, run: Callable[[], Events]) -> Events:
        self._count(call, "BYPASS")
        return run()

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
