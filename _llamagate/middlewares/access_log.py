"""One JSON line and one count for every request, also for one whose client left."""

import asyncio
import time

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from _llamagate.call import CALL, Access, Routes
from _llamagate.exchange import Call
from _llamagate.log import Log
from _llamagate.metrics import Metrics

_CLIENT_LEFT = 499  # nginx's number; nobody is there to read it


def access_log(
    routes: Routes, log: Log, metrics: Metrics, running: set["asyncio.Task[object]"]
) -> Middleware:
    """`running` holds the tasks of the requests being answered, for those who wait for them."""

    @web.middleware
    async def record(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = time.perf_counter()
        route = routes.of(request)
        work = 0 if route.access is Access.PUBLIC or not route.counted else 1
        metrics.in_flight += work  # a scrape or a probe is not work
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        status = 500
        try:
            response = await handler(request)
            status = response.status
            return response
        except (asyncio.CancelledError, ConnectionError):
            status = _CLIENT_LEFT
            raise
        finally:
            seconds = time.perf_counter() - started
            running.discard(task)
            metrics.in_flight -= work
            metrics.ended(route.label, status, seconds)
            log.write(_line(request, request[CALL], status, seconds))

    return record


def _line(request: web.Request, call: Call, status: int, seconds: float) -> dict[str, object]:
    line: dict[str, object] = {
        "level": "info" if status < 500 else "error",
        "request_id": call.id,
        "method": request.method,
        "path": request.path,  # without the query, which may hold a key
        "status": status,
        "latency": f"{seconds:.3f}s",
        "ip": call.address,
        "time": int(time.time()),
        "caller": call.caller.name,
    }
    if call.model:
        line["model"] = call.model
        line["engine"] = call.engine
        line["cache"] = call.cache
        line["tokens_in"] = call.usage.prompt
        line["tokens_out"] = call.usage.completion
        if call.first_event:
            line["first_token"] = f"{call.first_event - call.started:.3f}s"
        if call.queue_ms:
            line["queued_ms"] = call.queue_ms
    if call.error:
        line["error"] = call.error
    return line
