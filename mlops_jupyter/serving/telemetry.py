"""Counts and latencies of the endpoints, cheap to write and rendered only when somebody looks."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from time import monotonic

LATENCY_BUCKETS = (
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0,
)  # fmt: skip
"""Upper bounds in seconds."""

_WINDOW_SECONDS = 60.0
_KEPT = 4096
"""Latest calls kept of each endpoint."""


@dataclass(frozen=True)
class EndpointTelemetry:
    """What an endpoint did in the last minute: requests per second and latency quantiles."""

    requests_per_second: float
    p50_ms: float | None
    p99_ms: float | None
    waiting: int
    in_flight: dict[int, int]


@dataclass
class EndpointMeter:
    """Counters of one endpoint since the hub started, and its latest calls."""

    counts: dict[tuple[int, int], int] = field(default_factory=dict)  # (version, status)
    buckets: list[int] = field(default_factory=lambda: [0] * (len(LATENCY_BUCKETS) + 1))
    seconds: float = 0.0
    # rings of numbers, not of pairs: an object a call would push others out of the cache
    _when: array[float] = field(default_factory=lambda: array("d"))
    _took: array[float] = field(default_factory=lambda: array("d"))
    _at: int = 0

    def count(self, version: int, status: int, now: float, seconds: float) -> None:
        """Count one call that ended at monotonic `now` after `seconds`."""
        key = (version, status)
        self.counts[key] = self.counts.get(key, 0) + 1
        self.buckets[bisect_left(LATENCY_BUCKETS, seconds)] += 1
        self.seconds += seconds
        at = self._at
        if len(self._when) < _KEPT:
            self._when.append(now)
            self._took.append(seconds)
        else:
            self._when[at] = now
            self._took[at] = seconds
        self._at = (at + 1) % _KEPT

    def since(self, moment: float) -> list[float]:
        """Seconds that each call took which ended after monotonic `moment`, of the latest ones."""
        recent = []
        # from the newest backwards; a negative place counts from the ring's end
        for place in range(self._at - 1, self._at - 1 - len(self._when), -1):
            if self._when[place] <= moment:
                break
            recent.append(self._took[place])
        return recent

    def rate(self, now: float) -> float:
        """Requests per second over the last minute, or over the latest calls if they were more."""
        recent = [when for when in self._when if now - when <= _WINDOW_SECONDS]
        full = len(recent) == _KEPT
        return len(recent) / (max(now - min(recent), 0.001) if full else _WINDOW_SECONDS)

    def quantiles(self, now: float) -> tuple[float | None, float | None]:
        """p50 and p99 latency in milliseconds over the last minute; None without calls."""
        calls = zip(self._when, self._took, strict=True)
        recent = sorted(seconds for when, seconds in calls if now - when <= _WINDOW_SECONDS)
        if not recent:
            return None, None
        return recent[(len(recent) - 1) // 2] * 1000, p99_ms(recent)


def p99_ms(seconds: Sequence[float]) -> float:
    """The 99th percentile in milliseconds of latencies in rising order, at least one."""
    return seconds[round((len(seconds) - 1) * 0.99)] * 1000


@dataclass(frozen=True)
class ReplicaCounts:
    """Replicas of one version, for the metrics page."""

    endpoint: str
    version: int
    replicas_desired: int
    replicas_ready: int
    calls_in_flight: int
    calls_waiting: int


_GAUGES = {
    "replicas_desired": "Replicas wanted",
    "replicas_ready": "Replicas that answer",
    "calls_in_flight": "Calls queued or running",
    "calls_waiting": "Calls that wait for a replica",
}


def render(meters: dict[str, EndpointMeter], replicas: Iterable[ReplicaCounts]) -> bytes:
    """All counters as Prometheus text exposition."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
        Metric,
    )

    class _Collector:
        def collect(self) -> Iterator[Metric]:
            requests = CounterMetricFamily(
                "mlops_requests", "Calls of an endpoint", labels=["endpoint", "version", "status"]
            )
            latency = HistogramMetricFamily(
                "mlops_request_seconds", "Seconds from request to answer", labels=["endpoint"]
            )
            for name, meter in meters.items():
                for (version, status), count in meter.counts.items():
                    requests.add_metric([name, str(version or ""), str(status)], count)
                total, rows = 0, []
                bounds = [*map(str, LATENCY_BUCKETS), "+Inf"]
                for bound, count in zip(bounds, meter.buckets, strict=True):
                    total += count
                    rows.append((bound, total))
                latency.add_metric([name], rows, meter.seconds)
            yield requests
            yield latency
            gauges = {
                name: GaugeMetricFamily(
                    f"mlops_{name}", description, labels=["endpoint", "version"]
                )
                for name, description in _GAUGES.items()
            }
            for counts in replicas:
                for name, gauge in gauges.items():
                    gauge.add_metric([counts.endpoint, str(counts.version)], getattr(counts, name))
            yield from gauges.values()

    registry = CollectorRegistry()
    registry.register(_Collector())
    return bytes(generate_latest(registry))


def observe(meter: EndpointMeter, in_flight: dict[int, int], waiting: int) -> EndpointTelemetry:
    """The last minute of one endpoint."""
    now = monotonic()
    p50, p99 = meter.quantiles(now)
    return EndpointTelemetry(meter.rate(now), p50, p99, waiting, in_flight)
