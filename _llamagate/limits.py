"""How much each account may ask: a leaky bucket of requests.

A bucket fills by one with each request and drains at a steady rate; a request that would overflow
it is refused, and told when it would not be. Whose account it is, is decided in `accounts`; which
surface a call came through, and what becomes of a refusal, in the rooms above.
"""

import time
from collections.abc import Callable, Mapping

from msgspec import Struct

from _llamagate.config import RateLimit
from _llamagate.errors import TooMany

SECOND = 1_000_000_000  # clocks and buckets count whole nanoseconds: nothing is ever rounded away
_NEWCOMERS = ""  # no account has this name


class Allowance(Struct, frozen=True, gc=False):
    """What an account may still do."""

    limit: int  # requests at once, at most
    remaining: int  # of them, now
    reset: int  # whole seconds until all are there again


class Limits:
    """`surfaces` have limits of their own, as their documents say, until the operator sets one
    (`explicit`), which then counts everywhere."""

    def __init__(
        self,
        default: RateLimit,
        explicit: bool = False,
        surfaces: Mapping[str, RateLimit] | None = None,
        *,
        kept: int = 100_000,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        own = {} if explicit or surfaces is None else surfaces
        self._clock = clock
        self._default = _Buckets(default, kept)
        self._own = {name: _Buckets(limit, kept) for name, limit in own.items()}

    def take(self, account: str, surface: str = "") -> Allowance:
        """Count one request, or raise TooMany and count nothing."""
        return self._own.get(surface, self._default).take(account, self._clock())

    def look(self, account: str, surface: str = "") -> Allowance:
        """What `take` would find, for the headers of a refusal."""
        return self._own.get(surface, self._default).look(account, self._clock())


def headers(allowance: Allowance) -> tuple[tuple[str, str], ...]:
    """What OpenAI's clients read, in OpenAI's words: 1s, 6m0s."""
    return (
        ("x-ratelimit-limit-requests", str(allowance.limit)),
        ("x-ratelimit-remaining-requests", str(allowance.remaining)),
        ("x-ratelimit-reset-requests", _spell(allowance.reset)),
    )


def _spell(seconds: int) -> str:
    if seconds < 60:
        return f"{seconds}s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes}m{seconds}s"
    return f"{minutes // 60}h{minutes % 60}m{seconds}s"


class _Buckets:
    """One limit, and each account's bucket: the time at which it will have run empty.

    A bucket that ran empty is as good as none. So each time a full one would have done so, those
    that were not used since the last time are dropped together, and none that still holds
    something is ever forgotten, however many accounts appear.
    """

    def __init__(self, limit: RateLimit, kept: int) -> None:
        self._limit = int(limit.capacity)
        self._each = max(1, round(SECOND / limit.rate))  # the time in which one request drains
        self._full = round(limit.capacity * self._each)
        self._kept = kept
        self._recent: dict[str, int] = {}
        self._older: dict[str, int] = {}
        self._next_drop = 0

    def take(self, account: str, now: int) -> Allowance:
        account = self._bucket(account, now)
        level = self._level(account, now) + self._each
        if level > self._full:
            wait = _seconds(level - self._full)
            raise TooMany(
                f"Rate limit exceeded: {self._limit} requests at once, and one more each "
                f"{self._each / SECOND:.3g} s. Try again in {wait} s.",
                retry_after=wait,
            )
        if account not in self._recent:
            self._older.pop(account, None)
        self._recent[account] = now + level
        return self._allowance(level)

    def look(self, account: str, now: int) -> Allowance:
        return self._allowance(self._level(self._bucket(account, now), now))

    def _bucket(self, account: str, now: int) -> str:
        """Its own, or where there is no room for another, the one that all newcomers share."""
        if now >= self._next_drop:
            self._older, self._recent = self._recent, {}
            self._next_drop = now + max(self._full, SECOND)
        if account in self._recent or account in self._older:
            return account
        return account if len(self._recent) + len(self._older) < self._kept else _NEWCOMERS

    def _level(self, account: str, now: int) -> int:
        empty = self._recent.get(account) or self._older.get(account, 0)
        return max(empty - now, 0)

    def _allowance(self, level: int) -> Allowance:
        return Allowance(self._limit, (self._full - level) // self._each, _seconds(level))


def _seconds(nanoseconds: int) -> int:
    return -(-nanoseconds // SECOND)
