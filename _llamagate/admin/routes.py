"""The paths under /admin/. They count against nobody's rate: whoever runs the place must be able
to look, and to drain an engine, above all when it is busy."""

import asyncio
import time

import msgspec
from aiohttp import web

from _llamagate import __version__
from _llamagate.admin.report import State, Tested
from _llamagate.admin.state import engine_report, line_report, totals_report
from _llamagate.call import Access, Handler, Route
from _llamagate.engines.base import Engine
from _llamagate.engines.pool import Pool
from _llamagate.errors import EngineError
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
        return _json(
            State(
                version=__version__,
                uptime_seconds=round(time.monotonic() - self._started, 1),
                requests_in_flight=self._metrics.in_flight,
                requests_waiting=self._queue.waiting(),
                totals=totals_report(self._metrics),
                engines=[engine_report(state, lines, pace) for state in self._pool.engines],
                lines=[line_report(line) for line in lines],
            )
        )

    async def drain(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        self._pool.drain(name)
        self._queue.vacate(name)
        return self._tell(name)

    async def undrain(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        self._pool.undrain(name)
        return self._tell(name)

    async def test(self, request: web.Request) -> web.StreamResponse:
        """Ask the engine now, whatever is remembered of it."""
        engine = self._pool.engine(request.match_info["name"])
        settings = engine.settings
        began = time.perf_counter()
        models, reason = await _models(engine)
        milliseconds = round((time.perf_counter() - began) * 1000, 1)
        self._pool.forget(settings.name)  # so that requests learn of it as well
        return _json(
            Tested(
                name=settings.name,
                kind=settings.kind,
                url=settings.url,
                up=not reason,
                reason=reason,
                milliseconds=milliseconds,
                models=models,
            )
        )

    def _tell(self, name: str) -> web.Response:
        state = next(state for state in self._pool.engines if state.name == name)
        return _json(engine_report(state, self._queue.snapshot(), self._metrics.pace))


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


def _json(told: msgspec.Struct) -> web.Response:
    return web.Response(body=msgspec.json.encode(told), content_type="application/json")
