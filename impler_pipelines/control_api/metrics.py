"""Prometheus metrics of one app: requests counted here, import jobs and runs by the store."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from impler_pipelines.control_api.store_access import StoreAccess
from impler_pipelines.errors import StoreUnavailable
from impler_pipelines.store.import_jobs import count_import_jobs
from impler_pipelines.store.runs import count_runs

logger = logging.getLogger(__name__)

_UNROUTED = "none"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The metrics of one app, in a registry of their own."""

    def __init__(self, store: StoreAccess) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_StoreCollector(store))
        self._requests = Counter(
            "impler_api_requests",
            "Requests answered, by method, route and status.",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "impler_api_request_seconds",
            "Time until the whole answer was sent, by route.",
            ["route"],
            registry=self._registry,
        )

    def render(self) -> bytes:
        """All metrics in Prometheus's text format."""
        return generate_latest(self._registry)

    def count(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request that was answered."""
        known = method if method in _METHODS else "other"  # clients choose methods; labels stay few
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)


class CountedRequests:
    """ASGI middleware that counts each request under its route's pattern, never under its path."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Go on, and count the answer once it is sent."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, begun_at = 500, time.perf_counter()

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note_status)
        finally:
            self._metrics.count(
                method=scope["method"],
                route=getattr(scope.get("route"), "path_format", _UNROUTED),
                status=status,
                seconds=time.perf_counter() - begun_at,
            )


class _StoreCollector(Collector):
    """Asks the store at each scrape, so that every replica tells the same."""

    def __init__(self, store: StoreAccess) -> None:
        self._store = store

    def describe(self) -> Iterator[Metric]:
        return iter(())  # nothing is asked at registration

    def collect(self) -> Iterator[Metric]:
        reachable = GaugeMetricFamily("impler_store_up", "Whether the database is reachable.")
        try:
            with self._store.transaction() as connection:
                by_name = {
                    "import_jobs": count_import_jobs(connection),
                    "runs": count_runs(connection),
                }
        except StoreUnavailable as error:
            logger.warning("Metrics without the store: %s", error)
            reachable.add_metric([], 0)
            yield reachable
            return
        reachable.add_metric([], 1)
        yield reachable
        for name, counts in by_name.items():
            words = name.replace("_", " ").capitalize()
            family = GaugeMetricFamily(f"impler_{name}", f"{words} by status.", labels=["status"])
            for status, count in counts.items():
                family.add_metric([status], count)
            yield family
