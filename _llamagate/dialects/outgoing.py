"""A stream on its way out: head, pieces, signs of life, and errors where the answer should go on.

The head goes out with the first event, so that an early error keeps its status; after KEEPALIVE
without one it goes out all the same, because proxies and clients give up on silence. From then on
every silence of that length is broken by something the client skips.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Protocol, TypeVar

from aiohttp import web

from _llamagate.background import spawn
from _llamagate.call import CALL, STOPPING
from _llamagate.errors import GatewayError, Unavailable
from _llamagate.exchange import Waiting

Piece = TypeVar("Piece")

_UNREAD = 16 * 1024  # bytes that may wait for a client before its stream is held back
_PATIENCE = 300.0  # seconds with a client that is there but takes nothing
_CONTEXT_FULL = b": the prompt filled the context window; what did not fit was cut\n\n"


class Renderer(Protocol[Piece]):
    """Events, or whatever else a stream consists of, as the bytes of a dialect's stream."""

    def feed(self, events: list[Piece]) -> bytes: ...
    def end(self) -> bytes: ...
    def fail(self, error: GatewayError, request_id: str) -> bytes: ...


class Outgoing:
    """The response of one stream. One write for one batch of events."""

    def __init__(
        self, request: web.Request, headers: dict[str, str], sign_of_life: bytes, every: float
    ) -> None:
        self.response = web.StreamResponse(headers=headers)
        self.begun = False
        self._request = request
        self._sign_of_life = sign_of_life
        self._every = every
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._timer = self._loop.call_later(every, self._listen)
        self._speaking: asyncio.Task[None] | None = None
        self._writing = False
        self._line: asyncio.Transport | None = None  # that takes chunks, once the head is out

    def put(self, data: bytes) -> bool:
        """Write without waiting, where nothing stands in the way: for nearly every token."""
        line = self._line
        if line is None or self._speaking or line.is_closing():
            return False
        if line.get_write_buffer_size() > _UNREAD:
            return False
        self._last = self._loop.time()
        line.write(b"%x\r\n%b\r\n" % (len(data), data))
        return True

    async def write(self, data: bytes) -> None:
        if self._speaking:
            await self._speaking
        if not self.begun:
            self.begun = True
            await self.response.prepare(self._request)
        self._last = self._loop.time()
        self._writing = True
        await self.response.write(data)
        self._writing = False
        headers = self.response.headers
        if headers.get("Transfer-Encoding") == "chunked":
            self._line = self._request.transport
        headers.clear()  # they are out, and a stream may stay open for long

    async def end(self, data: bytes) -> web.StreamResponse:
        if self._speaking:
            await self._speaking
        if not self.begun:
            self.begun = True
            await self.response.prepare(self._request)
        self._last = self._loop.time()
        self._writing = True
        await self.response.write_eof(data)
        self.close()
        return self.response

    def close(self) -> None:
        self._timer.cancel()

    def _listen(self) -> None:
        """Once in a while, not once a piece: was it silent since?"""
        now = self._loop.time()
        due = self._last + self._every
        if now >= due - 0.001:
            due = now + self._every
            if not self._writing:
                self._speaking = self._speaking or spawn(self._speak(), "keep a stream alive")
            elif now > self._last + _PATIENCE and (transport := self._request.transport):
                transport.abort()
        self._timer = self._loop.call_at(due, self._listen)

    async def _speak(self) -> None:
        try:
            if not self.begun:
                self.begun = True
                await self.response.prepare(self._request)
            await self.response.write(self._sign_of_life)
            self._last = self._loop.time()
        except ConnectionError:
            self.close()  # the client left; its handler hears of it by itself
        finally:
            self._speaking = None


async def send_stream(
    request: web.Request,
    events: AsyncGenerator[list[Piece], None],
    renderer: Renderer[Piece],
    headers: dict[str, str],
    sign_of_life: bytes,
    every: float,
) -> web.StreamResponse:
    out = Outgoing(request, headers, sign_of_life, every)
    is_sse = not sign_of_life.isspace()
    warning = _CONTEXT_FULL if is_sse else b""
    call = request[CALL]
    try:
        async with aclosing(events):
            async for batch in events:
                if data := renderer.feed(batch):
                    if call.context_full:
                        data, warning = warning + data, b""
                    if not out.put(data):
                        await out.write(data)
                elif out.begun and isinstance(last := batch[-1], Waiting) and is_sse:
                    await out.write(_place(last))
        end = renderer.end()
        return await out.end(warning + end if call.context_full else end)
    except GatewayError as error:
        return await _fail(out, request, renderer, error)
    except asyncio.CancelledError as cancelled:
        if cancelled.args != (STOPPING,):
            raise
        stopping = Unavailable("The gateway is being stopped.", retry_after=5)
        return await _fail(out, request, renderer, stopping)
    finally:
        out.close()


async def _fail(
    out: Outgoing, request: web.Request, renderer: Renderer[Piece], error: GatewayError
) -> web.StreamResponse:
    if not out.begun:
        raise error
    call = request[CALL]
    call.error = error.code
    return await out.end(renderer.fail(error, call.id))


def _place(waiting: Waiting) -> bytes:
    return b": place %d in the queue, about %d ms\n\n" % (waiting.position, waiting.expected_ms)
