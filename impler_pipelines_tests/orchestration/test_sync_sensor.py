"""The sync sensor against a real store, with Dagster faked at the gateway's seam."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import pytest
from dagster import DagsterInstance, build_sensor_context
from sqlalchemy import update

from impler_pipelines.model import ImportJob, ImportJobStatus, Run, RunStatus
from impler_pipelines.orchestration.names import (
    FETCHING_HOST_TAG,
    RUN_ID_TAG,
    job_name,
    schedule_name,
)
from impler_pipelines.orchestration.runtime import utc_now
from impler_pipelines.orchestration.snapshot import Snapshot
from impler_pipelines.orchestration.sync_sensor import build_sync_sensor
from impler_pipelines.orchestration.synchronizing import MAX_LAUNCHES, Synchronizer
from impler_pipelines.store import import_jobs, runs
from impler_pipelines.store.definitions import live_definitions
from impler_pipelines.store.tables import import_jobs as import_jobs_table
from impler_pipelines.store.tables import runs as runs_table
from impler_pipelines.store.tables import templates as templates_table
from impler_pipelines_tests.orchestration.conftest import World
from impler_pipelines_tests.orchestration.fake_dagster import FakeDagster, Killed

SWEPT = dt.timedelta(hours=1)

pytestmark = pytest.mark.parametrize("world", ["store"], indirect=True)


@dataclass
class Sync:
    """The sensor of one loaded code location: ``load`` freezes the snapshot, ``tick`` ticks."""

    world: World
    dagster: FakeDagster
    snapshot: Snapshot
    cursor: str | None = None

    def load(self) -> None:
        with self.world.runtime.transaction() as connection:
            self.snapshot = Snapshot(live_definitions(connection), read_at=utc_now())

    def tick(self, *, sweep: bool = False) -> str:
        sensor = build_sync_sensor(self.world.runtime, lambda: self.snapshot)
        with DagsterInstance.ephemeral() as instance:
            context = build_sensor_context(instance, cursor=None if sweep else self.cursor)
            result = sensor.evaluate_tick(context)
        self.cursor = result.cursor
        assert result.skip_message is not None
        return result.skip_message

    def change(self, what: Callable[..., object], job: ImportJob) -> None:
        with self.world.runtime.transaction() as connection:
            what(connection, job.id, now=utc_now())


@pytest.fixture
def sync(world: World) -> Sync:
    dagster = FakeDagster()
    world.runtime.gateway = dagster  # the seam
    started = Sync(world, dagster, Snapshot({}, read_at=None))
    started.tick(sweep=True)
    return started


class TestCursor:
    @pytest.mark.parametrize("cursor", ["nonsense", "{}", "[1]", "2026-11-22T12:00:00+00:00"])
    def test_one_that_is_none_of_ours_brings_a_sweep(self, sync: Sync, cursor: str) -> None:
        """Anybody can write into it in Dagster's UI."""
        job = sync.world.add_import_job()
        sync.load()
        sync.dagster.schedules[schedule_name(job.id)] = False
        sync.cursor = cursor
        assert "paused" in sync.tick()
        sync.dagster.schedules[schedule_name(job.id)] = True
        assert "resumed" not in sync.tick()  # swept a moment ago


class TestReload:
    def test_a_new_import_job_reloads_once_and_launches(self, sync: Sync) -> None:
        job = sync.world.add_import_job()
        assert "1 added" in sync.tick()
        sync.load()
        sync.tick()
        assert sync.dagster.reloads == 1
        ((name, tags),) = sync.dagster.launched
        assert name == job_name(job.id)
        assert tags[RUN_ID_TAG] == sync.world.runs(job)[0].id
        assert "s3cret" not in str(tags)

    def test_nothing_is_launched_before_the_reload_has_worked(self, sync: Sync) -> None:
        sync.world.add_import_job()
        sync.dagster.down = True
        sync.tick()
        sync.dagster.down = False
        assert sync.dagster.launched == []
        sync.tick()
        assert (sync.dagster.reloads, len(sync.dagster.launched)) == (1, 1)

    def test_a_deleted_one_reloads(self, sync: Sync) -> None:
        job = sync.world.add_import_job()
        sync.load()
        sync.change(import_jobs.terminate_import_job, job)
        assert "1 removed" in sync.tick()

    def test_a_pause_does_not(self, sync: Sync) -> None:
        job = sync.world.add_import_job()
        sync.load()
        sync.change(import_jobs.pause_import_job, job)
        sync.tick()
        assert sync.dagster.reloads == 0


