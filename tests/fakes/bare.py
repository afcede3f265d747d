"""One handler behind the real listener and the real middleware, with no gateway around them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import orjson
from aiohttp import web

from _llamagate.call import Access, Handler, Mounted, Routes
from _llamagate.listener import Listener
from _llamagate.log import Log, configure_logging
from _llamagate.metrics import Metrics
from _llamagate.middlewares import Step, pass_through
from _llamagate.middlewares.access_log import AccessLog
from _llamagate.middlewares.request_id import request_id
from _llamagate.wires.openai.errors import render_error


@dataclass
class Bare:
    """Every path leads to the handler."""

    url: str
    port: int
    running: set[Any]
    _written: BytesIO

    def lines(self) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in self._written.getvalue().splitlines()]


@asynccontextmanager
async def bare(handler: Handler, *steps: Step, max_body: int = 1 << 20) -> AsyncIterator[Bare]:
    written = BytesIO()
    log = Log(written)
    configure_logging(log, debug=False)
    running: set[Any] = set()
    mounted = Mounted("/any", Access.USER, render_error)
    through = pass_through(
        Routes(lambda path: mounted),
        request_id(lambda peer, forwarded: peer, "gw_bare"),
        AccessLog(log, Metrics(), running),
        steps=steps,
    )
    app = web.Application(middlewares=[through], client_max_size=max_body)
    app.router.add_route("*", "/{any:.*}", handler)
    listener = Listener(app)
    await listener.open("127.0.0.1", 0)
    try:
        yield Bare(f"http://127.0.0.1:{listener.port}", listener.port, running, written)
    finally:
        await listener.close()
        log.close()
