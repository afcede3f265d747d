"""One JSON line and one count for every request, also for one whose client left."""

import asyncio
import time

from _llamagate.call import Access, Asked, Mounted
from _llamagate.exchange import Call
from _llamagate.log import Log
from _llamagate.metrics import Metrics

CLIENT_LEFT = 499  # nginx's number; nobody is there to read it


class AccessLog:
    """`running` holds the tasks of the requests being answered, for those who wait for them."""

    def __init__(self, log: Log, metrics: Metrics, running: set["asyncio.Task[object]"]) -> None:
        self.log = log
        self.metrics = metrics
        self.running = running

    def opened(self, route: Mounted, call: Call) -> None:
        if call.task:
            self.running.add(call.task)
        self.metrics.in_flight += _work(route)

    def closed(self, asked: Asked, route: Mounted, call: Call, status: int) -> None:
        seconds = time.perf_counter() - call.started
        if call.task:
            self.running.discard(call.task)
            call.task = None  # it holds this call
        self.metrics.in_flight -= _work(route)
        self.metrics.ended(route.label, status, seconds)
        self.log.write(_line(asked, call, status, seconds))


def _work(route: Mounted) -> int:
    """A scrape or a probe is not work."""
    return 0 if route.access is Access.PUBLIC or not route.counted else 1


def _line(asked: Asked, call: Call, status: int, seconds: float) -> dict[str, object]:
    line: dict[str, object] = {
        "level": "info" if status < 500 else "error",
        "request_id": call.id,
        "method": asked.method,
        "path": asked.path,  # without the query, which may hold a key
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
