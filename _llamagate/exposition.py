"""What Prometheus reads: the numbers of `metrics` as families of prometheus-client.

What is counted, and when, is decided there.
"""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from _llamagate.metrics import BOUNDS, Histogram, Metrics


class _Collector:
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        return families(self._metrics)


def render(metrics: Metrics) -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(metrics))
    return generate_latest(registry)


def families(metrics: Metrics) -> Iterator[Metric]:
    requests = CounterMetricFamily(
        "llamagate_requests", "Requests answered.", labels=("route", "status")
    )
    for (label, status), count in metrics.requests.items():
        requests.add_metric((label, str(status)), count)
    yield requests
    latency = HistogramMetricFamily(
        "llamagate_request_seconds", "From entry to the last byte.", labels=("route",)
    )
    for label, histogram in metrics.latency.items():
        latency.add_metric((label,), _buckets(histogram), histogram.sum)
    yield latency
    first = HistogramMetricFamily("llamagate_first_token_seconds", "Entry to the first token.")
    first.add_metric((), _buckets(metrics.first_token), metrics.first_token.sum)
    yield first
    yield from _simple(metrics)


def _simple(metrics: Metrics) -> Iterator[Metric]:
    for name, what, value in (
        ("prompt_tokens", "Tokens read by engines.", metrics.prompt_tokens),
        ("completion_tokens", "Tokens written by engines.", metrics.completion_tokens),
        ("limited_requests", "Requests refused by a rate limit.", metrics.limited),
        ("cancelled_requests", "Requests whose client left.", metrics.cancelled),
    ):
        yield CounterMetricFamily(f"llamagate_{name}", what, value)
    cache = CounterMetricFamily("llamagate_cache", "Cache lookups.", labels=("result",))
    for result, count in metrics.cache.items():
        cache.add_metric((result.lower(),), count)
    yield cache
    yield GaugeMetricFamily(
        "llamagate_requests_in_flight", "Requests being answered.", metrics.in_flight
    )
    yield GaugeMetricFamily("llamagate_tasks", "Tasks of the event loop.", metrics.tasks())
    yield GaugeMetricFamily(
        "llamagate_requests_waiting", "Requests waiting for a slot.", metrics.waiting()
    )
    up = GaugeMetricFamily("llamagate_engine_up", "1 when it answers.", labels=("engine",))
    for engine, is_up in metrics.engines_up().items():
        up.add_metric((engine,), int(is_up))
    yield up


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """Prometheus' buckets are cumulative."""
    found: list[tuple[str, float]] = []
    count = 0
    for bound, inside in zip((*map(str, BOUNDS), "+Inf"), histogram.counts, strict=True):
        count += inside
        found.append((bound, count))
    return found