class TestLaunch:
    def test_once(self, sync: Sync) -> None:
        sync.world.add_import_job()
        sync.load()
        sync.tick()
        sync.tick()
        assert len(sync.dagster.launched) == 1

    def test_a_launch_that_was_not_noted_is_found_by_its_tag(self, sync: Sync) -> None:
        job = sync.world.add_import_job()
        sync.load()
        sync.tick()
        with sync.world.runtime.transaction() as connection:
            connection.execute(update(runs_table).values(dagster_run_id=None))
        sync.tick()
        assert len(sync.dagster.launched) == 1
        assert sync.world.runs(job)[0].dagster_run_id == "dagster-1"

    def test_waits_while_dagster_is_down(self, sync: Sync) -> None:
        sync.world.add_import_job()
        sync.load()
        sync.dagster.down = True
        assert "does not answer" in sync.tick()
        sync.dagster.down = False
        sync.tick()
        assert len(sync.dagster.launched) == 1

    def test_one_that_dagster_refuses_does_not_hold_up_the_next(self, sync: Sync) -> None:
        refused, job = sync.world.add_import_job(), sync.world.add_import_job()
        sync.load()
        sync.dagster.refused = {job_name(refused.id)}
        assert "PipelineNotFound" in sync.tick()
        assert [name for name, _ in sync.dagster.launched] == [job_name(job.id)]
        sync.dagster.refused = set()
        sync.tick()
        assert [name for name, _ in sync.dagster.launched][1:] == [job_name(refused.id)]

    def test_a_lost_tick_is_claimed_and_launched(self, sync: Sync) -> None:
        job = sync.world.add_import_job(run_now=False)
        sync.load()
        lost = utc_now() - dt.timedelta(hours=5)
        with sync.world.runtime.transaction() as connection:
            connection.execute(update(import_jobs_table).values(next_run=lost))
        sync.tick()
        (run,) = sync.world.runs(job)
        assert (run.due_at, run.dagster_run_id) == (lost, "dagster-1")
        next_run = sync.world.read(job).next_run
        assert next_run is not None
        assert next_run > utc_now()


class TestTriedAgain:
    @pytest.fixture
    def failed(self, sync: Sync) -> Run:
        """A run that failed in Dagster and in the store, and was asked for again."""
        job = sync.world.add_import_job()
        sync.load()
        sync.tick()
        with sync.world.runtime.transaction() as connection:
            run = runs.begin_attempt(
                connection,
                job_id=job.id,
                run_id=sync.world.runs(job)[0].id,
                dagster_run_id="dagster-1",
                reexecution=False,
                now=utc_now(),
            )
            runs.fail_run(connection, run.id, error="The table is locked.", now=utc_now())
            sync.dagster.ended["dagster-1"] = "FAILED"
            return runs.retry_failed(connection, run)

    @pytest.fixture
    def kept(self, sync: Sync, failed: Run) -> None:
        """What it had done is still there."""
        with sync.world.runtime.artifacts.open(f"{failed.id}/dagster-1/feed", "wb") as feed:
            feed.write(b"<rss/>")

    @pytest.mark.usefixtures("kept")
    def test_goes_on_from_the_failed_op(self, sync: Sync) -> None:
        sync.tick()
        assert sync.dagster.gone_on == ["dagster-2"]
        assert sync.dagster.parents == {"dagster-2": "dagster-1"}
        # The failed run's own says whether it was done with its host.
        assert FETCHING_HOST_TAG not in sync.dagster.launched[-1][1]

    @pytest.mark.usefixtures("failed")
    def test_starts_anew_where_nothing_is_kept(self, sync: Sync) -> None:
        self._starts_anew(sync)

    @pytest.mark.usefixtures("kept")
    def test_starts_anew_where_a_part_may_be_swept(self, sync: Sync) -> None:
        long_ago = utc_now() - dt.timedelta(hours=73)
        with sync.world.runtime.transaction() as connection:
            connection.execute(update(runs_table).values(started_at=long_ago))
            connection.execute(update(import_jobs_table).values(updated_at=long_ago - SWEPT))
            connection.execute(update(templates_table).values(updated_at=long_ago - SWEPT))
        sync.load()
        self._starts_anew(sync)

    @pytest.mark.usefixtures("kept")
    def test_starts_anew_where_dagster_can_t_go_on(self, sync: Sync) -> None:
        sync.dagster.no_way_on = {"dagster-1"}
        self._starts_anew(sync)

    def _starts_anew(self, sync: Sync) -> None:
        sync.tick()
        assert sync.dagster.gone_on == []
        assert sync.dagster.parents == {"dagster-2": "dagster-1"}
        assert FETCHING_HOST_TAG in sync.dagster.launched[-1][1]


