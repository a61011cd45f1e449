"""Prometheus metrics of one app: requests counted here, everything else as the store tells it.

So every replica tells the same of import jobs and runs, and a restart resets none of that.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from impler_pipelines.model import ImportJobStatus, PageStatus, RunStatus, Trigger
from impler_pipelines.store.figures import Figures
from impler_pipelines.store.runs import ACTIVE

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OPS = ("fetch_feed", "extract_records", "map_columns", "load_rows")
_LIVE = tuple(status for status in ImportJobStatus if status is not ImportJobStatus.TERMINATED)
_UNSENT = (PageStatus.WAITING, PageStatus.DEAD)
_ENDED = tuple(status for status in RunStatus if status not in ACTIVE)

# Name without its prefix and suffix, as the store counts it: label, its values, help.
_COUNTERS: Mapping[str, tuple[str, Sequence[str], str]] = {
    "runs_ended": ("status", _ENDED, "Runs that ended, by how they ended."),
    "run_attempts": ("trigger", tuple(Trigger), "Attempts at runs that began, by trigger."),
    "op_retries": ("op", _OPS, "Ops tried again within their run after a transient error."),
    "webhook_tries": (
        "outcome",
        ("sent", "failed", "dead"),
        "Tries to send a page to a webhook: taken, to be tried again, given up.",
    ),
    "fetched_bytes": ("", (), "Bytes of feeds fetched."),
    "records": (
        "outcome",
        ("valid", "rejected", "filtered"),
        "Records of loaded feeds: valid, rejected by validation, or filtered out.",
    ),
    "rows": (
        "change",
        ("inserted", "updated", "unchanged", "deleted"),
        "Rows of loads, by what was done to the destination.",
    ),
}
_HISTOGRAMS: Mapping[str, tuple[str, str]] = {
    "run_duration_seconds": ("status", "Time from a run's first begin to its end."),
    "run_start_delay_seconds": ("trigger", "Time from when a run was due to its first begin."),
    "op_duration_seconds": ("op", "Time that an op took, op=fetch_feed being the fetch."),
}


class Metrics:
    """The metrics of one app, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
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

    def render(
        self, figures: Figures | None, *, dagster: tuple[bool, bool], now: dt.datetime
    ) -> bytes:
        """All metrics in Prometheus's text format.

        ``figures`` None: the store can't be reached. ``dagster``: whether its webserver answers,
        and whether that has loaded the code location.
        """
        once = CollectorRegistry()
        once.register(_Given([*_reachability(figures is not None, *dagster)]))
        if figures is not None:
            once.register(_Given([*_gauges(figures, now), *_totals(figures)]))
        return generate_latest(once) + generate_latest(self._registry)

    def count(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request that was answered."""
        known = method if method in _METHODS else "other"  # clients choose methods; labels stay few
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)


class _Given(Collector):
    """Metrics that are known already."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        return iter(self._metrics)


def _reachability(store: bool, dagster: bool, location: bool) -> Iterator[Metric]:
    yield _gauge("store_up", "Whether the store's database is reachable.", store)
    yield _gauge("dagster_up", "Whether Dagster's webserver answers.", dagster)
    words = "Whether Dagster's webserver has loaded the code location."
    yield _gauge("dagster_location_loaded", words, location)


def _gauges(figures: Figures, now: dt.datetime) -> Iterator[Metric]:
    yield _by_status("import_jobs", "Live import jobs by status.", _LIVE, figures.import_jobs)
    words = "Live import jobs whose last run failed."
    yield _gauge("import_jobs_failing", words, figures.failing)
    words = "Failures in a row of the live import job that has most of them."
    yield _gauge("import_jobs_most_consecutive_failures", words, figures.most_failures)
    yield _by_status("runs", "Runs that are queued or running.", ACTIVE, figures.active_runs)
    words = "Pages that wait for their webhook, and those that were given up."
    yield _by_status("webhook_pages", words, _UNSENT, figures.webhook_pages)
    words = "Time since the oldest queued run was asked for; 0 without one."
    yield _gauge("run_queue_age_seconds", words, _age(figures.oldest_queued, now))
    words = "Time since the first begin of the run that runs longest; 0 without one."
    yield _gauge("run_running_age_seconds", words, _age(figures.oldest_running, now))
    words = "How late the most overdue import job is: its due time has passed, no run is claimed."
    yield _gauge("schedule_lag_seconds", words, _age(figures.oldest_due, now))
    ticked_at = figures.tick.ticked_at if figures.tick else None
    in_step_at = figures.tick.in_step_at if figures.tick else None
    words = "When the sync sensor last ticked; 0 if never."
    yield _gauge("sync_last_tick_timestamp_seconds", words, _timestamp(ticked_at))
    words = "When a tick of the sync sensor last left nothing undone; 0 if never."
    yield _gauge("sync_in_step_timestamp_seconds", words, _timestamp(in_step_at))
    words = "Age of the oldest change to an import job that has not reached Dagster; 0 without one."
    yield _gauge("sync_lag_seconds", words, _age(figures.oldest_unsynced, now))


def _totals(figures: Figures) -> Iterator[Metric]:
    for name, (label, values, words) in _COUNTERS.items():
        counted = figures.totals.counters.get(name, {})
        counter = CounterMetricFamily(f"impler_{name}", words, labels=[label] if label else [])
        for value in values or [""]:
            counter.add_metric([value] if label else [], counted.get(value, 0))
        yield counter
    for name, (label, words) in _HISTOGRAMS.items():
        histogram = HistogramMetricFamily(f"impler_{name}", words, labels=[label])
        for value, seen in sorted(figures.totals.histograms.get(name, {}).items()):
            histogram.add_metric([value], list(seen.counts.items()), seen.total)
        yield histogram


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(f"impler_{name}", words, value=value)


def _by_status(
    name: str, words: str, statuses: Sequence[str], counts: Mapping[str, int]
) -> GaugeMetricFamily:
    """Every status, so that an alert on one sees 0 and not nothing."""
    family = GaugeMetricFamily(f"impler_{name}", words, labels=["status"])
    for status in statuses:
        family.add_metric([status], counts.get(status, 0))
    return family


def _age(moment: dt.datetime | None, now: dt.datetime) -> float:
    return 0.0 if moment is None else max((now - moment).total_seconds(), 0.0)


def _timestamp(moment: dt.datetime | None) -> float:
    return 0.0 if moment is None else moment.timestamp()
