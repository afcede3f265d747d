"""One connection at the short door: one request after the other, or off to aiohttp's."""

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import cast

from _llamagate.background import spawn
from _llamagate.call import Answer, Ask, Flow, Mounted, Post
from _llamagate.connection import IDLE, OPENING, Connection
from _llamagate.dialects.outgoing import send_flow
from _llamagate.door.head import Head, parse_head, render_head
from _llamagate.door.way import Relief, ShortWay
from _llamagate.exchange import Call
from _llamagate.middlewares.headers import Headers
from _llamagate.middlewares.passage import Passage
from _llamagate.outbox import Gathering, Outbox

_LONGEST = 256 * 1024  # bytes of a body; longer ones are as quick through aiohttp's door
_STREAMED = Answer()


@dataclass(frozen=True, slots=True)
class Inside:
    """What lies behind the door."""

    asked: Mapping[str, tuple[Mounted, Ask]]  # by path
    passage: Passage
    headers: Headers
    max_body: int


class Client(asyncio.Protocol):
    """Also the `Visit` of the request that is being answered."""

    __slots__ = (
        "_answering",
        "_ask",
        "_body",
        "_call",
        "_elsewhere",
        "_head",
        "_held",
        "_inside",
        "_last",
        "_longest",
        "_loop",
        "_outbox",
        "_patience",
        "_relief",
        "_siblings",
        "_since",
        "_task",
        "_watch",
        "_waiter",
        "_way",
        "asked",
        "remote",
        "route",
        "transport",
    )
    asked: Head
    route: Mounted
    remote: str
    transport: Gathering
    _ask: Ask
    _task: asyncio.Task[None]
    _watch: asyncio.TimerHandle

    def __init__(
        self,
        inside: Inside,
        outbox: Outbox,
        elsewhere: Callable[[], Connection],
        siblings: set["Client"],
    ) -> None:
        self._inside = inside
        self._outbox = outbox
        self._elsewhere = elsewhere
        self._siblings = siblings
        self._loop = asyncio.get_running_loop()
        self._longest = min(_LONGEST, inside.max_body)
        self._since = self._loop.time()  # when it was last heard of
        self._patience = OPENING
        self._held = bytearray()  # what has come and was not taken yet
        self._head: Head | None = None  # of a request whose body is not all here
        self._body = b""
        self._waiter: asyncio.Future[None] | None = None  # for the next request
        self._answering = False
        self._last = False  # no request after this one
        self._relief = Relief()
        self._call: Call | None = None  # that is being answered
        self._way: ShortWay | None = None  # its answer goes, where that is a stream

    # Called by the loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        inner = cast(asyncio.Transport, transport)  # uvloop's is one, if not by class
        with suppress(OSError):  # it may be gone again
            inner.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer = inner.get_extra_info("peername")
        self.remote = str(peer[0]) if peer else ""
        self.transport = Gathering(inner, self._outbox)
        self._siblings.add(self)
        self._watch = self._loop.call_later(OPENING, self._look)

    def data_received(self, data: bytes) -> None:
        if self._answering:
            self._hold(data)
        elif self._head:
            self._held += data
            if len(self._held) >= self._head.whole:
                data = bytes(self._held)
                self._held.clear()
                self._begin(self._head, data)
        else:
            self._take(data)

    def pause_writing(self) -> None:
        self._relief.choke()

    def resume_writing(self) -> None:
        self._relief.relieve()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._gone()
        self._relief.relieve()
        if self._call:
            self._call.client_left()

    # What comes in.

    def _take(self, data: bytes) -> None:
        head = self._welcome(data)
        if head is None:
            self._leave(data)
        elif len(data) < head.whole:
            self._head = head
            self._held += data
        else:
            self._begin(head, data)

    def _begin(self, head: Head, data: bytes) -> None:
        self._head = None
        self._answering = True
        if len(data) > head.whole:
            self._hold(data[head.whole :])
        self._body = data[head.size : head.whole]
        self.asked = head
        if self._waiter:
            self._wake()
        else:
            self._task = spawn(self._converse(), "answer a client")

    def _hold(self, data: bytes) -> None:
        """What comes before its turn. Reading goes on, or nobody would notice a client leave; one
        that sends too much of it is answered once more."""
        self._held += data
        if len(self._held) > _LONGEST:
            self._last = True
        if self._last:
            self._held.clear()

    def _welcome(self, data: bytes) -> Head | None:
        """The head of a request that is for this door."""
        head = parse_head(data, self.remote)
        if head is None or head.whole - head.size > self._longest:
            return None
        found = self._inside.asked.get(head.path)
        if found is None:
            return None
        self.route, self._ask = found
        self._since = self._loop.time()
        self._patience = IDLE
        return head

    def _leave(self, data: bytes) -> None:
        """To aiohttp's door."""
        self._gone()
        inner = self.transport.inner
        connection = self._elsewhere()
        inner.set_protocol(connection)
        connection.connection_made(inner)
        if self._relief.choked:
            connection.pause_writing()
        connection.data_received(data)

    def _gone(self) -> None:
        self._watch.cancel()
        self._siblings.discard(self)
        self._wake()

    def _look(self) -> None:
        """One timer a connection, set anew only when it fires."""
        now = self._loop.time()
        since = now if self._answering else self._since
        due = (self._relief.since if self._relief.choked else since) + self._patience
        if now < due:
            self._watch = self._loop.call_at(due, self._look)
        elif self._relief.choked:
            self.transport.abort()
        elif self._held:  # aiohttp's door knows what to say to those who are too slow
            self._leave(bytes(self._held))
        else:
            self.transport.close()

    # What goes out.

    async def _converse(self) -> None:
        """One answer after the other, in one task: a task for each would cost more."""
        try:
            while self._answering:
                if self._relief.choked:
                    await self._relief.wait()
                try:
                    answer = await self._inside.passage(self)
                    if answer is not _STREAMED:
                        self._send(answer)
                except ConnectionError:  # the client left, as the log says already
                    self.transport.abort()
                self._waiter = self._loop.create_future()
                self._next()
                if self.transport.is_closing():
                    return
                await self._waiter
        except asyncio.CancelledError:  # kept by the task, it would keep all of this alive
            self.transport.abort()
        except BaseException:
            self.transport.abort()
            raise
        finally:
            self._call = self._way = None

    def _next(self) -> None:
        self._call = self._way = None
        self._body = b""
        self._answering = False
        self._since = self._loop.time()
        if self._last:
            self.transport.close()
        elif self._held and not self.transport.is_closing():
            self._leave(bytes(self._held))

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    def stop(self) -> None:
        """No request after the one that runs."""
        self._last = True
        if not (self._answering or self._head):
            self.transport.close()

    @property
    def begun(self) -> bool:
        return self._way is not None and self._way.begun

    def carries(self, call: Call) -> None:
        self._call = call
        call.task = self._task
        if self.transport.is_closing():  # the client left before anybody looked at it
            call.client_left()

    async def handle(self, call: Call) -> Answer:
        body, self._body = self._body, b""
        answer = await self._ask(Post(body, self.asked.headers, call))
        if isinstance(answer, Flow):
            fields = (("Transfer-Encoding", "chunked"),)
            render = partial(self._render_head, 200, answer.headers, fields)
            self._way = ShortWay(self.transport, self._relief, render)
            await send_flow(self._way, answer, call)
            return _STREAMED
        return answer

    def give(self, answer: Answer) -> Answer:
        return answer

    def _send(self, answer: Answer) -> None:
        fields = (
            ("Content-Length", str(len(answer.body))),
            ("Content-Type", answer.content_type),
        )
        head = self._render_head(answer.status, answer.headers, fields)
        self.transport.write(head + answer.body)

    def _render_head(
        self, status: int, own: Mapping[str, str], fields: Sequence[tuple[str, str]]
    ) -> bytes:
        assert self._call is not None
        kept = own.get("Cache-Control")
        said = [*fields, *self._inside.headers(self.asked, self._call, kept)]
        said += [(name, value) for name, value in own.items() if name != "Cache-Control"]
        if self._last:
            said.append(("Connection", "close"))
        return render_head(status, said)