class TestToggles:
    def test_pause_and_resume_switch_the_schedule(self, sync: Sync) -> None:
        job = sync.world.add_import_job()
        sync.load()
        name = schedule_name(job.id)
        sync.change(import_jobs.pause_import_job, job)
        sync.tick()
        assert sync.dagster.schedules == {name: False}
        sync.change(import_jobs.resume_import_job, job)
        sync.tick()
        assert sync.dagster.schedules == {name: True}

    def test_a_stop_that_the_daemon_undoes_is_no_resume(self, sync: Sync) -> None:
        job = sync.world.add_import_job()
        sync.load()
        sync.change(import_jobs.pause_import_job, job)
        sync.tick()
        sync.dagster.write_back(schedule_name(job.id))
        sync.tick(sweep=True)
        assert sync.world.read(job).status is ImportJobStatus.PAUSED
        assert sync.dagster.schedules == {schedule_name(job.id): False}

    def test_switched_off_in_dagster_pauses_the_import_job(self, sync: Sync) -> None:
        job = sync.world.add_import_job()
        sync.load()
        sync.dagster.schedules[schedule_name(job.id)] = False
        sync.tick(sweep=True)
        paused = sync.world.read(job)
        assert (paused.status, paused.next_run) == (ImportJobStatus.PAUSED, None)
        sync.dagster.schedules[schedule_name(job.id)] = True
        sync.tick(sweep=True)
        assert sync.world.read(job).status is ImportJobStatus.RUNNING

    def test_the_store_wins_where_its_users_changed_it_and_back(self, sync: Sync) -> None:
        """Between two ticks a pause and a resume: asked for later than the toggle."""
        job = sync.world.add_import_job()
        sync.load()
        sync.dagster.schedules[schedule_name(job.id)] = False
        sync.change(import_jobs.pause_import_job, job)
        sync.change(import_jobs.resume_import_job, job)
        sync.tick(sweep=True)
        assert sync.world.read(job).status is ImportJobStatus.RUNNING
        assert sync.dagster.schedules == {schedule_name(job.id): True}

    def test_the_store_wins_where_both_changed(self, sync: Sync) -> None:
        job = sync.world.add_import_job()
        sync.load()
        sync.change(import_jobs.pause_import_job, job)
        sync.tick()
        sync.dagster.schedules[schedule_name(job.id)] = False  # as it is, so nothing flows back
        sync.change(import_jobs.resume_import_job, job)
        sync.tick(sweep=True)
        assert sync.world.read(job).status is ImportJobStatus.RUNNING
        assert sync.dagster.schedules == {schedule_name(job.id): True}


