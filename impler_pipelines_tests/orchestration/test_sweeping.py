"""Retention on a real Dagster instance on PostgreSQL: what goes, what stays, how far it goes."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetKey, DagsterInstance, DagsterRun, DagsterRunStatus, build_sensor_context
from sqlalchemy import text

import impler_pipelines
from impler_pipelines.model import FeedState, ImportJob, RunStatus
from impler_pipelines.orchestration.history import DagsterHistory
from impler_pipelines.orchestration.kept_connections import let_go
from impler_pipelines.orchestration.names import (
    RUN_ID_TAG,
    SYNC_SENSOR,
    job_name,
    schedule_name,
)
from impler_pipelines.orchestration.references import reference_directory
from impler_pipelines.orchestration.runtime import Runtime, utc_now
from impler_pipelines.orchestration.sweep_sensor import build_sweep_sensor
from impler_pipelines.orchestration.sweeping import Bound, Progress, Sweeper
from impler_pipelines.settings import Settings
from impler_pipelines.store import import_jobs, runs
from impler_pipelines.store.audit import list_audit
from impler_pipelines.supervisor.embedded_postgres import EmbeddedPostgres
from impler_pipelines_tests.conftest import _database
from impler_pipelines_tests.orchestration.conftest import World, rss
from impler_pipelines_tests.orchestration.ticks import (
    add_schedule_state,
    add_tick,
    schedule_names,
    tick_times,
)

ANY_JOB = job_name("0" * 24)

pytestmark = pytest.mark.parametrize("world", ["store"], indirect=True)


@contextmanager
def dagster_on(database_url: str, home: Path) -> Iterator[DagsterInstance]:
    """An instance of the project's own ``dagster.yaml``; it makes its tables where there are none.

    ``home`` must not exist yet.
    """
    home.mkdir()
    shutil.copy(Path(impler_pipelines.__file__).parents[1] / "dagster.yaml", home)
    with pytest.MonkeyPatch.context() as patch:
        url = Settings(database_url=database_url).dagster_storage_url
        patch.setenv("IMPLER_DAGSTER_STORAGE_URL", url)
        patch.setenv("DAGSTER_HOME", str(home))
        with DagsterInstance.from_config(str(home)) as opened:
            yield opened
        let_go()


@pytest.fixture(scope="module")
def with_tables_of_dagster(
    postgres_server: EmbeddedPostgres,
    _store_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """A database with the tables of store and Dagster, made once, to copy from."""
    with _database(postgres_server, _store_template) as url:
        with dagster_on(url, tmp_path_factory.mktemp("instance") / "home") as first:
            assert first.get_run_records() == []
        yield url.partition("?")[0].rpartition("/")[2]


@pytest.fixture
def store_url(postgres_server: EmbeddedPostgres, with_tables_of_dagster: str) -> Iterator[str]:
    with _database(postgres_server, with_tables_of_dagster) as url:
        yield url.replace("postgresql://", "postgresql+psycopg://", 1)


@pytest.fixture
def instance(store_url: str, tmp_path: Path) -> Iterator[DagsterInstance]:
    with dagster_on(store_url, tmp_path / "dagster") as opened:
        yield opened


@dataclass
class Aging:
    """A world whose Dagster runs can be made older, and swept with settings of one's choice."""

    world: World
    instance: DagsterInstance
    progress: Progress = field(default_factory=Progress)

    def sweep(
        self,
        *,
        bound: Bound | None = None,
        later: dt.timedelta = dt.timedelta(0),
        **settings: Any,
    ) -> str:
        kept = Runtime(self.world.runtime.settings.model_copy(update=settings))
        sweeper = Sweeper(kept, DagsterHistory(self.instance), utc_now() + later, bound or Bound())
        try:
            self.progress = sweeper.sweep(self.progress)
        finally:
            kept.engine.dispose()
        return "; ".join(sweeper.done)

    def age(self, dagster_run_id: str, days: float) -> str:
        with self.world.runtime.transaction() as connection:
            connection.execute(
                text(
                    "UPDATE dagster.runs SET update_timestamp = update_timestamp - :age"
                    " WHERE run_id = :id"
                ),
                {"age": dt.timedelta(days=days), "id": dagster_run_id},
            )
        return dagster_run_id

    def load(self, job: ImportJob, days: float = 0.0) -> str:
        """A run that ended so many days ago and had something new to load."""
        number = len(self.world.feeds.requests)
        feed = rss(("Lamp", "/1", str(number)))
        self.world.feeds.routes["/feed.xml"] = (200, {"ETag": f'"v{number}"'}, feed)
        result = self.world.execute(job)
        assert result.success
        return self.age(result.run_id, days)

    def find_unchanged(self, job: ImportJob, days: float) -> str:
        """A run that ended so many days ago and found nothing new; nothing is executed."""
        run_id = self.add_run(job_name(job.id), DagsterRunStatus.SUCCESS, days)
        with self.world.runtime.transaction() as connection:
            run = runs.begin_attempt(
                connection,
                job_id=job.id,
                run_id=None,
                dagster_run_id=run_id,
                reexecution=False,
                now=utc_now(),
            )
            runs.record_unchanged(
                connection,
                job_id=job.id,
                run_id=run.id,
                dagster_run_id=run_id,
                feed_state=FeedState(),
                now=utc_now(),
            )
        return run_id

    def begin(self, job: ImportJob, days: float) -> str:
        """A Dagster run that is over while the import job's first Run, which it was for, is not."""
        run = self.world.runs(job)[0]
        return self.add_run(job_name(job.id), DagsterRunStatus.FAILURE, days, run.id)

    def add_run(self, name: str, status: DagsterRunStatus, days: float, run_id: str = "") -> str:
        """A Dagster run with compute logs that was never executed; ``run_id`` is its Run's."""
        tags = {RUN_ID_TAG: run_id} if run_id else {}
        run = self.instance.add_run(DagsterRun(job_name=name, status=status, tags=tags))
        manager = self.instance.compute_log_manager
        with manager.capture_logs(manager.build_log_key_for_run(run.run_id, "step")):
            print("from the run's process")
        return self.age(run.run_id, days)

    def fail(self, days: float) -> str:
        """A run of an import job that failed so many days ago; nothing is executed."""
        return self.add_run(ANY_JOB, DagsterRunStatus.FAILURE, days)

    def kept(self) -> set[str]:
        return {record.dagster_run.run_id for record in self.instance.get_run_records()}

    def traces(self, dagster_run_id: str) -> dict[str, int]:
        """What there is of a run in each place where something may be."""
        count = "SELECT count(*) FROM dagster.{} WHERE run_id = :id"
        with self.world.runtime.transaction() as connection:
            rows = {
                table: connection.execute(
                    text(count.format(table)), {"id": dagster_run_id}
                ).scalar_one()
                for table in ("runs", "run_tags", "event_logs")
            }
        return rows | {"compute logs": len(self.compute_logs(dagster_run_id))}

    def compute_logs(self, dagster_run_id: str) -> list[Path]:
        storage = Path(self.instance.root_directory) / "storage"
        return list((storage / dagster_run_id).rglob("*"))


