"""Answers given before: what makes two requests the same, and how much is kept, for how long.

When an answer may be read or kept at all is the gateway's to decide.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

import msgspec
from msgspec.structs import replace

from _llamagate.exchange import Chat, Completion, Event, Finish, Said, Text, Thinking, Waiting

_OVERHEAD = 512  # bytes an entry takes beside its text
_FEW = 4  # events
_ENDS = ("stop", "tool_calls", "length")  # nothing cut off is worth keeping


class Entry(msgspec.Struct, frozen=True, array_like=True):
    events: list[Said]
    ignored: tuple[str, ...]
    engine: str
    seconds: float  # that the engine took for it
    made: float


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
        events: list[Said],
        ignored: tuple[str, ...],
        engine: str,
        seconds: float = 0.0,
    ) -> None:
        kept = _encoder.encode(Entry(events, ignored, engine, seconds, self._clock()))
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


def worth_keeping(batches: Iterable[list[Event]]) -> list[Said]:
    """The events of a whole answer; none where a choice did not come to an end of its own."""
    events: list[Said] = []
    unfinished: set[int] = set()
    for batch in batches:
        for event in batch:
            if isinstance(event, Waiting):
                continue
            if not isinstance(event, Finish):
                unfinished.add(event.choice)
            elif event.reason in _ENDS:
                unfinished.discard(event.choice)
            else:
                return []
            events.append(event)
    if unfinished:
        return []
    return _joined(events) if len(events) > _FEW else events


def _joined(events: list[Said]) -> list[Said]:
    """The same in fewer: pieces of text that follow each other are one."""
    found: list[Said] = []
    for piece, run in groupby(events, _piece):
        if piece is None:
            found += run
        else:
            kind, choice = piece
            texts = [event.text for event in run if isinstance(event, kind)]
            found.append(kind("".join(texts), choice))
    return found


def _piece(event: Said) -> tuple[type[Text] | type[Thinking], int] | None:
    """What neighbours have in common that can be one."""
    match event:
        case Text(logprobs=(), extra=None) | Thinking(extra=None):
            return type(event), event.choice
    return None
