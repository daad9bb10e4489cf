"""Counts calls and how long they take, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Measures:
    """What one process has measured of its calls; routes by their template, so that their number is bounded."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        labels = ["method", "route", "status"]
        self._calls = Counter("mnemon_http_requests", "Calls by route and status.", labels, registry=self._registry)
        self._seconds = Histogram(
            "mnemon_http_request_seconds",
            "Seconds until the last byte of an answer.",
            ["method", "route"],
            buckets=_BOUNDS,
            registry=self._registry,
        )
        self._running = Gauge("mnemon_http_running", "Calls that are being answered.", registry=self._registry)
        self._dropped = Counter("mnemon_http_log_dropped", "Log rows that were not written.", registry=self._registry)

    def begin(self) -> None:
        """Note that a call has begun."""
        self._running.inc()

    def end(self, method: str, route: str, status: int, seconds: float) -> None:
        """Note that a call has ended."""
        self._running.dec()
        self._calls.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def drop(self, count: int) -> None:
        """Note that log rows were left out."""
        self._dropped.inc(count)

    def text(self) -> bytes:
        """Return all of it in Prometheus' format."""
        return generate_latest(self._registry)
