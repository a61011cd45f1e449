"""The log of an import job's whole life: every event once, with its ids, without a secret."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from dagster import DagsterInstance, ExecuteInProcessResult, build_sensor_context
from dagster_shared.serdes import serialize_value
from sqlalchemy import update

from impler_pipelines import logs
from impler_pipelines.model import ImportJob
from impler_pipelines.orchestration.dagster_gateway import DagsterGateway
from impler_pipelines.orchestration.names import REQUEST_ID_TAG, RUN_ID_TAG, schedule_name
from impler_pipelines.orchestration.runtime import utc_now
from impler_pipelines.orchestration.snapshot import Snapshot
from impler_pipelines.orchestration.sync_cursor import SyncCursor
from impler_pipelines.orchestration.sync_sensor import build_sync_sensor
from impler_pipelines.store import import_jobs, runs
from impler_pipelines.store.definitions import live_definitions
from impler_pipelines.store.figures import read_figures
from impler_pipelines.store.tables import import_jobs as import_jobs_table
from impler_pipelines_tests.feed_server import Handler
from impler_pipelines_tests.log_lines import Lines, listening
from impler_pipelines_tests.orchestration.conftest import FEED, World, rss
from impler_pipelines_tests.orchestration.fake_dagster import FakeDagster
from impler_pipelines_tests.sources.test_tls import certificate, port  # noqa: F401 - fixtures

ENDED_OF_LOAD = {"records": 3, "valid": 2, "invalid": 1, "inserted": 2, "http_status": 200}


@pytest.fixture
def lines() -> Iterator[Lines]:
    with listening() as heard:
        yield heard


def run_asked_for(world: World, job: ImportJob, request_id: str) -> ExecuteInProcessResult:
    """A run asked for by an API request, and executed under its tag."""
    with logs.bound(request_id=request_id, by="api"), world.runtime.transaction() as connection:
        asked = runs.run_now(connection, job.id, now=utc_now())
    return world.execute(job, **{RUN_ID_TAG: asked.id})


class TestLife:
    def test_every_event_once_with_ids_and_without_secrets(
        self, world: World, lines: Lines
    ) -> None:
        url = f"{world.feeds.url('/feed.xml')}?token=hush1"
        with logs.bound(request_id="req-create", by="api"):
            job = world.add_import_job(url=url)
        (first,) = world.runs(job)
        world.execute(job, **{RUN_ID_TAG: first.id})

        world.feeds.routes["/feed.xml"] = (404, {}, "gone")
        run_asked_for(world, job, "req-again")

        def edit(name: str, **fields: str) -> None:
            with logs.bound(**fields), world.runtime.transaction() as connection:
                getattr(import_jobs, name)(connection, job.id, now=utc_now())

        edit("pause_import_job", by="cli")
        edit("pause_import_job", by="cli")  # nothing happens, and nothing is told
        edit("resume_import_job", by="api", request_id="req-resume")
        edit("terminate_import_job", by="api", request_id="req-delete")

        told = [line for line in lines.all() if line["event"] != "op.ended"]
        assert [(line["event"], line.get("by"), line.get("request_id")) for line in told] == [
            ("run.asked", "api", "req-create"),
            ("import_job.created", "api", "req-create"),
            ("run.begun", None, "req-create"),
            ("run.ended", None, "req-create"),
            ("run.asked", "api", "req-again"),
            ("run.begun", None, "req-again"),
            ("run.ended", None, "req-again"),
            ("import_job.paused", "cli", None),
            ("import_job.resumed", "api", "req-resume"),
            ("import_job.deleted", "api", "req-delete"),
        ]
        assert {line["import_job_id"] for line in told} == {job.id}
        loaded, failed = lines.of("run.ended")
        second = world.runs(job)[0]
        assert (loaded["run_id"], failed["run_id"]) == (first.id, second.id)
        assert {name: loaded[name] for name in ENDED_OF_LOAD} == ENDED_OF_LOAD
        assert (loaded["status"], loaded["level"]) == ("SUCCESS", "info")
        assert (failed["status"], failed["level"], failed["http_status"]) == (
            "FAILED",
            "warning",
            404,
        )
        assert "404" in failed["error"]
        assert failed["dagster_run_id"] == second.dagster_run_id
        assert all(run["seconds"] >= 0 for run in (loaded, failed))
        for secret in ("hush1", "s3cret", "X-Token", "ann", "token="):
            assert secret not in lines.text

    def test_a_retried_op_says_so_each_time(self, world: World, lines: Lines) -> None:
        answers = iter([503, 503])

        def busy_twice(handler: Handler) -> None:
            status = next(answers, 200)
            handler.answer(status, {"Retry-After": "0"}, FEED if status == 200 else "busy")

        world.feeds.routes["/feed.xml"] = busy_twice
        job = world.add_import_job()
        (run,) = world.runs(job)
        world.execute(job, **{RUN_ID_TAG: run.id})
        retried = lines.of("op.retried")
        assert [(r["op"], r["attempt"], r["run_id"]) for r in retried] == [
            ("fetch_feed", 1, run.id),
            ("fetch_feed", 2, run.id),
        ]
        assert all(r["wait_seconds"] > 0 and "503" in r["error"] for r in retried)
        (ended,) = lines.of("run.ended")
        assert ended["status"] == "SUCCESS"
        with world.runtime.transaction() as connection:
            totals = read_figures(connection).totals
        assert totals.counters["op_retries"] == {"fetch_feed": 2}
        assert totals.histograms["op_duration_seconds"]["fetch_feed"].counts["+Inf"] == 3
        assert totals.counters["fetched_bytes"] == {"": len(FEED)}

    @pytest.mark.parametrize("world", ["store"], indirect=True)
    def test_dagster_is_told_no_secret_either(
        self,
        world: World,
        capfd: pytest.CaptureFixture[str],
        port: int,  # noqa: F811 - of a server whose certificate nobody knows
    ) -> None:
        """Errors have causes, and libraries name whole URLs in theirs: "… with url: /x?token=…"."""
        job = world.add_import_job(url=f"https://localhost:{port}/feed.xml?token=hush")
        result = world.execute(job)
        assert not result.success
        kept = world.instance.all_logs(result.run_id)
        assert "certificate is not valid" in str(kept)
        out, err = capfd.readouterr()
        for told in (*map(serialize_value, kept), out, err):
            assert "hush" not in told

    def test_a_load_that_is_rolled_back_is_not_told_as_done(
        self, world: World, lines: Lines
    ) -> None:
        """The feed's second half is broken: its rows, its end and its counts are all forgotten."""
        world.feeds.routes["/feed.xml"] = (200, {}, rss(("Lamp", "/1", None))[:-12])
        job = world.add_import_job()
        (run,) = world.runs(job)
        world.execute(job, **{RUN_ID_TAG: run.id})
        (ended,) = lines.of("run.ended")
        assert (ended["status"], "inserted" in ended) == ("FAILED", False)
        with world.runtime.transaction() as connection:
            assert "rows" not in read_figures(connection).totals.counters


