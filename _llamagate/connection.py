"""One connection of a client: what becomes of its request when it goes, and of what is no HTTP.

aiohttp's own object would cancel whatever runs when its client leaves, also what others wait for;
and it answers malformed HTTP with a text that quotes it and names the software, where this gives
a bare 400 that repeats nothing.
"""

import asyncio
import logging
from typing import cast

import orjson
from aiohttp import web

from _llamagate.errors import InvalidRequest
from _llamagate.exchange import Call
from _llamagate.outbox import Gathering, Outbox
from _llamagate.wires.openai.errors import render_error

_log = logging.getLogger("llamagate.listener")
_http_log = logging.getLogger("llamagate.http")
# Seconds until the head of a first request must be there, from clients nobody knows yet: they could
# take every file descriptor by saying nothing.
OPENING = 60.0
# And between requests: longer than the proxies in front keep theirs, who would otherwise send into
# a connection that is just being closed.
IDLE = 300.0


class Connection(web.RequestHandler):
    """For a server that leaves the cancelling of handlers to it."""

    __slots__ = ("_call", "_opening", "_outbox")

    def __init__(self, server: web.Server, outbox: Outbox) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            logger=_http_log,
            keepalive_timeout=IDLE,
            access_log=None,  # type: ignore[arg-type]  # None is how it is switched off
        )
        self._call: Call | None = None
        self._outbox = outbox

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(Gathering(cast(asyncio.Transport, transport), self._outbox))
        self._opening = asyncio.get_running_loop().call_later(OPENING, self.force_close)

    def carries(self, call: Call) -> None:
        """The request that is being answered now."""
        self._opening.cancel()
        self._call = call
        if self.transport is None:  # the client left before anybody looked at it
            call.client_left()

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._opening.cancel()
        if self._call:
            self._call.client_left()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """aiohttp's would quote the request in its answer and its log."""
        if request.writer.output_size:
            raise ConnectionError("An answer that has begun can only be broken off.")
        _log.info("malformed_request", extra={"ip": request.remote, "status": status})
        error = InvalidRequest("This is no HTTP request that can be read.")
        response = Refusal(body=orjson.dumps(render_error(error, "")), status=status)
        response.content_type = "application/json"
        response.force_close()
        return response


class Refusal(web.Response):
    """An answer outside any application, where no hook can take the `Server` header away."""

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        self.headers.popall("Server", None)
