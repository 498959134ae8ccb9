"""What the server counts, as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024)


class Metrics:
    """Counters of one server. Neither texts nor addresses of clients are in them.

    Args:
        waiting: number of requests that wait or run.
        version: of the model that is served.
    """

    def __init__(self, waiting: Callable[[], float], version: Callable[[], float]):
        self._registry = CollectorRegistry()
        self._requests = Counter("xtremedistil_requests", "Requests by route and status of HTTP.",
                                 ["route", "status"], registry=self._registry)
        self._seconds = Histogram("xtremedistil_request_seconds", "Seconds from head to answer, by route.", ["route"],
                                  buckets=_SECONDS, registry=self._registry)
        self._batch = Histogram("xtremedistil_batch_texts", "Texts that the model is given at once.", buckets=_TEXTS,
                                registry=self._registry)
        self._reloads = Counter("xtremedistil_reloads", "New versions of the model, by result.", ["result"],
                                registry=self._registry)
        Gauge("xtremedistil_waiting_requests", "Requests that wait for the model or run.",
              registry=self._registry).set_function(waiting)
        Gauge("xtremedistil_model_version", "Version of the model that is served.",
              registry=self._registry).set_function(version)

    def request(self, route: str, status: int, seconds: float) -> None:
        """Counts a request that was answered; status 0: its client had gone."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def batch(self, texts: int) -> None:
        """Counts a batch."""
        self._batch.observe(texts)

    def reload(self, result: str) -> None:
        """Counts a new version: `ok` or `failed`."""
        self._reloads.labels(result).inc()

    def text(self) -> bytes:
        """All of it."""
        return bytes(generate_latest(self._registry))
