"""One plain HTTP/1.1 connection to an engine, and the exchange that runs on it.

Every piece of every stream comes this way, so the way is short: one call from the loop, one into
the parser (made in C), one future that wakes the reader; no task, no timer, no copy. Which
connection a request takes, and what its head says, is `lean.py`'s business.
"""

import asyncio
import socket
from collections.abc import AsyncIterable
from typing import cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from _llamagate.engines import faults
from _llamagate.errors import EngineError
from _llamagate.outbox import Outbox

_IDLE = 60.0  # seconds a connection is kept without work
_UNREAD = 256 * 1024  # bytes that may wait for a slow reader
_ONE_WRITE = 64 * 1024  # a body up to this size is joined to its head; a larger one is not copied


class Connection(asyncio.BufferedProtocol):
    """The socket, its parser, and the exchange that runs on it.

    An exchange is `headed` once the head of its answer is here and `ended` once the body is; when
    that can no longer be, it has an `error`. Between exchanges it is `ended`: what comes is junk.
    """

    _transport: asyncio.Transport
    _watch: asyncio.TimerHandle

    def __init__(self, peer: str, loop: asyncio.AbstractEventLoop, siblings: "Connections") -> None:
        self.peer = peer
        self._loop = loop
        self._siblings = siblings
        self._patience = _IDLE  # how long a wait may take
        self._since = loop.time()  # when the present wait began
        self._fires = 0.0  # when `_look` runs next
        self._waiter: asyncio.Future[None] | None = None
        self._upload: asyncio.Timeout | None = None  # around a body that is sent in pieces
        self._choked = False  # we write faster than the engine reads
        self._paused = False  # the engine writes faster than the answer is read
        self._unread = 0  # bytes that came since the last read
        self._used = False
        self._sent = False
        self._head_only = False
        self._reusable = False
        self.stale = False
        self.status = 0
        self.fields: list[tuple[bytes, bytes]] = []
        self.pieces: list[bytes] = []
        self.headed = False
        self.ended = True
        self.error: EngineError | None = None
        self.on_body = self.pieces.append  # the parser calls it, so no Python frame for a piece
        self._parser = HttpResponseParser(self)

    async def exchange(
        self, head: bytes, body: bytes | AsyncIterable[bytes], patience: float, head_only: bool
    ) -> None:
        """Send a request and wait for the head of its answer."""
        self.headed = self.ended = self._sent = False
        self.fields = []
        self._unread = 0
        self._head_only = head_only
        self._patience = patience
        if patience < _IDLE and self._loop.time() + patience < self._fires:
            self._look_in(patience)
        try:
            if isinstance(body, bytes):
                self._write(head, body)
            else:
                await self._write_pieces(head, body)
            while not self._decided():
                await self.news()
        except BaseException:
            self._transport.abort()
            raise
        if not self.headed and self.error is not None:
            raise self.error

    def news(self) -> asyncio.Future[None]:
        """Done when there is more to see: a head, a piece, the end, an error, room to write."""
        self._since = self._loop.time()
        self._waiter = waiter = self._loop.create_future()
        return waiter

    def take(self) -> bytes:
        """What has come of the body, joined once."""
        pieces = self.pieces
        taken = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._unread = 0
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
        return taken

    def leave(self) -> None:
        """The answer is done with: the connection is kept, or closed at once."""
        if self.ended and self._reusable and self._sent and not self._choked:
            if self.pieces:
                self.take()
            self._used = True
            self._patience = _IDLE
            self._since = self._loop.time()
            if self._siblings.keep(self):
                return
        self._transport.abort()

    def fail(self, error: EngineError) -> None:
        """Close at once, and tell whoever waits."""
        if not self.ended and self.error is None:
            self.error = error
        self._reusable = False
        self._siblings.drop(self)
        self._transport.abort()
        self._wake()
        self._stop_upload()

    def _write(self, head: bytes, body: bytes) -> None:
        if len(body) <= _ONE_WRITE:
            self._siblings.outbox.put(self._transport, head + body)
        else:
            self._transport.write(head)
            self._transport.write(body)
        self._sent = True

    async def _write_pieces(self, head: bytes, body: AsyncIterable[bytes]) -> None:
        """Send a body as it comes, unless the engine answers before its end.

        The wait for the next piece may be long, so an early answer interrupts it: the scope of a
        timeout does that without a task of its own.
        """
        self._transport.write(head)
        try:
            async with asyncio.timeout(None) as self._upload:
                async for piece in body:
                    while self._choked and not self._decided():
                        await self.news()
                    if self._decided():
                        return
                    if piece:
                        # Joined, because asyncio's `writelines` holds nobody back in some
                        # releases of Python 3.12 and 3.13 (CVE-2024-12254).
                        self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                self._transport.write(b"0\r\n\r\n")
                self._sent = True
        except TimeoutError:
            if not self._decided():
                raise  # it came from the body itself
        finally:
            self._upload = None

    def _decided(self) -> bool:
        return self.headed or self.error is not None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _stop_upload(self) -> None:
        if self._upload is not None:
            self._upload.reschedule(self._loop.time())
            self._upload = None

    def _look_in(self, delay: float) -> None:
        self._watch.cancel()
        self._fires = self._loop.time() + delay
        self._watch = self._loop.call_later(delay, self._look)

    def _look(self) -> None:
        """One timer a connection, set anew only when it fires: a wait costs no timer."""
        waiting = self.ended or (self._waiter is not None and not self._waiter.done())
        left = self._since + self._patience - self._loop.time() if waiting else self._patience
        if left > 0:
            self._look_in(min(left, _IDLE))
        else:
            self.fail(faults.silent(self.peer, self._patience))

    # Called by the loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one, if not by class
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._siblings.add(self)
        self._fires = self._loop.time() + _IDLE
        self._watch = self._loop.call_later(_IDLE, self._look)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._siblings.incoming

    def buffer_updated(self, nbytes: int) -> None:
        self._unread += nbytes
        try:
            self._parser.feed_data(self._siblings.incoming[:nbytes])
        except HttpParserUpgrade:
            self.fail(faults.garbled(self.peer, "it wants to switch protocols"))
            return
        except HttpParserError as exc:
            self.fail(faults.garbled(self.peer, exc))
            return
        if self.pieces:
            waiter = self._waiter
            if waiter is not None and not waiter.done():
                waiter.set_result(None)
            if self._unread > _UNREAD and not self._paused:
                self._paused = True
                self._transport.pause_reading()
        elif not self.headed and self._unread > faults.HEAD_LIMIT:
            self.fail(faults.oversized(self.peer, faults.HEAD_LIMIT))

    def pause_writing(self) -> None:
        self._choked = True

    def resume_writing(self) -> None:
        self._choked = False
        self._wake()

    def eof_received(self) -> None:
        self._reusable = False
        self._siblings.drop(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._watch.cancel()
        self._reusable = False
        self._siblings.drop(self)
        if not self.ended and self.error is None:
            self._lose(exc)
            self._wake()
            self._stop_upload()
        del self._parser  # it holds this, so only a search for old garbage would find them

    def _lose(self, exc: Exception | None) -> None:
        if self.headed and exc is None and self._until_close():
            self.ended = True
        elif self.headed:
            self.error = faults.broke(self.peer, "in the middle of its answer")
        elif self._unread:
            self.error = faults.broke(self.peer, "in the head of its answer")
        else:
            self.stale = self._used
            self.error = (
                faults.reset(self.peer) if exc else faults.broke(self.peer, "without an answer")
            )

    def _until_close(self) -> bool:
        """Nothing in the head said where the body ends."""
        return not any(
            name == b"content-length"
            or (name == b"transfer-encoding" and value.lower().endswith(b"chunked"))
            for name, value in ((name.lower(), value) for name, value in self.fields)
        )

    # Called by the parser.

    def on_message_begin(self) -> None:
        if self.ended:
            raise _Stop

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.headed:  # a trailer is nobody's
            self.fields.append((name, value))

    def on_headers_complete(self) -> None:
        if self._unread > faults.HEAD_LIMIT and self._head_size() > faults.HEAD_LIMIT:
            self.error = faults.oversized(self.peer, faults.HEAD_LIMIT)
            raise _Stop
        self.status = self._parser.get_status_code()
        if self.status < 200:
            self.fields.clear()
            return
        self.headed = True
        self._wake()
        self._stop_upload()
        if self._head_only:
            self.ended = True
            raise _Stop  # the parser would wait for the body that Content-Length speaks of

    def on_message_complete(self) -> None:
        if self.headed:
            self.ended = True
            self._reusable = self._parser.should_keep_alive()
            self._wake()

    def _head_size(self) -> int:
        return sum(len(name) + len(value) + 4 for name, value in self.fields)


class _Stop(Exception):
    """Raised inside the parser, which takes nothing more after it."""


class Connections:
    """Those to one engine: all that are open, and among them those without work."""

    def __init__(self, most_idle: int) -> None:
        self._most_idle = most_idle
        self._open: set[Connection] = set()
        self._idle: list[Connection] = []
        self._closed = False
        self.outbox = Outbox()
        # All read into it, for what comes is parsed before the next read. asyncio would else take
        # 256 KiB from the system for each read and give it back, which costs as much again.
        self.incoming = memoryview(bytearray(64 * 1024))

    def add(self, connection: Connection) -> None:
        self._open.add(connection)

    def take(self) -> Connection | None:
        """The one used last: the others may fall idle and be closed."""
        return self._idle.pop() if self._idle else None

    def keep(self, connection: Connection) -> bool:
        if self._closed or len(self._idle) >= self._most_idle:
            return False
        self._idle.append(connection)
        return True

    def drop(self, connection: Connection) -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def close(self, error: EngineError) -> None:
        self._closed = True
        for connection in list(self._open):
            connection.fail(error)
