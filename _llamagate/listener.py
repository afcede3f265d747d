"""A listening socket and what speaks HTTP on it.

aiohttp's own server object answers malformed HTTP with a text that quotes it and names the
software; here such a request gets a bare 400 that repeats nothing.
"""

import asyncio
import logging
import ssl

import orjson
from aiohttp import web

from _llamagate.errors import InvalidRequest
from _llamagate.wires.openai.errors import render_error

_log = logging.getLogger("llamagate.listener")
_http_log = logging.getLogger("llamagate.http")
_BACKLOG = 1024
_PARTING = 0.1  # seconds; the time to finish was before, in `serve`


class Listener:
    """One application on one address. `address` is known once it is open."""

    def __init__(self, app: web.Application, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        # The handler of a client that left must be cancelled, or its engine would go on.
        self._runner = web.AppRunner(
            app, handler_cancellation=True, access_log=None, shutdown_timeout=_PARTING
        )
        self._server: asyncio.Server | None = None
        self.port = 0

    async def open(self, host: str, port: int) -> None:
        """Raises OSError when the address is taken or not ours."""
        await self._runner.setup()
        self._server = await asyncio.get_running_loop().create_server(
            self._protocol, host, port, ssl=self._tls, backlog=_BACKLOG
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def stop_accepting(self) -> None:
        """And let connections go that wait for nothing."""
        if self._server:
            self._server.close()
        server = self._runner.server
        if server:
            server.pre_shutdown()

    async def close(self) -> None:
        self.stop_accepting()
        await self._runner.cleanup()

    def _protocol(self) -> "Connection":
        server = self._runner.server
        assert server is not None
        return Connection(
            server,
            loop=asyncio.get_running_loop(),
            logger=_http_log,
            access_log=None,  # type: ignore[arg-type]  # None is how it is switched off
        )


class Connection(web.RequestHandler):
    """aiohttp's connection, with our own words for what is not HTTP."""

    __slots__ = ()

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
