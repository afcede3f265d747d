"""A stream on its way out of the short door, in chunks."""

import asyncio
from collections.abc import Callable

from _llamagate.dialects.outgoing import UNREAD


class ShortWay:
    """See `outgoing.Way`. The head goes out with the first piece."""

    __slots__ = ("_head", "_relief", "_render_head", "_transport", "begun")

    def __init__(self, transport: asyncio.Transport, render_head: Callable[[], bytes]) -> None:
        self.begun = False  # is the head out?
        self._transport = transport
        self._render_head = render_head
        self._head = b""
        self._relief: asyncio.Future[None] | None = None  # done when the client reads on

    async def begin(self) -> None:
        self._head = self._render_head()

    async def write(self, data: bytes) -> None:
        self._write(b"%x\r\n%b\r\n" % (len(data), data))
        if self._relief:
            await self._relief

    def put(self, data: bytes) -> bool:
        transport = self._transport
        if not self.begun or transport.is_closing():
            return False
        if transport.get_write_buffer_size() > UNREAD:
            return False
        transport.write(b"%x\r\n%b\r\n" % (len(data), data))
        return True

    async def end(self, data: bytes) -> None:
        piece = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
        self._write(piece + b"0\r\n\r\n")

    def abort(self) -> None:
        self._transport.abort()

    def choke(self) -> None:
        self._relief = asyncio.get_running_loop().create_future()

    def relieve(self) -> None:
        if self._relief and not self._relief.done():
            self._relief.set_result(None)
        self._relief = None

    def _write(self, data: bytes) -> None:
        if self._transport.is_closing():
            raise ConnectionResetError("The client has left.")
        head, self._head = self._head, b""
        self.begun = True
        self._transport.write(head + data)
