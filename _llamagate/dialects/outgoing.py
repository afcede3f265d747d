"""A stream on its way out: head, pieces, signs of life, and errors where the answer should go on.

The head goes out with the first event, so that an early error keeps its status; after KEEPALIVE
without one it goes out all the same, because proxies and clients give up on silence. From then on
every silence of that length is broken by something the client skips. How bytes reach the client
is the door's business: aiohttp's is here, the other's in `door`.
"""

import asyncio
from contextlib import aclosing
from typing import Protocol

from aiohttp import web

from _llamagate.background import spawn
from _llamagate.call import STOPPING, Flow
from _llamagate.errors import GatewayError, Unavailable
from _llamagate.exchange import Call, Waiting

UNREAD = 16 * 1024  # bytes that may wait for a client before its stream is held back
_PATIENCE = 300.0  # seconds with a client that is there but takes nothing
_CONTEXT_FULL = b": the prompt filled the context window; what did not fit was cut\n\n"


class Way(Protocol):
    """To one client, for one stream. All of it raises ConnectionError when the client has left."""

    async def begin(self) -> None:
        """The head goes out."""

    async def write(self, data: bytes) -> None:
        """Waits while the client does not take it."""

    def put(self, data: bytes) -> bool:
        """Write without waiting, where nothing stands in the way."""
        ...

    async def end(self, data: bytes) -> None: ...
    def abort(self) -> None: ...


class Outgoing:
    """One write for one batch of events."""

    def __init__(self, way: Way, sign_of_life: bytes, every: float) -> None:
        self.begun = False
        self._way = way
        self._sign_of_life = sign_of_life
        self._every = every
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._timer = self._loop.call_later(every, self._listen)
        self._speaking: asyncio.Task[None] | None = None
        self._writing = False

    async def write(self, data: bytes) -> None:
        if not self._speaking and self._way.put(data):  # for nearly every token
            self._last = self._loop.time()
            return
        await self._ready()
        await self._way.write(data)
        self._writing = False

    async def end(self, data: bytes) -> None:
        await self._ready()
        await self._way.end(data)
        self.close()

    def close(self) -> None:
        self._timer.cancel()

    async def _ready(self) -> None:
        if self._speaking:
            await self._speaking
        if not self.begun:
            await self._way.begin()
            self.begun = True
        self._last = self._loop.time()
        self._writing = True

    def _listen(self) -> None:
        """Once in a while, not once a piece: was it silent since?"""
        now = self._loop.time()
        due = self._last + self._every
        if now >= due - 0.001:
            due = now + self._every
            if not (self._writing or self._speaking):
                self._speaking = spawn(self._speak(), "keep a stream alive")
            elif now > self._last + _PATIENCE:
                self._way.abort()
        self._timer = self._loop.call_at(due, self._listen)

    async def _speak(self) -> None:
        try:
            if not self.begun:
                await self._way.begin()
                self.begun = True
            await self._way.write(self._sign_of_life)
            self._last = self._loop.time()
        except ConnectionError:
            self.close()  # the client left; its handler hears of it by itself
        finally:
            self._speaking = None


async def send_flow(way: Way, flow: Flow, call: Call) -> None:
    out = Outgoing(way, flow.sign_of_life, flow.every)
    events, renderer = flow.events, flow.renderer
    is_sse = not flow.sign_of_life.isspace()
    warning = _CONTEXT_FULL if is_sse else b""
    try:
        async with aclosing(events):
            async for batch in events:
                if data := renderer.feed(batch):
                    if call.context_full:
                        data, warning = warning + data, b""
                    await out.write(data)
                elif out.begun and isinstance(last := batch[-1], Waiting) and is_sse:
                    await out.write(_place(last))
        end = renderer.end()
        await out.end(warning + end if call.context_full else end)
    except GatewayError as error:
        await _fail(out, flow, error, call)
    except asyncio.CancelledError as cancelled:
        if cancelled.args != (STOPPING,):
            raise
        stopping = Unavailable("The gateway is being stopped.", retry_after=5)
        await _fail(out, flow, stopping, call)
    finally:
        out.close()
    if flow.over:
        flow.over()


async def _fail(out: Outgoing, flow: Flow, error: GatewayError, call: Call) -> None:
    if not out.begun:
        raise error
    call.error = error.code
    await out.end(flow.renderer.fail(error, call.id))


def _place(waiting: Waiting) -> bytes:
    return b": place %d in the queue, about %d ms\n\n" % (waiting.position, waiting.expected_ms)


class WebWay:
    """Through aiohttp's response, and past it where chunks can go straight to the socket."""

    def __init__(self, request: web.Request, response: web.StreamResponse) -> None:
        self._request = request
        self._response = response
        self._line: asyncio.Transport | None = None  # that takes chunks, once the head is out

    async def begin(self) -> None:
        await self._response.prepare(self._request)

    async def write(self, data: bytes) -> None:
        await self._response.write(data)
        headers = self._response.headers
        if headers.get("Transfer-Encoding") == "chunked":
            self._line = self._request.transport
        headers.clear()  # they are out, and a stream may stay open for long

    def put(self, data: bytes) -> bool:
        line = self._line
        if line is None or line.is_closing() or line.get_write_buffer_size() > UNREAD:
            return False
        line.write(b"%x\r\n%b\r\n" % (len(data), data))
        return True

    async def end(self, data: bytes) -> None:
        await self._response.write_eof(data)

    def abort(self) -> None:
        if transport := self._request.transport:
            transport.abort()
