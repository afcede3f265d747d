"""A stream on its way out of the short door, in chunks."""

import asyncio
from collections.abc import Callable

from _llamagate.dialects.outgoing import UNREAD
from _llamagate.outbox import Gathering


class Relief:
    """Whether a client takes what is written to it. One for each connection."""

    __slots__ = ("choked", "since")

    def __init__(self) -> None:
        self.choked: asyncio.Future[None] | None = None  # done when it takes more
        self.since = 0.0  # when it began to take nothing

    async def wait(self) -> None:
        if self.choked:
            await asyncio.shield(self.choked)  # another may wait for the same

    def choke(self) -> None:
        loop = asyncio.get_running_loop()
        self.since = loop.time()
        self.choked = loop.create_future()

    def relieve(self) -> None:
        if self.choked:
            self.choked.set_result(None)
            self.choked = None


class ShortWay:
    """See `outgoing.Way`. The head goes out with the first piece."""

    __slots__ = ("_head", "_outbox", "_relief", "_render_head", "_transport", "begun")

    def __init__(
        self, transport: Gathering, relief: Relief, render_head: Callable[[], bytes]
    ) -> None:
        self.begun = False  # is the head out?
        self._transport = transport.inner  # asked itself, because it is asked for every token
        self._outbox = transport.outbox
        self._relief = relief
        self._render_head = render_head
        self._head = b""

    async def begin(self) -> None:
        self._head = self._render_head()

    async def write(self, data: bytes) -> None:
        self._write(b"%x\r\n%b\r\n" % (len(data), data))
        await self._relief.wait()

    def put(self, data: bytes) -> bool:
        transport = self._transport
        if not self.begun or transport.is_closing():
            return False
        if transport.get_write_buffer_size() > UNREAD:
            return False
        self._outbox.put(transport, b"%x\r\n%b\r\n" % (len(data), data))
        return True

    async def end(self, data: bytes) -> None:
        piece = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
        self._write(piece + b"0\r\n\r\n")
        await self._relief.wait()

    def abort(self) -> None:
        self._transport.abort()

    def _write(self, data: bytes) -> None:
        if self._transport.is_closing():
            raise ConnectionResetError("The client has left.")
        head, self._head = self._head, b""
        self.begun = True
        self._outbox.put(self._transport, head + data)