@pytest.fixture
def aging(world: World, instance: DagsterInstance) -> Aging:
    return Aging(world, instance)


class TestRuns:
    def test_old_ones_vanish_with_all_their_traces(self, aging: Aging) -> None:
        job = aging.world.add_import_job()
        old, young = aging.load(job, 31), aging.load(job, 29)
        assert all(aging.traces(old).values())
        assert "Deleted 1 runs with their events" in aging.sweep()
        assert sum(aging.traces(old).values()) == 0
        assert aging.kept() == {young}
        assert aging.traces(young)["event_logs"] > 20
        # What the API tells of runs is the store's.
        assert {run.dagster_run_id for run in aging.world.runs(job)} >= {old, young}

    @pytest.mark.parametrize("status", [DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED])
    def test_also_those_that_did_not_succeed(self, aging: Aging, status: DagsterRunStatus) -> None:
        gone, kept = (aging.add_run(ANY_JOB, status, days) for days in (31, 29))
        aging.sweep()
        assert aging.kept() == {kept}
        assert sum(aging.traces(gone).values()) == 0

    @pytest.mark.parametrize(
        "status",
        [DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING],
    )
    def test_one_that_is_not_over_stays(self, aging: Aging, status: DagsterRunStatus) -> None:
        kept = aging.add_run(ANY_JOB, status, 400)
        aging.sweep()
        assert aging.kept() == {kept}

    def test_the_attempts_of_a_run_that_is_active_in_the_store_stay(self, aging: Aging) -> None:
        job = aging.world.add_import_job()
        run = aging.world.runs(job)[0]
        attempts = [
            aging.add_run(job_name(job.id), DagsterRunStatus.FAILURE, 40, tag)
            for tag in (run.id, "")
        ]
        gone = aging.fail(40)
        with aging.world.runtime.transaction() as connection:
            runs.begin_attempt(
                connection,
                job_id=job.id,
                run_id=run.id,
                dagster_run_id=attempts[1],
                reexecution=False,
                now=utc_now(),
            )
        aging.sweep()
        assert aging.kept() == set(attempts)
        assert gone not in attempts

    def test_the_newest_load_of_a_table_stays_for_its_asset(self, aging: Aging) -> None:
        job = aging.world.add_import_job()
        aging.load(job, 100)
        newest = aging.load(job, 90)
        aging.fail(80)
        aging.sweep()
        assert aging.kept() == {newest}
        event = aging.instance.get_latest_materialization_event(AssetKey(["imports", "products"]))
        assert event is not None
        assert event.run_id == newest
        materializations = aging.instance.fetch_materializations(
            AssetKey(["imports", "products"]), limit=10
        )
        assert [record.run_id for record in materializations.records] == [newest]

    def test_other_code_locations_keep_theirs(self, aging: Aging) -> None:
        kept = {aging.add_run("nightly_report", DagsterRunStatus.SUCCESS, 400) for _ in range(3)}
        aging.fail(31)
        aging.sweep(bound=Bound(runs=2))
        aging.sweep(bound=Bound(runs=2))
        assert aging.kept() == kept
        assert all(aging.compute_logs(run) for run in kept)

    def test_blank_keeps_them(self, aging: Aging) -> None:
        kept = aging.fail(3_000)
        assert aging.sweep(keep_runs_days=None, keep_compute_logs_days=None) == ""
        assert aging.kept() == {kept}


