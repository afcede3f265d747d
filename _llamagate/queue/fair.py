"""Who is next of those who wait: fair between callers, then between the persons behind one.

Between callers it is fair queueing by start times: a caller's next turn is due one `cost` after
its last one, the cheaper the heavier the caller weighs, and whoever is due first is next. Somebody
new is due now, ahead of everybody's backlog, whatever its length. Between persons it is plain
round-robin, within a person first come, first served. Pure: no clock, no tasks.
"""

from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

UNIT = 1_000_000  # the cost of one turn at weight 1; whole numbers, so that equal is equal
BATCH_EVERY = 7  # interactive turns for each batch turn while both wait, so that batch goes on
_CREEP = 64  # turns of newcomers after which even the longest served is due before one more
_MOST_DEBTS = 1024


class Waiting(Protocol):
    """What a place in the line says of itself."""

    @property
    def account(self) -> str: ...
    @property
    def weight(self) -> float: ...
    @property
    def person(self) -> str: ...
    @property
    def batch(self) -> bool: ...
    @property
    def number(self) -> int:
        """Grows with every arrival."""


W = TypeVar("W", bound=Waiting)


class Fair(Generic[W]):
    """Two priorities, each shared fairly."""

    def __init__(self) -> None:
        self._interactive: _Shared[W] = _Shared()
        self._batch: _Shared[W] = _Shared()
        self._since_batch = 0  # interactive turns while batch waited

    def __len__(self) -> int:
        return self._interactive.waiting + self._batch.waiting

    def __iter__(self) -> Iterator[W]:
        yield from self._interactive
        yield from self._batch

    def add(self, one: W, held: int = 0) -> None:
        """`held`: how many of the caller's requests run now; they count as turns it has had."""
        self._of(one).add(one, held)

    def remove(self, one: W) -> None:
        self._of(one).remove(one)

    def pop(self) -> W:
        waits = self._batch.waiting
        if waits and (not self._interactive.waiting or self._since_batch >= BATCH_EVERY):
            self._since_batch = 0
            return self._batch.pop()
        self._since_batch = self._since_batch + 1 if waits else 0
        return self._interactive.pop()

    def ahead(self, one: W) -> int:
        """How many have their turn before this one, should nobody else come or go."""
        before = self._of(one).ahead(one)
        if one.batch:
            others = max(0, BATCH_EVERY * (before + 1) - self._since_batch)
            return before + min(self._interactive.waiting, others)
        since = self._since_batch if self._batch.waiting else 0
        return before + min(self._batch.waiting, (since + before) // BATCH_EVERY)

    def count(self, account: str) -> int:
        return self._interactive.count(account) + self._batch.count(account)

    def newest_of_most(self) -> W:
        """The last to come of the caller who has most waiting."""
        accounts = {one.account for one in self}
        most = max(accounts, key=self.count)
        return max((one for one in self if one.account == most), key=lambda one: one.number)

    def _of(self, one: W) -> "_Shared[W]":
        return self._batch if one.batch else self._interactive


class _Backlog(Generic[W]):
    """What one caller has waiting."""

    __slots__ = ("cost", "due", "persons", "served", "waiting")

    def __init__(self, due: int, served: int) -> None:
        self.due = due
        self.served = served  # when it last had a turn, or when it came
        self.cost = UNIT
        self.waiting = 0
        self.persons: dict[str, dict[W, None]] = {}  # in the order of their turns

    def add(self, one: W) -> None:
        self.cost = _cost(one)
        self.persons.setdefault(one.person, {})[one] = None
        self.waiting += 1

    def remove(self, one: W) -> None:
        mine = self.persons[one.person]
        del mine[one]
        if not mine:
            del self.persons[one.person]
        self.waiting -= 1

    def pop(self) -> W:
        person = next(iter(self.persons))
        mine = self.persons.pop(person)
        one = next(iter(mine))
        del mine[one]
        if mine:
            self.persons[person] = mine  # behind the others
        self.waiting -= 1
        return one

    def ahead(self, one: W) -> int:
        depth = next(i for i, other in enumerate(self.persons[one.person]) if other is one)
        before, passed = 0, False
        for person, theirs in self.persons.items():
            passed = passed or person == one.person
            before += min(len(theirs), depth if passed else depth + 1)
        return before


class _Shared(Generic[W]):
    """The callers of one priority."""

    def __init__(self) -> None:
        self.waiting = 0
        self._backlogs: dict[str, _Backlog[W]] = {}
        self._debts: dict[str, int] = {}  # when those who left the line would be due
        self._now = 0
        self._turns = 0

    def __iter__(self) -> Iterator[W]:
        for backlog in self._backlogs.values():
            for theirs in backlog.persons.values():
                yield from theirs

    def count(self, account: str) -> int:
        backlog = self._backlogs.get(account)
        return backlog.waiting if backlog else 0

    def add(self, one: W, held: int) -> None:
        backlog = self._backlogs.get(one.account)
        if backlog is None:
            due = max(self._now + held * _cost(one), self._debts.pop(one.account, 0))
            backlog = self._backlogs[one.account] = _Backlog(due, self._turns)
            self._turns += 1
        backlog.add(one)
        self.waiting += 1

    def remove(self, one: W) -> None:
        backlog = self._backlogs[one.account]
        backlog.remove(one)
        self._left(one.account, backlog)

    def pop(self) -> W:
        account, backlog = min(self._backlogs.items(), key=lambda item: _rank(item[1]))
        # Time creeps on with every turn: an endless row of newcomers, each due now, could
        # otherwise keep out for ever whoever is due a little later.
        self._now = max(self._now + backlog.cost // _CREEP, backlog.due)
        backlog.due += backlog.cost
        backlog.served = self._turns
        self._turns += 1
        one = backlog.pop()
        self._left(account, backlog)
        return one

    def _left(self, account: str, backlog: _Backlog[W]) -> None:
        self.waiting -= 1
        if backlog.waiting:
            return
        del self._backlogs[account]
        if not self._backlogs or len(self._debts) >= _MOST_DEBTS:
            self._debts.clear()
        elif backlog.due > self._now:
            self._debts[account] = backlog.due

    def ahead(self, one: W) -> int:
        mine = self._backlogs[one.account]
        index = mine.ahead(one)
        due = mine.due + index * mine.cost
        return index + sum(
            _before(other, mine, due, index)
            for other in self._backlogs.values()
            if other is not mine
        )


def _cost(one: Waiting) -> int:
    return round(UNIT / max(one.weight, 0.001))


def _rank(backlog: "_Backlog[W]") -> tuple[int, int]:
    return backlog.due, backlog.served


def _before(other: "_Backlog[W]", mine: "_Backlog[W]", due: int, index: int) -> int:
    """How many turns `other` has before the turn of `mine` at `due`, which is its `index`-th."""
    turns, rest = divmod(due - other.due, other.cost)
    if rest:
        return min(max(turns + 1, 0), other.waiting)
    # Both are due at once: whoever was served longer ago is first.
    if turns and index and other.cost != mine.cost:
        first = other.cost > mine.cost
    else:
        first = (turns, other.served) < (index, mine.served)
    return min(max(turns + first, 0), other.waiting)
