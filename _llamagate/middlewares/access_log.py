"""One JSON line and one count for every request, also for one whose client left."""

import asyncio
import time
from types import TracebackType
from typing import Self

from aiohttp import web

from _llamagate.call import Access, Mounted
from _llamagate.exchange import Call
from _llamagate.log import Log
from _llamagate.metrics import Metrics

_CLIENT_LEFT = 499  # nginx's number; nobody is there to read it


class AccessLog:
    """`running` holds the tasks of the requests being answered, for those who wait for them."""

    def __init__(self, log: Log, metrics: Metrics, running: set["asyncio.Task[object]"]) -> None:
        self.log = log
        self.metrics = metrics
        self.running = running

    def __call__(self, request: web.Request, route: Mounted, call: Call) -> "Entry":
        return Entry(self, request, route, call)


class Entry:
    """One request's entry, written when it is left."""

    __slots__ = ("_book", "_call", "_request", "_route", "_work", "status")

    def __init__(self, book: AccessLog, request: web.Request, route: Mounted, call: Call) -> None:
        self._book = book
        self._request = request
        self._route = route
        self._call = call
        # A scrape or a probe is not work.
        self._work = 0 if route.access is Access.PUBLIC or not route.counted else 1
        self.status = _CLIENT_LEFT

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None
        self._call.task = task
        self._book.running.add(task)
        self._book.metrics.in_flight += self._work
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        book = self._book
        if isinstance(error, Exception) and not isinstance(error, ConnectionError):
            self.status = 500  # of a stream that a fault of ours broke off
        call = self._call
        seconds = time.perf_counter() - call.started
        if call.task:
            book.running.discard(call.task)
            call.task = None  # it holds this call
        book.metrics.in_flight -= self._work
        book.metrics.ended(self._route.label, self.status, seconds)
        book.log.write(_line(self._request, call, self.status, seconds))


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
