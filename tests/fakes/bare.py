"""One handler behind the real listener, both real doors and the real passage, with no gateway
around them. A POST of `/` goes through the short door, all else through aiohttp's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import orjson
from aiohttp import web

from _llamagate.accounts import Accounts
from _llamagate.accounts.tokens_file import TokensFile
from _llamagate.call import Access, Ask, Mounted, Routes
from _llamagate.config.values import RoleSettings
from _llamagate.dialects.base import Bounds
from _llamagate.door.client import Inside
from _llamagate.listener import Listener
from _llamagate.log import Log, configure_logging
from _llamagate.metrics import Metrics
from _llamagate.middlewares.access_log import AccessLog
from _llamagate.middlewares.cors import Cors
from _llamagate.middlewares.headers import Headers
from _llamagate.middlewares.passage import Passage, Step
from _llamagate.middlewares.request_id import request_id
from _llamagate.middlewares.web import on_prepare, pass_through
from _llamagate.wires.openai.errors import render_error


@dataclass
class Bare:
    """Every path leads to the handler."""

    url: str
    port: int
    running: set[Any]
    listener: Listener
    _written: BytesIO

    def lines(self) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in self._written.getvalue().splitlines()]


@asynccontextmanager
async def bare(ask: Ask, *steps: Step, max_body: int = 1 << 20) -> AsyncIterator[Bare]:
    written = BytesIO()
    log = Log(written)
    configure_logging(log, debug=False)
    running: set[Any] = set()
    mounted = Mounted("/any", Access.USER, render_error)
    passage = Passage(
        request_id(lambda peer, forwarded: peer, "gw_bare"),
        AccessLog(log, Metrics(), running),
        steps=steps,
    )
    headers = _headers()
    through = pass_through(Routes(lambda path: mounted), passage)
    app = web.Application(middlewares=[through], client_max_size=max_body)
    app.on_response_prepare.append(on_prepare(headers))
    app.router.add_route("*", "/{any:.*}", Bounds(max_body, 15).asking("/", ask).handler)
    listener = Listener(app, Inside({"/": (mounted, ask)}, passage, headers, max_body))
    await listener.open("127.0.0.1", 0)
    try:
        yield Bare(f"http://127.0.0.1:{listener.port}", listener.port, running, listener, written)
    finally:
        await listener.close()
        log.close()


def _headers() -> Headers:
    role = RoleSettings("user")
    accounts = Accounts({"user": role, "admin": role}, TokensFile((), False), auth="off")
    return Headers(Cors(accounts, (), frozenset()), accounts)
