"""When one model on one engine is left alone, and when it is tried again."""

_FAILURES = 3  # in a row
_HOLD = (1.0, 2.0, 5.0)  # seconds; what comes back is used again within ten


class Breaker:
    """Closed while all is well, open after failures in a row. Once it failed, one request may try
    it each time its hold is over, until one succeeds."""

    __slots__ = ("_opened", "_trying", "_until", "failures")

    def __init__(self) -> None:
        self.failures = 0  # in a row
        self._opened = 0  # times in a row
        self._until = 0.0
        self._trying = False

    @property
    def closed(self) -> bool:
        return self._opened == 0

    def admits_trial(self, now: float) -> bool:
        """May this request be the one? Then the next may be only when the hold is over again."""
        if not self.failures or now < self._until:
            return False
        self._until = now + self._hold
        self._trying = True
        return True

    def succeeded(self) -> None:
        self.failures = self._opened = 0
        self._trying = False

    def failed(self, now: float, gravely: bool = False) -> None:
        """`gravely`: a second time would cost somebody too much to find out."""
        if self._opened and not self._trying:
            return  # a request from before it opened: nothing new
        self.failures += 1
        if gravely or self._opened or self.failures >= _FAILURES:
            self._opened += 1
        self._trying = False
        self._until = now + self._hold

    @property
    def _hold(self) -> float:
        return _HOLD[min(max(self._opened, 1), len(_HOLD)) - 1]
