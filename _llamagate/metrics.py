"""The gauges: plain integers while requests run, Prometheus' text when somebody asks.

Counting must cost next to nothing, so nothing of prometheus-client is touched until a scrape;
then `exposition` turns the integers into its families. Labels are bounded: route templates,
statuses and configured engines, never a model name, a caller or a key.
"""

import time
from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Histogram:
    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.sum = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.sum += seconds


class Pace:
    """How fast engines write at this moment, told from answers that are over: nobody counts the
    tokens of one that runs, so it is taken to be as fast as the last one of its model."""

    WINDOW = 5.0  # seconds that "this moment" is long

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # Engine and model, tokens, when it ended, the seconds it took.
        self._answers: deque[tuple[tuple[str, str], int, float, float]] = deque(maxlen=1024)

    def add(self, key: tuple[str, str], tokens: int, seconds: float) -> None:
        self._answers.append((key, tokens, self._clock(), seconds))

    def tokens_per_second(
        self, engine: str, running: Iterable[tuple[tuple[str, str], float]] = ()
    ) -> float:
        """`running`: what runs on this engine, and for how many seconds."""
        begin = self._clock() - self.WINDOW
        tokens = sum(self._last(key) * min(age, self.WINDOW) for key, age in running)
        for key, count, ended, seconds in self._answers:
            if key[0] == engine and ended > begin:
                tokens += count * min(1.0, (ended - begin) / seconds if seconds else 1.0)
        return tokens / self.WINDOW

    def _last(self, key: tuple[str, str]) -> float:
        """Tokens a second of the last whole answer; 0.0 where there was none."""
        for found, tokens, _, seconds in reversed(self._answers):
            if found == key and seconds:
                return tokens / seconds
        return 0.0


@dataclass(frozen=True, slots=True)
class Totals:
    requests: int
    mean_seconds: float
    error_rate: float
    tokens_per_second: float


class Metrics:
    def __init__(self) -> None:
        self.requests: defaultdict[tuple[str, int], int] = defaultdict(int)
        self.latency: defaultdict[str, Histogram] = defaultdict(Histogram)
        self.first_token = Histogram()
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self.cache: dict[str, int] = {"HIT": 0, "MISS": 0, "BYPASS": 0}
        self.in_flight = 0
        self.generations = 0
        self.generation_seconds = 0.0  # that engines took for them
        self.pace = Pace()
        self.limited = 0
        self.cancelled = 0
        self.failed = 0
        self.engines_up: Callable[[], Mapping[str, bool]] = dict
        self.waiting: Callable[[], int] = int
        self.tasks: Callable[[], int] = int

    def ended(self, label: str, status: int, seconds: float) -> None:
        self.requests[label, status] += 1
        self.latency[label].add(seconds)
        if status >= 400:
            if status == 429:
                self.limited += 1
            elif status == 499:
                self.cancelled += 1
            elif status >= 500:
                self.failed += 1

    def totals(self) -> Totals:
        """Since the start, over all routes."""
        requests = sum(self.requests.values())
        seconds = sum(histogram.sum for histogram in self.latency.values())
        return Totals(
            requests,
            seconds / requests if requests else 0.0,
            self.failed / requests if requests else 0.0,
            self.completion_tokens / self.generation_seconds if self.generation_seconds else 0.0,
        )

    def render(self) -> bytes:
        # Here and not above: prometheus-client takes a megabyte, and many gateways are never asked.
        from _llamagate.exposition import render

        return render(self)