@pytest.mark.parametrize("world", ["store"], indirect=True)
class TestSync:
    def tick(self, world: World, *, sweep: bool = False) -> None:
        with world.runtime.transaction() as connection:
            snapshot = Snapshot(live_definitions(connection), read_at=utc_now())
        sensor = build_sync_sensor(world.runtime, lambda: snapshot)
        with DagsterInstance.ephemeral() as instance:
            cursor = None if sweep else SyncCursor(utc_now()).write()
            sensor.evaluate_tick(build_sensor_context(instance, cursor=cursor))

    def test_a_launch_carries_the_request_and_is_told(self, world: World, lines: Lines) -> None:
        world.runtime.gateway = dagster = FakeDagster()
        with logs.bound(request_id="req-1", by="api"):
            job = world.add_import_job()
        self.tick(world)
        ((_, tags),) = dagster.launched
        assert tags[REQUEST_ID_TAG] == "req-1"
        (launched,) = lines.of("run.launched")
        assert (launched["request_id"], launched["by"]) == ("req-1", "sync")
        assert launched["dagster_run_id"] == "dagster-1"
        (acted,) = lines.of("sync.acted")
        assert job.id in acted["did"]

    def test_a_tick_without_work_says_nothing(self, world: World, lines: Lines) -> None:
        world.runtime.gateway = FakeDagster()
        self.tick(world, sweep=True)
        self.tick(world)
        assert lines.events() == []

    def test_a_toggle_in_dagster_and_an_end_are_told_as_such(
        self, world: World, lines: Lines
    ) -> None:
        world.runtime.gateway = dagster = FakeDagster()
        paused = world.add_import_job(run_now=False)
        over = world.add_import_job(run_now=False, ends_on=utc_now() + dt.timedelta(hours=1))
        with world.runtime.transaction() as connection:
            past = utc_now() - dt.timedelta(hours=1)
            connection.execute(
                update(import_jobs_table)
                .where(import_jobs_table.c.id == over.id)
                .values(ends_on=past, next_run=None)
            )
        dagster.schedules[schedule_name(paused.id)] = False
        self.tick(world, sweep=True)
        (line,) = lines.of("import_job.paused")
        assert (line["by"], line["import_job_id"]) == ("dagster", paused.id)
        (line,) = lines.of("import_job.completed")
        assert (line["by"], line["import_job_id"]) == ("end", over.id)

    def test_dagster_away_is_told_once_and_its_return_once(
        self, world: World, lines: Lines
    ) -> None:
        away = DagsterGateway("http://127.0.0.1:1")
        world.runtime.gateway = away
        for _ in range(3):
            self.tick(world, sweep=True)
        assert lines.events() == ["dagster.unreachable", "sync.stuck"]
        with world.runtime.transaction() as connection:
            tick = read_figures(connection).tick
        assert tick is not None
        assert tick.in_step_at is None
        world.runtime.gateway = FakeDagster()
        for _ in range(2):
            self.tick(world, sweep=True)
        assert lines.events()[2:] == ["sync.recovered"]
        with world.runtime.transaction() as connection:
            tick = read_figures(connection).tick
        assert tick is not None
        assert tick.in_step_at == tick.ticked_at
