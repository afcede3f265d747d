"""What administrators do with Ollama's API beyond using models: it is relayed to the engine.

An allow-list: each call stands here with its route. Whatever else is asked for under /api/ is for
administrators too, because nobody can know what a newer Ollama makes of it.
"""

import re
from collections.abc import AsyncGenerator, Iterable
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from _llamagate.call import CALL, Access, Route
from _llamagate.dialects.base import Bounds, give, json_answer, read_body
from _llamagate.errors import GatewayError, InvalidRequest, NoSuchPath
from _llamagate.gateway.relay import LineBatches, Relay, Relayed, last_line, lines_of
from _llamagate.wires.body import parse_object
from _llamagate.wires.frames import one_line
from _llamagate.wires.ollama import admin
from _llamagate.wires.ollama.errors import error_text, render_error_line

_SEGMENT = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9._~:@+-]+"
_TAIL = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")
_OURS = ("engine", "api_key")  # parameters of a query that are not for the engine


class OllamaAdmin:
    """`beside` are the surface's other routes, to which the one for all the rest gives way."""

    def __init__(self, relay: Relay, bounds: Bounds, beside: Iterable[Route]) -> None:
        self._relay = relay
        self._bounds = bounds
        self._beside = tuple(beside)

    def routes(self) -> list[Route]:
        only = Access.ADMIN
        known = [
            Route("POST", "/api/pull", self.pull, only),
            Route("POST", "/api/push", self.push, only),
            Route("POST", "/api/create", self.create, only),
            Route("POST", "/api/copy", self.copy, only),
            Route("DELETE", "/api/delete", self.delete, only),
            Route("HEAD", "/api/blobs/{digest}", self.blob, only),
            Route("POST", "/api/blobs/{digest}", self.blob, only, raw=True),
        ]
        passed = [
            Route(method, path, self.pass_on, only, raw=True)
            for method, path in (
                ("POST", "/api/me"),
                ("POST", "/api/signout"),
                ("DELETE", "/api/user/keys/{key}"),
                ("POST", "/api/experimental/web_search"),
                ("POST", "/api/experimental/web_fetch"),
                ("GET", "/api/experimental/model-recommendations"),
            )
        ]
        others = _all_but([route.path for route in (*self._beside, *known, *passed)])
        rest = Route("*", others, self.pass_on, only, raw=True)
        return [*known, *passed, rest]

    async def pull(self, request: web.Request) -> web.StreamResponse:
        work = admin.parse_transfer(await self._body(request))
        lines = self._relay.fetch("/api/pull", work, request[CALL], _engine(request))
        return await self._tell(request, work, lines)

    async def push(self, request: web.Request) -> web.StreamResponse:
        work = admin.parse_transfer(await self._body(request))
        lines = await self._relay.push(work, request[CALL], _engine(request))
        return await self._tell(request, work, lines)

    async def create(self, request: web.Request) -> web.StreamResponse:
        work = admin.parse_create(await self._body(request))
        lines = self._relay.fetch("/api/create", work, request[CALL], _engine(request))
        return await self._tell(request, work, lines)

    async def copy(self, request: web.Request) -> web.StreamResponse:
        copy = admin.parse_copy(await self._body(request))
        return _whole(await self._relay.copy(copy, request[CALL], _engine(request)))

    async def delete(self, request: web.Request) -> web.StreamResponse:
        model = admin.parse_delete(await self._body(request))
        return _whole(await self._relay.delete(model, request[CALL], _engine(request)))

    async def blob(self, request: web.Request) -> web.StreamResponse:
        digest = admin.check_digest(request.match_info["digest"])
        return await self._pass_on(request, f"/api/blobs/{digest}", "application/octet-stream")

    async def pass_on(self, request: web.Request) -> web.StreamResponse:
        tail = request.path.partition("/api/")[2]
        if not _TAIL.fullmatch(tail):
            raise NoSuchPath("There is nothing at this path.")
        query = [(name, value) for name, value in request.query.items() if name not in _OURS]
        path = f"/api/{tail}?{urlencode(query)}" if query else f"/api/{tail}"
        return await self._pass_on(request, path, "application/json")

    async def _body(self, request: web.Request) -> dict[str, Any]:
        return parse_object(await read_body(request, self._bounds))

    async def _pass_on(
        self, request: web.Request, path: str, content_type: str
    ) -> web.StreamResponse:
        body = _pieces(request) if request.can_read_body else b""
        answer = await self._relay.pass_on(
            request.method, path, request[CALL], _engine(request), body, content_type
        )
        async with answer:
            content_type = answer.header("content-type")
            if answer.status == 200 and content_type.startswith("application/x-ndjson"):
                return await give(request, self._bounds.lines(lines_of(answer), _Progress()))
            return _whole(Relayed(answer.status, content_type, await answer.read_all()))

    async def _tell(
        self, request: web.Request, work: admin.Work, lines: LineBatches
    ) -> web.StreamResponse:
        if work.stream:
            return await give(request, self._bounds.lines(lines, _Progress()))
        return json_answer(await last_line(lines))


class _Progress:
    """Lines of an engine, as they came."""

    def feed(self, events: list[bytes]) -> bytes:
        return one_line(b"".join([line + b"\n" for line in events]))

    def end(self) -> bytes:
        return b""

    def fail(self, error: GatewayError, request_id: str) -> bytes:
        return render_error_line(error, request_id)


async def _pieces(request: web.Request) -> AsyncGenerator[bytes, None]:
    """The body as it comes, of any size."""
    try:
        async for piece in request.content.iter_any():
            yield piece
    except web.RequestPayloadError as error:
        raise InvalidRequest("The request body cannot be read to its end.") from error


def _whole(relayed: Relayed) -> web.Response:
    if relayed.status >= 400 and relayed.body and error_text(relayed.body) is None:
        # It had no words of this wire: the path is unknown to it, as a rule.
        said = b'{"error":"The engine answered %d."}' % relayed.status
        return json_answer(said, relayed.status)
    headers = {"Content-Type": relayed.content_type} if relayed.content_type else None
    return web.Response(status=relayed.status, body=relayed.body, headers=headers)


def _engine(request: web.Request) -> str:
    return request.query.get("engine", "")


def _all_but(paths: Iterable[str]) -> str:
    """The path of a route for everything under /api/ that has no route of its own there."""
    tails = {re.sub(r"\{\w+\}", "[^/]+", path.removeprefix("/api/")) for path in paths}
    return f"/api/{{tail:(?!(?:{'|'.join(sorted(tails))})$).*}}"
