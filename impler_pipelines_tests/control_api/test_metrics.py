"""``/metrics``: what Prometheus reads, the same from every replica, and never going back."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, delete

from impler_pipelines.control_api.app import create_app
from impler_pipelines.store.engine import open_store, transaction
from impler_pipelines.store.tables import runs
from impler_pipelines.store.tallies import fold_tallies
from impler_pipelines_tests.control_api.conftest import (
    host_app,
    new_key,
    serving,
    settings_for,
)
from impler_pipelines_tests.control_api.host_app import HostApp
from impler_pipelines_tests.feed_server import FeedServer

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
NAMES = {
    "impler_api_request_seconds": "histogram",
    "impler_api_requests": "counter",
    "impler_dagster_location_loaded": "gauge",
    "impler_dagster_up": "gauge",
    "impler_fetched_bytes": "counter",
    "impler_import_jobs": "gauge",
    "impler_import_jobs_failing": "gauge",
    "impler_import_jobs_most_consecutive_failures": "gauge",
    "impler_op_duration_seconds": "histogram",
    "impler_op_retries": "counter",
    "impler_records": "counter",
    "impler_rows": "counter",
    "impler_run_attempts": "counter",
    "impler_run_duration_seconds": "histogram",
    "impler_run_queue_age_seconds": "gauge",
    "impler_run_running_age_seconds": "gauge",
    "impler_run_start_delay_seconds": "histogram",
    "impler_runs": "gauge",
    "impler_runs_ended": "counter",
    "impler_schedule_lag_seconds": "gauge",
    "impler_store_up": "gauge",
    "impler_sync_in_step_timestamp_seconds": "gauge",
    "impler_sync_lag_seconds": "gauge",
    "impler_sync_last_tick_timestamp_seconds": "gauge",
    "impler_webhook_pages": "gauge",
    "impler_webhook_tries": "counter",
}


def scrape(app: HostApp) -> tuple[dict[str, str], Samples]:
    """Names with their kinds, and all samples, as Prometheus's own parser reads them."""
    answer = app.call("GET", "/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    kinds: dict[str, str] = {}
    samples: Samples = {}
    for family in text_string_to_metric_families(answer.text):
        assert family.name not in kinds
        assert family.documentation, family.name
        kinds[family.name] = family.type
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in samples
            samples[key] = sample.value
    return kinds, samples


def of(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, tuple(sorted(labels.items()))]


def test_the_documents_name_every_metric_and_no_other() -> None:
    text = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    suffixes = {"counter": ("_total",), "histogram": ("", "_bucket"), "gauge": ("",)}
    known = {name + suffix for name, kind in NAMES.items() for suffix in suffixes[kind]}
    named = {name for name in re.findall(r"impler_[a-z_]+[a-z]", text) if name != "impler_api"}
    assert named - {"impler_pipelines"} <= known
    assert {name for name in known if not name.endswith("_bucket")} <= named


class TestMetrics:
    def test_names_kinds_and_a_life(
        self, store_url: str, tmp_path: Path, feed_server: FeedServer
    ) -> None:
        engine = open_store(store_url)
        installation = create_app(settings_for(store_url, tmp_path))
        with serving(installation) as url, host_app(url, new_key(engine)) as app:
            app.call("GET", "/healthz")
            _, before = scrape(app)
            assert of(before, "impler_runs_ended_total", status="CANCELLED") == 0
            assert of(before, "impler_import_jobs", status="RUNNING") == 0
            job = app.import_job(feed_server)
            _, during = scrape(app)
            assert of(during, "impler_import_jobs", status="RUNNING") == 1
            assert of(during, "impler_runs", status="QUEUED") == 1
            assert of(during, "impler_run_queue_age_seconds") > 0
            assert of(during, "impler_sync_lag_seconds") > 0
            assert of(during, "impler_schedule_lag_seconds") == 0
            app.call("PUT", f"/v1/import-jobs/user/{job['_id']}/pause")
            kinds, after = scrape(app)
            assert of(after, "impler_import_jobs", status="PAUSED") == 1
            assert of(after, "impler_runs", status="QUEUED") == 0
            assert of(after, "impler_runs_ended_total", status="CANCELLED") == 1
            assert of(after, "impler_store_up") == 1
            assert of(after, "impler_dagster_up") == 0
            assert {n: k for n, k in kinds.items() if not n.endswith("_created")} == NAMES
            self.counters_only_grow(engine, app, before, after)
        engine.dispose()

    @staticmethod
    def counters_only_grow(engine: Engine, app: HostApp, *earlier: Samples) -> None:
        """Also when the runs that they count are deleted, and when they are folded."""
        with transaction(engine) as connection:
            connection.execute(delete(runs))
            fold_tallies(connection, beyond=0)
        _, last = scrape(app)
        assert of(last, "impler_runs_ended_total", status="CANCELLED") == 1
        for first, then in zip(earlier, [*earlier[1:], last], strict=True):
            for (name, labels), value in first.items():
                if name.endswith(("_total", "_count", "_sum", "_bucket")):
                    assert then[name, labels] >= value, (name, labels)

    def test_every_replica_tells_the_same(
        self, store_url: str, tmp_path: Path, feed_server: FeedServer
    ) -> None:
        engine = open_store(store_url)
        settings = settings_for(store_url, tmp_path)
        with (
            serving(create_app(settings)) as one,
            serving(create_app(settings)) as two,
            host_app(one, new_key(engine)) as app,
            host_app(two, None) as other,
        ):
            app.import_job(feed_server)
            shared = [
                {
                    key: value
                    for key, value in scrape(where)[1].items()
                    if not key[0].startswith("impler_api") and not key[0].endswith("_seconds")
                }
                for where in (app, other)
            ]
            assert shared[0] == shared[1]
            assert of(shared[0], "impler_runs", status="QUEUED") == 1
        engine.dispose()

    def test_without_the_store_it_still_answers(self, tmp_path: Path) -> None:
        down = create_app(settings_for("postgresql://nobody@127.0.0.1:1/nothing", tmp_path))
        with serving(down) as url, host_app(url, "k") as app:
            app.call("GET", "/v1/templates")
            kinds, samples = scrape(app)
        assert of(samples, "impler_store_up") == 0
        assert "impler_api_requests" in kinds
        assert "impler_runs" not in kinds
