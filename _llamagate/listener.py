"""A listening socket, and the application that answers there."""

import asyncio
import ssl

from aiohttp import web

from _llamagate.connection import Connection
from _llamagate.outbox import Outbox

_BACKLOG = 1024
_PARTING = 0.1  # seconds; the time to finish was before, in `serve`


class Listener:
    """One application on one address. `address` is known once it is open."""

    def __init__(self, app: web.Application, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_PARTING)
        self._server: asyncio.Server | None = None
        self._outbox = Outbox()
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

    def _protocol(self) -> Connection:
        server = self._runner.server
        assert server is not None
        return Connection(server, self._outbox)
