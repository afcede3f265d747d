"""How many requests an engine runs side by side. No engine says, so it is found by trying.

While somebody waits, one more is let through for a while. If answers take no longer for it, the
engine does run that many, and the next number is tried; if they take longer in proportion, the
additional one only waited inside the engine, and the number goes back. Now and then one fewer is
tried, by the same measure. Pure: no clock, no tasks.
"""

from math import sqrt

MOST = 1024  # what an engine gets that is too quick to be worth a line
_QUICK = 0.002  # seconds an answer: such an engine is never the scarce thing
_REST = (8, 16, 32)  # answers between a trial that failed and the next, and 4 for each slot
_MEMORY = 64  # answers after which an older one counts for less
_SURE = (1.25, 1.75, 2.25, 2.75, 3.0)  # standard errors; the more trials failed, the more it takes


class Slots:
    """The number in force, and what is known of it."""

    def __init__(self, start: int = 1) -> None:
        self.number = start
        self._settled = start
        self._known = _Mean()  # seconds an answer at the settled number
        self._recent = _Mean()  # the same, of the last few answers
        self._trial: _Mean | None = None  # the same, one step above
        self._strays = 0  # answers of a trial that ran beside another number
        self._failed = 0
        self._rest = 0
        self._slower = 0  # looks back in a row that found answers slower
        self._warm = False

    def finished(self, beside: float, seconds: float, wanted: bool) -> None:
        """An answer took `seconds` and on average `beside` ran meanwhile, itself included;
        `wanted`: somebody waits."""
        if not self._warm:  # the first answer may have had to load the model
            self._warm = True
            return
        true = abs(beside - self.number) <= max(0.25, self.number / 16)
        if self.number == MOST:
            self._watch_quick(seconds / beside)
        elif self._trial is None:
            self._settle(seconds if true else None, wanted)
        else:
            self._judge(self._trial, seconds if true else None)

    def _watch_quick(self, seconds: float) -> None:
        self._recent.add(seconds)
        if self._recent.mean > 2 * _QUICK:
            self._start_over(1)

    def _settle(self, seconds: float | None, wanted: bool) -> None:
        if seconds is not None:
            self._rest -= 1
            self._recent.add(seconds)
            if self._recent.count >= max(2, 2 * self.number):
                self._look_back(self._recent)
                self._recent = _Mean()
        if wanted and self._rest <= 0 and self._known.count and self.number < MOST:
            self._try_another()

    def _look_back(self, recent: "_Mean") -> None:
        """Do answers take so much longer now that some of them must wait inside the engine?"""
        if self.number > 1 and self._known.count:
            ratio, doubt = _compare(recent, self._known)
            self._slower = self._slower + 1 if ratio > 1.25 + doubt else 0
            if self._slower == 1:
                return  # once is a hiccup of the machine
            if self._slower > 1:
                return self._start_over(max(1, round(self.number / ratio)))
        self._known.merge(recent)
        if self._known.mean / self.number < _QUICK:
            self.number = MOST

    def _try_another(self) -> None:
        fewer = self._settled > 1 and self._failed % 3 == 2
        self.number += -1 if fewer else max(1, self.number // 4)
        self._trial, self._strays = _Mean(), 0

    def _judge(self, trial: "_Mean", seconds: float | None) -> None:
        if seconds is None:
            self._strays += 1
            if self._strays > 3 * self.number:
                self._back(_REST[0])  # too few wait to fill it
            return
        trial.add(seconds)
        if trial.count < 2:
            return
        # Where a step only changes who waits, it changes the time of an answer by `step / settled`
        # (upwards to no avail, downwards to no harm); the bar is half of that.
        bar = 1 + 0.5 * (self.number - self._settled) / self._settled
        ratio, doubt = _compare(trial, self._known)
        enough, most = 2 * self.number, 6 * self.number
        sure = _SURE[min(self._failed, len(_SURE) - 1)]
        if trial.count >= enough and ratio < bar - sure * doubt:
            more = self.number > self._settled
            self._settled, self._known = self.number, trial
            self._failed = 0 if more else self._failed + 1
            self._back(0 if more else _REST[-1])
        elif trial.count >= most or (trial.count >= enough and ratio > bar) or ratio > bar + doubt:
            self._failed += 1
            self._back(_REST[min(self._failed, len(_REST)) - 1])

    def _back(self, rest: int) -> None:
        self.number, self._trial = self._settled, None
        self._rest = rest + 4 * self._settled if rest else 0
        self._recent = _Mean()

    def _start_over(self, number: int) -> None:
        self._failed = self._slower = 0
        self._settled = number
        self._known = _Mean()
        self._back(0)


class _Mean:
    """A mean and its variance, in which the last answers count."""

    __slots__ = ("_squares", "count", "mean")

    def __init__(self) -> None:
        self.count = 0
        self.mean = 0.0
        self._squares = 0.0

    def add(self, value: float) -> None:
        if self.count == _MEMORY:
            self.count -= 1
            self._squares *= self.count / _MEMORY
        self.count += 1
        away = value - self.mean
        self.mean += away / self.count
        self._squares += away * (value - self.mean)

    def merge(self, other: "_Mean") -> None:
        total = self.count + other.count
        away = other.mean - self.mean
        self._squares += other._squares + away * away * self.count * other.count / total
        self.mean += away * other.count / total
        if total > _MEMORY:
            self._squares *= _MEMORY / total
        self.count = min(total, _MEMORY)

    @property
    def error(self) -> float:
        """The standard error of the mean."""
        return sqrt(self._squares) / self.count if self.count > 1 else self.mean


def _compare(one: _Mean, other: _Mean) -> tuple[float, float]:
    """How much greater `one` is, and how far off that may be."""
    return one.mean / other.mean, sqrt(one.error**2 + other.error**2) / other.mean
