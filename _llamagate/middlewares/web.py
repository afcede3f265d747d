"""aiohttp's door: the passage as its one middleware, the headers of every answer as its hook."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from _llamagate.call import CALL, Answer, Routes, web_answer
from _llamagate.connection import Connection
from _llamagate.exchange import Call
from _llamagate.middlewares.headers import Headers
from _llamagate.middlewares.passage import Passage

Prepare: TypeAlias = Callable[[web.Request, web.StreamResponse], Awaitable[None]]


def pass_through(routes: Routes, passage: Passage) -> Middleware:
    @web.middleware
    async def passing(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await passage(_Visit(request, handler, routes))

    return passing


class _Visit:
    __slots__ = ("_handler", "asked", "route")

    def __init__(self, request: web.Request, handler: Handler, routes: Routes) -> None:
        self.asked = request
        self.route = routes.of(request)
        self._handler = handler

    @property
    def begun(self) -> bool:
        return bool(self.asked.writer.output_size)

    def carries(self, call: Call) -> None:
        self.asked[CALL] = call
        call.task = asyncio.current_task()
        if isinstance(connection := self.asked.protocol, Connection):
            connection.carries(call)

    async def handle(self, call: Call) -> web.StreamResponse:
        return await self._handler(self.asked)

    def give(self, answer: Answer) -> web.StreamResponse:
        return web_answer(answer)


def on_prepare(headers: Headers) -> Prepare:
    """Set as the head goes out: after the handler a stream has left."""

    async def prepare(request: web.Request, response: web.StreamResponse) -> None:
        said = response.headers
        said.popall("Server", None)  # what runs here is nobody's business
        if call := request.get(CALL):
            kept = said.popall("Cache-Control", None)
            said.extend(headers(request, call, kept[0] if kept else None))

    return prepare
