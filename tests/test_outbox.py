"""Writes that go out together: in order, at the end of the turn, none of them to who has gone."""

import asyncio
import socket

from _llamagate.outbox import Gathering, Outbox


class Wire(asyncio.Transport):
    """What was done to it, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[object] = []
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.done.append(bytes(data))

    def write_eof(self) -> None:
        self.done.append("eof")

    def close(self) -> None:
        self.done.append("close")

    def is_closing(self) -> bool:
        return self.closing


async def test_writes_of_one_turn_go_out_at_its_end_and_in_order() -> None:
    outbox, first, second = Outbox(), Wire(), Wire()
    outbox.put(first, b"a")
    outbox.put(second, b"b")
    outbox.put(first, b"c")
    assert first.done == second.done == []
    await asyncio.sleep(0)
    assert (first.done, second.done) == ([b"a", b"c"], [b"b"])


async def test_much_goes_out_at_once() -> None:
    outbox, wire = Outbox(), Wire()
    for _ in range(5):
        outbox.put(wire, bytes(100_000))
    assert len(wire.done) >= 3


async def test_nothing_goes_out_to_a_connection_that_is_lost() -> None:
    outbox, lost, other = Outbox(), Wire(), Wire()
    outbox.put(lost, b"a")
    outbox.put(other, b"b")
    lost.closing = True
    await asyncio.sleep(0)
    assert (lost.done, other.done) == ([], [b"b"])


async def test_what_was_written_before_the_end_is_sent_before_it() -> None:
    outbox, wire = Outbox(), Wire()
    gathering = Gathering(wire, outbox)
    gathering.writelines([b"a", b"b"])
    gathering.write_eof()
    gathering.write(b"c")
    gathering.close()
    await asyncio.sleep(0)
    assert wire.done == [b"ab", "eof", b"c", "close"]


async def test_all_else_is_the_transport_s_own() -> None:
    near, far = socket.socketpair()
    loop = asyncio.get_running_loop()
    inner, protocol = await loop.create_connection(asyncio.Protocol, sock=near)
    gathering = Gathering(inner, Outbox())
    assert gathering.get_protocol() is protocol
    assert gathering.get_extra_info("socket") is not None
    assert gathering.can_write_eof()
    assert gathering.get_write_buffer_size() == 0
    gathering.set_write_buffer_limits(10, 5)
    gathering.pause_reading()
    assert not gathering.is_reading()
    gathering.resume_reading()
    assert gathering.is_reading()
    gathering.set_protocol(asyncio.Protocol())
    assert inner.get_protocol() is not protocol
    gathering.abort()
    assert gathering.is_closing()
    far.close()