class TestLostRuns:
    """Runs whose process is gone without a word."""

    def _begin(self, sync: Sync, job: ImportJob, dagster_run_id: str, *, minutes: float) -> None:
        """Let a Dagster run begin the import job's first Run, with its last sign of life then."""
        begun = utc_now() - dt.timedelta(minutes=minutes)
        sync.dagster.started[dagster_run_id] = begun
        with sync.world.runtime.transaction() as connection:
            runs.begin_attempt(
                connection,
                job_id=job.id,
                run_id=sync.world.runs(job)[-1].id,
                dagster_run_id=dagster_run_id,
                reexecution=dagster_run_id in sync.dagster.parents,
                now=begun,
            )

    def _launched(self, sync: Sync) -> ImportJob:
        job = sync.world.add_import_job()
        sync.load()
        sync.tick()
        return job

    @pytest.mark.parametrize(
        ("ended", "minutes", "status", "launches"),
        [
            pytest.param("FAILED", 1, RunStatus.QUEUED, 2, id="dagster-knows-it-failed"),
            pytest.param("CANCELLED", 1, RunStatus.CANCELLED, 1, id="cancelled-in-dagster"),
            pytest.param(None, 1, RunStatus.RUNNING, 1, id="quiet-but-perhaps-alive"),
            pytest.param(None, 3, RunStatus.QUEUED, 2, id="dead-though-dagster-thinks-it-runs"),
        ],
    )
    def test_settled(
        self, sync: Sync, ended: str | None, minutes: int, status: RunStatus, launches: int
    ) -> None:
        job = self._launched(sync)
        self._begin(sync, job, "dagster-1", minutes=minutes)
        if ended:
            sync.dagster.ended["dagster-1"] = ended
        sync.tick()
        assert sync.world.runs(job)[0].status is status
        assert len(sync.dagster.launched) == launches
        dead = ended is None and launches == 2
        assert sync.dagster.cancelled == (["dagster-1"] if dead else [])

    def test_the_same_run_is_launched_again_after_the_lost_one(self, sync: Sync) -> None:
        job = self._launched(sync)
        self._begin(sync, job, "dagster-1", minutes=3)
        sync.tick()
        (run,) = sync.world.runs(job)
        assert (run.attempts, run.dagster_run_id) == (1, "dagster-2")
        assert [tags[RUN_ID_TAG] for _, tags in sync.dagster.launched] == [run.id, run.id]
        assert sync.dagster.parents == {"dagster-2": "dagster-1"}
        sync.tick()
        assert len(sync.dagster.launched) == 2

    def test_one_that_never_began_is_launched_again(self, sync: Sync) -> None:
        job = self._launched(sync)
        with sync.world.runtime.transaction() as connection:
            early = utc_now() - dt.timedelta(minutes=4)
            connection.execute(update(runs_table).values(created_at=early))
        sync.dagster.ended["dagster-1"] = "FAILED"  # it did not start in time
        sync.tick()
        assert sync.world.runs(job)[0].dagster_run_id == "dagster-2"

    @pytest.mark.parametrize(
        ("forgotten", "launches"),
        [pytest.param(True, 2, id="forgotten"), pytest.param(False, 1, id="waits-for-a-worker")],
    )
    def test_one_that_waits_for_a_process(self, sync: Sync, forgotten: bool, launches: int) -> None:
        job = self._launched(sync)
        later = Synchronizer(
            sync.world.runtime, utc_now() + dt.timedelta(hours=1), lambda _run_id: forgotten
        )
        with sync.world.runtime.transaction() as connection:
            early = utc_now() - dt.timedelta(minutes=4)
            connection.execute(update(runs_table).values(created_at=early))
        later.settle_silent_runs()
        later.launch_runs()
        assert len(sync.dagster.launched) == launches
        assert sync.world.runs(job)[0].dagster_run_id == f"dagster-{launches}"
        assert sync.dagster.cancelled == (["dagster-1"] if forgotten else [])

    @pytest.mark.parametrize("seconds", [5, 30, 300])
    def test_one_that_was_cancelled_here_is_cancelled_in_dagster(
        self, sync: Sync, seconds: int
    ) -> None:
        job = self._launched(sync)
        self._begin(sync, job, "dagster-1", minutes=1)
        at = utc_now() - dt.timedelta(seconds=seconds)
        with sync.world.runtime.transaction() as connection:
            runs.cancel_by_request(connection, sync.world.runs(job)[0], now=at)
        sync.tick()
        sync.tick()
        assert sync.dagster.cancelled == (["dagster-1"] if seconds == 30 else [])

    def test_one_that_was_lost_before_its_limit_is_run_again(self, sync: Sync) -> None:
        """Dagster, back from an outage, calls it too long; its process was dead all the while."""
        job = self._launched(sync)
        self._begin(sync, job, "dagster-1", minutes=3)
        sync.dagster.ended["dagster-1"] = "FAILED"
        sync.dagster.took = dt.timedelta(days=1)
        sync.tick()
        (run,) = sync.world.runs(job)
        assert (run.status, run.dagster_run_id) == (RunStatus.QUEUED, "dagster-2")

    def test_one_that_took_too_long_fails(self, sync: Sync) -> None:
        job = self._launched(sync)
        self._begin(sync, job, "dagster-1", minutes=1)
        sync.dagster.ended["dagster-1"] = "FAILED"  # Dagster stops it at the limit of the job's tag
        sync.dagster.took = dt.timedelta(seconds=sync.world.runtime.settings.max_run_seconds)
        assert "took too long" in sync.tick()
        (run,) = sync.world.runs(job)
        assert (run.status, len(sync.dagster.launched)) == (RunStatus.FAILED, 1)
        assert "IMPLER_MAX_RUN_SECONDS" in str(run.error)

    @pytest.mark.parametrize(
        "begun", [pytest.param(True, id="begun"), pytest.param(False, id="not")]
    )
    @pytest.mark.parametrize("contacts", range(8))
    def test_wherever_the_tick_dies_it_is_launched_again(
        self, sync: Sync, contacts: int, begun: bool
    ) -> None:
        """What the sensor cancels, since its process is dead, no person has cancelled."""
        job = self._launched(sync)
        if begun:
            self._begin(sync, job, "dagster-1", minutes=3)
        else:  # the process died between Dagster's mark and ours
            sync.dagster.started["dagster-1"] = utc_now() - dt.timedelta(minutes=3)
            with sync.world.runtime.transaction() as connection:
                early = utc_now() - dt.timedelta(minutes=4)
                connection.execute(update(runs_table).values(created_at=early))
        sync.dagster.dies_in = contacts
        with suppress(Killed):
            sync.tick(sweep=True)
        sync.dagster.dies_in = None
        for _ in range(3):
            sync.tick(sweep=True)
        (run,) = sync.world.runs(job)
        assert run.status is RunStatus.QUEUED
        assert sync.dagster.live_runs(run.id) == [run.dagster_run_id] == ["dagster-2"]

    def test_not_for_ever(self, sync: Sync) -> None:
        job = self._launched(sync)
        for attempt in range(1, MAX_LAUNCHES + 1):
            self._begin(sync, job, f"dagster-{attempt}", minutes=3)
            sync.dagster.ended[f"dagster-{attempt}"] = "FAILED"
            sync.tick()
        (run,) = sync.world.runs(job)
        assert (run.status, run.attempts) == (RunStatus.FAILED, MAX_LAUNCHES)
        assert len(sync.dagster.launched) == MAX_LAUNCHES
        seen = sync.world.read(job)
        assert (seen.consecutive_failures, seen.last_error) == (1, run.error)
        assert "3 times" in str(run.error)

    def test_of_an_import_job_that_was_deleted_nothing_is_launched(self, sync: Sync) -> None:
        job = self._launched(sync)
        self._begin(sync, job, "dagster-1", minutes=3)
        sync.change(import_jobs.terminate_import_job, job)
        sync.tick()
        assert len(sync.dagster.launched) == 1

    def test_what_counts_as_executing_with_no_process_is_ended(self, sync: Sync) -> None:
        """The Run was loaded, then its process and the code server died before Dagster knew."""
        job = self._launched(sync)
        self._begin(sync, job, "dagster-1", minutes=3)
        with sync.world.runtime.transaction() as connection:
            connection.execute(update(runs_table).values(status=RunStatus.SUCCESS))
        sync.tick(sweep=True)
        assert sync.dagster.cancelled == ["dagster-1"]
        assert sync.world.runs(job)[0].status is RunStatus.SUCCESS

    @pytest.mark.parametrize("minutes", [pytest.param(1, id="young"), pytest.param(9, id="beats")])
    def test_what_is_alive_is_not_ended(self, sync: Sync, minutes: int) -> None:
        job = self._launched(sync)
        self._begin(sync, job, "dagster-1", minutes=minutes)
        with sync.world.runtime.transaction() as connection:
            runs.beat(
                connection,
                sync.world.runs(job)[0].id,
                dagster_run_id="dagster-1",
                now=utc_now() - dt.timedelta(seconds=30),
            )
        sync.tick(sweep=True)
        assert sync.dagster.cancelled == []


class TestEnd:
    def test_past_its_end_it_is_completed(self, sync: Sync) -> None:
        job = sync.world.add_import_job(ends_on=utc_now() + dt.timedelta(hours=1))
        Synchronizer(sync.world.runtime, utc_now() + dt.timedelta(hours=2)).settle_time()
        done = sync.world.read(job)
        assert (done.status, done.next_run) == (ImportJobStatus.COMPLETED, None)
