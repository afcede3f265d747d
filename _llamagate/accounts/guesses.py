"""Credentials tried in vain, counted by network, so that keys cannot be found by trying."""

import time
from collections import OrderedDict
from collections.abc import Callable
from math import ceil

from _llamagate.accounts.addresses import network_of
from _llamagate.errors import TooMany

A_MINUTE = 10
_EACH = 60 / A_MINUTE  # seconds after which one guess is forgiven


class Guesses:
    """A leaky bucket for each network that guesses. A good key never comes here."""

    def __init__(self, kept: int = 10_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._kept = kept
        self._clock = clock
        self._forgiven: OrderedDict[str | bytes, float] = OrderedDict()  # when all of them are

    def count(self, address: str) -> None:
        """One more wrong guess. Raises TooMany when there were too many before it."""
        network = network_of(address)
        now = self._clock()
        forgiven = max(self._forgiven.get(network, now), now) + _EACH
        wait = forgiven - now - 60
        if wait > 1e-6:  # what adding floats may be off by
            raise TooMany(
                "Too many wrong API keys came from this address. Correct the key that your client "
                f"sends, and try again in {ceil(wait)} s.",
                retry_after=ceil(wait),
            )
        self._forgiven[network] = forgiven
        self._forgiven.move_to_end(network)
        if len(self._forgiven) > self._kept:
            self._forgiven.popitem(last=False)
