"""Answers given before: what makes two requests the same, and how much is kept, for how long.

When an answer may be read or kept at all is the gateway's to decide.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
from cachetools import TTLCache
from msgspec.structs import replace

from _llamagate.exchange import Chat, Completion, Event, Finish, Reply, Text, Thinking, ToolCall

_encoder = msgspec.msgpack.Encoder()
_OVERHEAD = 512  # bytes an entry takes beside its text


@dataclass(frozen=True, slots=True)
class Entry:
    events: tuple[Event, ...]
    ignored: tuple[str, ...]
    engine: str
    seconds: float  # that the engine took for it
    size: int
    made: float


class Cache:
    """Bounded by bytes and by age; what was read longest ago goes first."""

    def __init__(
        self, max_bytes: int, ttl: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._max = max_bytes
        self._entries: TTLCache[bytes, Entry] = TTLCache(
            max_bytes, ttl, timer=clock, getsizeof=lambda entry: entry.size
        )

    def get(self, key: bytes) -> tuple[Entry, int] | None:
        """The entry and its age in seconds."""
        entry = self._entries.get(key)
        return None if entry is None else (entry, int(self._clock() - entry.made))

    def put(
        self,
        key: bytes,
        replies: Sequence[Reply],
        ignored: tuple[str, ...],
        engine: str,
        seconds: float = 0.0,
    ) -> None:
        events = tuple(_events(replies))
        size = _OVERHEAD + len(_encoder.encode(events))
        if size <= self._max:
            self._entries[key] = Entry(events, ignored, engine, seconds, size, self._clock())

    def clear(self) -> None:
        self._entries.clear()


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
