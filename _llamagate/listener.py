"""Listening sockets, and the two doors behind them.

The accepting is done here and not by the loop's own server, since uvloop's takes one connection a
turn: where hundreds come at once, and each turn does the work of those before, the last ones would
wait for seconds.
"""

import asyncio
import errno
import logging
import socket
import ssl

from aiohttp import web

from _llamagate.background import spawn
from _llamagate.connection import Connection
from _llamagate.door.client import Client, Inside
from _llamagate.outbox import Outbox

_BACKLOG = 1024
_PARTING = 0.1  # seconds; the time to finish was before, in `serve`
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_REST = 1.0  # seconds without accepting, when files or memory have run out

_log = logging.getLogger("llamagate.listener")


class Listener:
    """One address, at which both doors lead to the same. `port` is known once it is open."""

    def __init__(
        self, app: web.Application, inside: Inside, tls: ssl.SSLContext | None = None
    ) -> None:
        self._inside = inside
        self._clients: set[Client] = set()  # at the short door
        self._tls = tls
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_PARTING)
        self._sockets: list[socket.socket] = []
        self._servers: list[asyncio.Server] = []
        self._outbox = Outbox()
        self.port = 0

    async def open(self, host: str, port: int) -> None:
        """Raises OSError when the address is taken or not ours."""
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, address in dict.fromkeys((one[0], one[4]) for one in found):
            listening = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
            listening.setblocking(False)
            self._sockets.append(listening)
            await self._listen(listening)
        self.port = self._sockets[0].getsockname()[1]

    async def _listen(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            loop.add_reader(listening, self._accept, listening)
        except NotImplementedError:  # Windows: its loop cannot, but accepts fast enough itself
            server = await loop.create_server(self._protocol, sock=listening, ssl=self._tls)
            self._servers.append(server)

    def _accept(self, listening: socket.socket) -> None:
        """All who have come."""
        for _ in range(_BACKLOG):
            try:
                accepted, _address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                self._rest(listening, error)
                return
            accepted.setblocking(False)
            spawn(self._welcome(accepted), "welcome a client")

    def _rest(self, listening: socket.socket, error: OSError) -> None:
        """Accepting nothing for a while: what has run out may come back."""
        _log.error("cannot_accept", extra={"error": errno.errorcode[error.errno or 0]})
        loop = asyncio.get_running_loop()
        loop.remove_reader(listening)
        loop.call_later(_REST, self._resume, listening)

    def _resume(self, listening: socket.socket) -> None:
        if listening in self._sockets:
            asyncio.get_running_loop().add_reader(listening, self._accept, listening)

    async def _welcome(self, accepted: socket.socket) -> None:
        try:
            transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
                self._protocol, accepted, ssl=self._tls
            )
            if not self._sockets:  # it came too late
                transport.close()
        except OSError as error:  # no TLS, or gone again
            _log.debug("not_welcomed", extra={"error": type(error).__name__})

    def stop_accepting(self) -> None:
        """And let connections go that wait for nothing."""
        for listening in self._sockets:
            if not self._servers:
                asyncio.get_running_loop().remove_reader(listening)
            listening.close()
        self._sockets.clear()
        for server in self._servers:
            server.close()
        for client in list(self._clients):
            client.stop()
        if handlers := self._runner.server:
            handlers.pre_shutdown()

    async def close(self) -> None:
        self.stop_accepting()
        for client in list(self._clients):
            client.transport.close()
        await self._runner.cleanup()

    def _protocol(self) -> Client:
        return Client(self._inside, self._outbox, self._elsewhere, self._clients)

    def _elsewhere(self) -> Connection:
        server = self._runner.server
        assert server is not None
        return Connection(server, self._outbox)