class TestUnchanged:
    def test_they_go_sooner_than_loads_and_failures(self, aging: Aging) -> None:
        job = aging.world.add_import_job()
        kept = {aging.load(job, 5), aging.find_unchanged(job, 2), aging.fail(5)}
        gone = aging.find_unchanged(job, 4)
        assert "Deleted 1 unchanged runs" in aging.sweep()
        assert aging.kept() == kept
        assert sum(aging.traces(gone).values()) == 0


class TestComputeLogs:
    def test_they_go_sooner_than_their_run(self, aging: Aging) -> None:
        old, young = aging.fail(8), aging.fail(6)
        assert aging.compute_logs(old)
        aging.sweep()
        assert aging.kept() == {old, young}
        assert aging.compute_logs(old) == []
        assert aging.compute_logs(young)

    def test_at_the_latest_with_it(self, aging: Aging) -> None:
        old = aging.fail(31)
        aging.sweep(keep_compute_logs_days=None)
        assert aging.compute_logs(old) == []


class TestBound:
    def test_a_sweep_goes_on_where_the_last_one_ended(self, aging: Aging) -> None:
        ids = [aging.fail(100 - n) for n in range(5)]
        assert "Deleted 2 runs" in aging.sweep(bound=Bound(runs=2))
        assert aging.kept() == set(ids[2:])
        assert "Deleted 2 runs" in aging.sweep(bound=Bound(runs=2))
        assert aging.kept() == {ids[4]}
        aging.sweep(bound=Bound(runs=2))
        assert aging.kept() == set()

    def test_what_is_kept_does_not_stand_in_the_way(self, aging: Aging) -> None:
        job = aging.world.add_import_job()
        needed = aging.begin(job, 200)
        aging.fail(100)
        for _ in range(2):
            aging.sweep(bound=Bound(runs=1))
        assert aging.kept() == {needed}

    def test_what_was_needed_once_goes_later(self, aging: Aging) -> None:
        job = aging.world.add_import_job()
        needed = aging.begin(job, 200)
        aging.sweep()
        with aging.world.runtime.transaction() as connection:
            import_jobs.terminate_import_job(connection, job.id, now=utc_now())
        aging.sweep()
        assert aging.kept() == {needed}
        aging.sweep(later=dt.timedelta(hours=1))
        assert aging.kept() == set()

    def test_out_of_time_it_deletes_nothing_more(self, aging: Aging) -> None:
        kept = aging.fail(100)
        aging.sweep(bound=Bound(seconds=0))
        assert aging.kept() == {kept}


class TestTicks:
    def test_those_of_schedules_that_are_gone_go_too(self, aging: Aging) -> None:
        live, gone = aging.world.add_import_job(), aging.world.add_import_job()
        now = utc_now()
        with aging.world.runtime.transaction() as connection:
            import_jobs.terminate_import_job(connection, gone.id, now=now - dt.timedelta(days=20))
        states = [add_schedule_state(aging.instance, schedule_name(job.id)) for job in (live, gone)]
        for state in states:
            for days in (30, 8, 6):
                add_tick(aging.instance, state, now - dt.timedelta(days=days))
        aging.sweep()
        assert [len(tick_times(aging.instance, state)) for state in states] == [1, 1]
        assert schedule_names(aging.instance) == {schedule_name(live.id)}

    def test_a_schedule_deleted_lately_is_still_known(self, aging: Aging) -> None:
        job = aging.world.add_import_job()
        with aging.world.runtime.transaction() as connection:
            import_jobs.terminate_import_job(connection, job.id, now=utc_now())
        add_schedule_state(aging.instance, schedule_name(job.id))
        aging.sweep()
        assert schedule_names(aging.instance) == {schedule_name(job.id)}

    @pytest.mark.parametrize(
        ("name", "days"),
        [
            pytest.param("nightly_report_schedule", 7, id="of another code location"),
            pytest.param(SYNC_SENSOR, None, id="blank"),
        ],
    )
    def test_kept(self, aging: Aging, name: str, days: float | None) -> None:
        state = add_schedule_state(aging.instance, name)
        add_tick(aging.instance, state, utc_now() - dt.timedelta(days=300))
        aging.sweep(keep_ticks_days=days)
        assert len(tick_times(aging.instance, state)) == 1


