"""The paths under /admin/. They count against nobody's rate: whoever runs the place must be able
to look, and to drain an engine, above all when it is busy."""

import asyncio
import time

import orjson
from aiohttp import web

from _llamagate import __version__
from _llamagate.admin.state import engine_facts, line_facts, total_facts
from _llamagate.call import Access, Handler, Route
from _llamagate.engines.base import Engine
from _llamagate.engines.pool import Pool
from _llamagate.errors import EngineError
from _llamagate.exchange import Fields
from _llamagate.metrics import Metrics
from _llamagate.queue import Queue


class Admin:
    def __init__(self, pool: Pool, queue: Queue, metrics: Metrics) -> None:
        self._pool = pool
        self._queue = queue
        self._metrics = metrics
        self._started = time.monotonic()

    def routes(self) -> list[Route]:
        engine = "/admin/engines/{name}"
        return [
            _route("GET", "/admin/state", self.state),
            _route("POST", f"{engine}/drain", self.drain),
            _route("POST", f"{engine}/undrain", self.undrain),
            _route("POST", f"{engine}/test", self.test),
        ]

    async def state(self, request: web.Request) -> web.StreamResponse:
        lines = self._queue.snapshot()
        pace = self._metrics.pace
        engines = [engine_facts(state, lines, pace) for state in self._pool.engines]
        return _json(
            {
                "version": __version__,
                "uptime_seconds": round(time.monotonic() - self._started, 1),
                "requests_in_flight": self._metrics.in_flight,
                "requests_waiting": self._queue.waiting(),
                "totals": total_facts(self._metrics),
                "engines": engines,
                "lines": [line_facts(line) for line in lines],
            }
        )

    async def drain(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        self._pool.drain(name)
        return _json(self._facts(name))

    async def undrain(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        self._pool.undrain(name)
        return _json(self._facts(name))

    async def test(self, request: web.Request) -> web.StreamResponse:
        """Ask the engine now, whatever is remembered of it."""
        name = request.match_info["name"]
        engine = self._pool.engine(name)
        began = time.perf_counter()
        models, reason = await _models(engine)
        milliseconds = round((time.perf_counter() - began) * 1000, 1)
        self._pool.forget(name)  # so that requests learn of it as well
        return _json(
            {
                "name": name,
                "kind": engine.settings.kind,
                "url": engine.settings.url,
                "up": not reason,
                "reason": reason,
                "milliseconds": milliseconds,
                "models": models,
            }
        )

    def _facts(self, name: str) -> Fields:
        state = next(state for state in self._pool.engines if state.name == name)
        return engine_facts(state, self._queue.snapshot(), self._metrics.pace)


async def _models(engine: Engine) -> tuple[list[str], str]:
    """What it says it has, or why it does not say."""
    patience = engine.settings.probe_timeout
    try:
        async with asyncio.timeout(patience):
            return [model.name for model in await engine.models()], ""
    except TimeoutError:
        return [], f"It did not answer within {patience:g} s."
    except EngineError as error:
        return [], error.message


def _route(method: str, path: str, handler: Handler) -> Route:
    return Route(method, path, handler, Access.ADMIN, counted=False)


def _json(facts: Fields) -> web.Response:
    return web.Response(body=orjson.dumps(facts), content_type="application/json")
