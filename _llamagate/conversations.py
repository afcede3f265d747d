"""Responses kept for those who made them, so that a client need not send a conversation again.

In memory only: a restart forgets them all. Bounded by count, bytes and age; when there is too
much, whoever keeps the most loses the oldest. An item that several responses share is kept once.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import orjson

from _llamagate.exchange import Fields
from _llamagate.ids import new_id

_REFERENCE = 64  # bytes that naming an item takes in a response that shares it


@dataclass(slots=True)
class _Item:
    data: bytes
    responses: int = 0  # that hold it


@dataclass(frozen=True, slots=True)
class _Response:
    data: bytes
    input: tuple[str, ...]  # keys of items
    output: tuple[str, ...]
    made: float


@dataclass(slots=True)
class _Shelf:
    """What one account keeps, oldest first."""

    responses: OrderedDict[str, _Response] = field(default_factory=OrderedDict)
    items: dict[str, _Item] = field(default_factory=dict)
    size: int = 0

    def hold(self, item: Fields) -> str:
        """The key of an item: its id, unless that already means something else."""
        key, data = str(item["id"]), orjson.dumps(item)
        kept = self.items.get(key)
        if kept is not None and kept.data != data:
            key, kept = new_id("item_"), None
        if kept is None:
            kept = self.items[key] = _Item(data)
            self.size += len(data)
        kept.responses += 1
        self.size += _REFERENCE
        return key

    def drop(self, id: str) -> None:
        response = self.responses.pop(id)
        self.size -= len(response.data)
        for key in response.input + response.output:
            item = self.items[key]
            item.responses -= 1
            self.size -= _REFERENCE
            if not item.responses:
                del self.items[key]
                self.size -= len(item.data)

    def load(self, keys: Sequence[str]) -> list[Fields]:
        return [orjson.loads(self.items[key].data) for key in keys]


class Conversations:
    """`account` is whose they are; nobody else finds them."""

    def __init__(
        self,
        *,
        max_count: int = 1000,
        max_bytes: int = 64 * 1024 * 1024,
        max_age: float = 24 * 3600,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_count = max_count
        self._max_bytes = max_bytes
        self._max_age = max_age
        self._clock = clock
        self._shelves: dict[str, _Shelf] = {}

    def keep(self, account: str, response: Fields, items: Sequence[Fields]) -> None:
        """`items` is the whole conversation that the response answers."""
        shelf = self._shelves.setdefault(account, _Shelf())
        output: list[Fields] = response["output"]  # type: ignore[assignment]  # as we rendered it
        id, data = str(response["id"]), orjson.dumps(response)
        if id in shelf.responses:
            shelf.drop(id)
        shelf.responses[id] = _Response(
            data,
            tuple(shelf.hold(item) for item in items),
            tuple(shelf.hold(item) for item in output),
            self._clock(),
        )
        shelf.size += len(data)
        self._tidy()

    def response(self, account: str, id: str) -> Fields | None:
        _, found = self._find(account, id)
        return orjson.loads(found.data) if found else None

    def delete(self, account: str, id: str) -> bool:
        shelf, found = self._find(account, id)
        if found:
            shelf.drop(id)
            self._forget_empty()
        return found is not None

    def input(self, account: str, id: str) -> list[Fields] | None:
        """The items that the response answers."""
        shelf, found = self._find(account, id)
        return shelf.load(found.input) if found else None

    def of(self, account: str) -> "Kept":
        return Kept(self, account)

    def conversation(self, account: str, id: str) -> list[Fields] | None:
        shelf, found = self._find(account, id)
        return shelf.load(found.input + found.output) if found else None

    def item(self, account: str, id: str) -> Fields | None:
        self._tidy()
        shelf = self._shelves.get(account)
        return shelf.load([id])[0] if shelf and id in shelf.items else None

    def _find(self, account: str, id: str) -> tuple[_Shelf, _Response | None]:
        self._tidy()
        shelf = self._shelves.get(account) or _Shelf()
        return shelf, shelf.responses.get(id)

    def _tidy(self) -> None:
        oldest = self._clock() - self._max_age
        for shelf in self._shelves.values():
            while shelf.responses and next(iter(shelf.responses.values())).made <= oldest:
                shelf.drop(next(iter(shelf.responses)))
        while (fullest := self._fullest()) is not None:
            fullest.drop(next(iter(fullest.responses)))
        self._forget_empty()

    def _fullest(self) -> _Shelf | None:
        """Whose fault it is that there is too much, if there is."""
        shelves = self._shelves.values()
        if sum(shelf.size for shelf in shelves) > self._max_bytes:
            return max(shelves, key=lambda shelf: shelf.size)
        if sum(len(shelf.responses) for shelf in shelves) > self._max_count:
            return max(shelves, key=lambda shelf: len(shelf.responses))
        return None

    def _forget_empty(self) -> None:
        for account in [name for name, shelf in self._shelves.items() if not shelf.responses]:
            del self._shelves[account]


@dataclass(frozen=True, slots=True)
class Kept:
    """What one account has kept, as a request that refers to it needs it."""

    conversations: Conversations
    account: str

    def conversation(self, response_id: str) -> list[Fields] | None:
        return self.conversations.conversation(self.account, response_id)

    def item(self, item_id: str) -> Fields | None:
        return self.conversations.item(self.account, item_id)
