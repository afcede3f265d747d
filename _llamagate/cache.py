"""Answers given before: what makes two requests the same, and how much is kept, for how long.

When an answer may be read or kept at all is the gateway's to decide.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import replace

from _llamagate.exchange import Chat, Completion, Event, Finish, Reply, Text, Thinking, ToolCall

_OVERHEAD = 512  # bytes an entry takes beside its text


class Entry(msgspec.Struct, frozen=True, array_like=True):
    replies: tuple[Reply, ...]
    ignored: tuple[str, ...]
    engine: str
    seconds: float  # that the engine took for it
    made: float

    @property
    def events(self) -> list[Event]:
        return _events(self.replies)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Entry)


class Cache:
    """Bounded by bytes and by age; what was read longest ago goes first.

    An entry is one object of bytes: thousands of answers as objects would be looked at by every
    full collection of garbage.
    """

    def __init__(
        self, max_bytes: int, ttl: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._max = max_bytes
        self._ttl = ttl
        self._entries: OrderedDict[bytes, bytes] = OrderedDict()
        self.size = 0  # bytes

    def get(self, key: bytes) -> tuple[Entry, int] | None:
        """The entry and its age in seconds."""
        kept = self._entries.get(key)
        if kept is None:
            return None
        entry = _decoder.decode(kept)
        age = self._clock() - entry.made
        if age >= self._ttl:
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry, int(age)

    def put(
        self,
        key: bytes,
        replies: Sequence[Reply],
        ignored: tuple[str, ...],
        engine: str,
        seconds: float = 0.0,
    ) -> None:
        kept = _encoder.encode(Entry(tuple(replies), ignored, engine, seconds, self._clock()))
        size = _OVERHEAD + len(kept)
        if size > self._max:
            return
        self._drop(key)
        self._entries[key] = kept
        self.size += size
        while self.size > self._max:
            self._drop(next(iter(self._entries)))

    def clear(self) -> None:
        self._entries.clear()
        self.size = 0

    def _drop(self, key: bytes) -> None:
        kept = self._entries.pop(key, None)
        if kept is not None:
            self.size -= _OVERHEAD + len(kept)


def cache_key(scope: str, names: Sequence[str], requests: Sequence[Chat | Completion]) -> bytes:
    """Every field of every request is in it, but how the answer travels and what changes nothing.

    `scope` is who asked, or the same for all where answers are shared; it and the names cannot
    run into the request, because lengths are part of the encoding.
    """
    same = [replace(request, model="", stream=False, hints={}) for request in requests]
    return hashlib.blake2b(_encoder.encode((scope, names, same)), digest_size=32).digest()


def _events(replies: Sequence[Reply]) -> list[Event]:
    """Whole answers as the fewest events that say them."""
    events: list[Event] = []
    for reply in replies:
        choice = reply.choice
        if reply.thinking:
            events.append(Thinking(reply.thinking, choice))
        if reply.text or reply.logprobs:
            events.append(Text(reply.text, choice, reply.logprobs, reply.extra))
        for call in reply.tool_calls:
            events.append(ToolCall(call.name, call.arguments, call.id, choice, call.extra))
        events.append(reply.finish)
    return events


def whole(replies: Sequence[Reply]) -> bool:
    """Whether every choice came to an end of its own: nothing cut off is worth keeping."""
    return bool(replies) and all(
        isinstance(reply.finish, Finish) and reply.finish.reason in ("stop", "tool_calls", "length")
        for reply in replies
    )