class TestArtifacts:
    @pytest.mark.parametrize(
        ("name", "setting"),
        [("upload-1/file", "keep_uploads_days"), ("kept-1/2.feed", "keep_rejects_days")],
    )
    def test_what_is_kept_for_another_run_goes_at_its_own_age(
        self, aging: Aging, name: str, setting: str
    ) -> None:
        artifacts = aging.world.runtime.artifacts
        artifacts.open(name, "wb").close()
        day = dt.timedelta(days=1)
        aging.sweep(later=9 * day, keep_failed_artifacts_hours=0, **{setting: 10})
        aging.sweep(later=99 * day, keep_failed_artifacts_hours=0, **{setting: None})
        assert artifacts.exists(name)
        aging.sweep(later=111 * day, keep_failed_artifacts_hours=9999, **{setting: 10})
        assert not artifacts.exists(name)

    def test_what_a_failed_run_left_goes_with_its_references(self, aging: Aging) -> None:
        job = aging.world.add_import_job()
        aging.world.feeds.routes.clear()
        dagster_run_id = aging.world.execute(job).run_id
        (run, *_) = (run for run in aging.world.runs(job) if run.status is RunStatus.FAILED)
        left = [run.id, reference_directory(dagster_run_id)]
        artifacts = aging.world.runtime.artifacts
        for directory in left:
            artifacts.open(f"{directory}/feed", "wb").close()
        aging.sweep()
        assert all(artifacts.exists(directory) for directory in left)
        hour = dt.timedelta(hours=1)
        assert "2 directories" in aging.sweep(later=hour, keep_failed_artifacts_hours=0)
        assert not any(artifacts.exists(directory) for directory in left)

    def test_those_of_a_run_under_way_stay_at_any_age(self, aging: Aging) -> None:
        job = aging.world.add_import_job()
        run = aging.world.runs(job)[0]
        with aging.world.runtime.transaction() as connection:
            runs.begin_attempt(
                connection,
                job_id=job.id,
                run_id=run.id,
                dagster_run_id="dagster-1",
                reexecution=False,
                now=utc_now(),
            )
        needed = [run.id, reference_directory("dagster-1")]
        artifacts = aging.world.runtime.artifacts
        for directory in needed:
            artifacts.open(f"{directory}/feed", "wb").close()
        aging.sweep(keep_failed_artifacts_hours=0)
        assert all(artifacts.exists(directory) for directory in needed)


class TestAuditLog:
    def test_goes_at_its_age_or_never(self, aging: Aging) -> None:
        def rows() -> int:
            with aging.world.runtime.transaction() as connection:
                return len(list_audit(connection, limit=100))

        made = rows()
        assert made
        year = dt.timedelta(days=366)
        assert "audit" not in aging.sweep(later=year, keep_audit_days=None)
        assert "audit" not in aging.sweep(later=year * 2, keep_audit_days=1000)
        assert rows() == made
        assert f"Deleted {made} rows of the audit log" in aging.sweep(later=year * 3)
        assert rows() == 0


class TestSensor:
    def test_it_says_what_it_did_and_needs_no_webserver(self, aging: Aging) -> None:
        aging.fail(31)
        sensor = build_sweep_sensor(aging.world.runtime)
        first = sensor.evaluate_tick(build_sensor_context(aging.instance))
        assert "Deleted 1 runs with their events, ended before" in str(first.skip_message)
        second = sensor.evaluate_tick(build_sensor_context(aging.instance, cursor=first.cursor))
        assert second.skip_message == "Nothing is old enough to be deleted."
        assert Progress.read(second.cursor) == Progress.read(first.cursor)

    def test_ticks_share_their_connections(self, aging: Aging) -> None:
        sensor = build_sweep_sensor(aging.world.runtime)
        open_ones = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        seen = []
        for _ in range(3):
            sensor.evaluate_tick(build_sensor_context(aging.instance))
            with aging.world.runtime.transaction() as connection:
                seen.append(connection.execute(open_ones).scalar_one())
        assert seen == [seen[0]] * 3
