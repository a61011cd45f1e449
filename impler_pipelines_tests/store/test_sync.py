from __future__ import annotations

import datetime as dt

import pytest

from impler_pipelines.model import (
    Column,
    ImportJob,
    ImportJobStatus,
    ScheduleState,
)
from impler_pipelines.store import import_jobs, runs, sync
from impler_pipelines.store.due import claim_due_run
from impler_pipelines_tests.store.shop import (
    COLUMNS,
    HOUR,
    HOURLY,
    MINUTE,
    NOW,
    Shop,
    at,
    race,
)

SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def job(shop: Shop) -> ImportJob:
    return shop.add()


class TestLaunches:
    def test_what_was_asked_for_oldest_first(self, shop: Shop, job: ImportJob) -> None:
        other = shop.add(now=NOW - MINUTE)
        found = shop.do(sync.runs_to_launch, now=NOW)
        assert [(launch.job_id, launch.run_id) for launch in found] == [
            (other.id, shop.history(other)[0].id),
            (job.id, shop.history(job)[0].id),
        ]

    def test_not_what_is_launched_or_begun_or_cancelled(self, shop: Shop) -> None:
        launched, begun, cancelled = shop.add(), shop.add(), shop.add()
        shop.do(sync.note_launched, shop.history(launched)[0].id, "dagster-1")
        shop.begin(begun, shop.history(begun)[0])
        shop.pause(cancelled)
        assert shop.do(sync.runs_to_launch, now=NOW) == []

    def test_a_scheduled_run_only_once_its_tick_is_lost(self, shop: Shop) -> None:
        job = shop.add(run_now=False)
        run = shop.do(claim_due_run, job.id, now=at("13:00")).run
        assert run is not None
        assert shop.do(sync.runs_to_launch, now=at("13:01")) == []
        (launch,) = shop.do(sync.runs_to_launch, now=at("13:01:01"))
        assert launch.run_id == run.id

    def test_who_has_begun_is_not_overwritten(self, shop: Shop, job: ImportJob) -> None:
        run = shop.begin(job, shop.history(job)[0])
        shop.do(sync.note_launched, run.id, "dagster-2")
        assert shop.history(job)[0].dagster_run_id == "dagster-1"


class TestSilent:
    def test_a_run_without_a_beat(self, shop: Shop, job: ImportJob) -> None:
        run = shop.begin(job, shop.history(job)[0])
        assert shop.do(sync.silent_runs, now=NOW + 10 * SECOND) == []
        (silent,) = shop.do(sync.silent_runs, now=NOW + 11 * SECOND)
        assert silent == sync.Silent(run.id, "dagster-1", dead=False)
        assert shop.do(runs.beat, run.id, dagster_run_id="dagster-1", now=NOW + 11 * SECOND)
        assert shop.do(sync.silent_runs, now=NOW + 12 * SECOND) == []

    def test_a_beat_of_a_run_that_has_ended_is_not_heard(self, shop: Shop, job: ImportJob) -> None:
        run = shop.begin(job, shop.history(job)[0])
        assert not shop.do(runs.beat, run.id, dagster_run_id="dagster-2", now=NOW)
        shop.do(runs.cancel_by_request, run, now=NOW)
        assert not shop.do(runs.beat, run.id, dagster_run_id="dagster-1", now=NOW)

    def test_one_without_a_beat_for_long_is_dead(self, shop: Shop, job: ImportJob) -> None:
        run = shop.begin(job, shop.history(job)[0])
        assert shop.do(sync.beating_dagster_runs, now=NOW + 120 * SECOND) == {"dagster-1"}
        assert shop.do(sync.beating_dagster_runs, now=NOW + 121 * SECOND) == set()
        (silent,) = shop.do(sync.silent_runs, now=NOW + 121 * SECOND)
        assert silent == sync.Silent(run.id, "dagster-1", dead=True)

    def test_a_launched_run_that_does_not_begin(self, shop: Shop, job: ImportJob) -> None:
        run = shop.history(job)[0]
        assert shop.do(sync.silent_runs, now=NOW + HOUR) == []
        shop.do(sync.note_launched, run.id, "dagster-1")
        (silent,) = shop.do(sync.silent_runs, now=NOW + HOUR)
        assert silent == sync.Silent(run.id, "dagster-1", dead=False)


class TestSwitch:
    def test_a_running_one_is_as_dagster_has_it(self, shop: Shop, job: ImportJob) -> None:
        assert shop.do(sync.schedules_to_switch) == {}

    def test_follows_pause_and_resume(self, shop: Shop, job: ImportJob) -> None:
        shop.pause(job)
        assert shop.do(sync.schedules_to_switch) == {job.id: False}
        shop.do(sync.note_switched, job.id, running=False)
        assert shop.do(sync.schedules_to_switch) == {}
        shop.resume(job)
        assert shop.do(sync.schedules_to_switch) == {job.id: True}

    def test_a_change_while_it_was_switched_is_not_lost(self, shop: Shop, job: ImportJob) -> None:
        shop.pause(job)
        shop.resume(job)
        shop.do(sync.note_switched, job.id, running=False)  # of a look before the resume
        assert shop.do(sync.schedules_to_switch) == {job.id: True}

    @pytest.mark.parametrize("back", ["resumed", "scheduled again", "ending later"])
    def test_stopped_and_started_again_dagster_has_not_agreed(
        self, shop: Shop, job: ImportJob, back: str
    ) -> None:
        """So that a toggle that came in between does not win over what was asked for last."""
        if back == "resumed":
            shop.pause(job)
            shop.resume(job)
        elif back == "scheduled again":
            shop.change(job, interval=None)
            shop.change(job, interval=HOURLY)
        else:
            shop.change(job, ends_on=at("12:30"))
            shop.do(import_jobs.complete_ended_import_jobs, now=at("12:31"))
            shop.change(job, ends_on=None, now=at("12:32"))
        assert _adopt(shop, job, running=False) == {}
        assert shop.do(sync.schedules_to_switch) == {job.id: True}

    def test_ended_before_its_start_was_agreed_to(self, shop: Shop, job: ImportJob) -> None:
        shop.change(job, ends_on=at("12:30"))
        shop.pause(job)
        shop.resume(job)
        shop.do(import_jobs.complete_ended_import_jobs, now=at("12:31"))
        assert shop.do(sync.schedules_to_switch) == {job.id: False}

    def test_a_required_column_stops_it(self, shop: Shop, job: ImportJob) -> None:
        shop.require(*COLUMNS, Column("brand", "Brand", is_required=True))
        assert shop.do(sync.schedules_to_switch) == {job.id: False}

    def test_not_a_deleted_one(self, shop: Shop, job: ImportJob) -> None:
        shop.delete(job)
        assert shop.do(sync.schedules_to_switch) == {}


class TestAdopt:
    """Both sides are compared with the state that they last agreed on."""

    def test_stopped_in_dagster_it_is_paused(self, shop: Shop, job: ImportJob) -> None:
        assert _adopt(shop, job, running=False) == {job.id: "paused"}
        assert shop.read(job).status is ImportJobStatus.PAUSED
        assert shop.do(sync.schedules_to_switch) == {}

    def test_started_in_dagster_it_is_resumed(self, shop: Shop, job: ImportJob) -> None:
        _adopt(shop, job, running=False)
        assert _adopt(shop, job, running=True, now=at("15:10")) == {job.id: "resumed"}
        resumed = shop.read(job)
        assert (resumed.status, resumed.next_run) == (ImportJobStatus.RUNNING, at("16:00"))
        assert shop.do(sync.schedules_to_switch) == {}

    @pytest.mark.parametrize("running", [True, False])
    def test_as_agreed_nothing_happens(self, shop: Shop, job: ImportJob, running: bool) -> None:
        if not running:
            _adopt(shop, job, running=False)
        before = shop.read(job)
        assert _adopt(shop, job, running=running, now=NOW + HOUR) == {}
        assert shop.read(job) == before

    def test_both_changed_the_store_wins(self, shop: Shop, job: ImportJob) -> None:
        _adopt(shop, job, running=False)
        shop.resume(job)
        assert _adopt(shop, job, running=False) == {}
        assert shop.read(job).status is ImportJobStatus.RUNNING
        assert shop.do(sync.schedules_to_switch) == {job.id: True}

    @pytest.mark.parametrize("state", ["scheduling", "mapping", "completed"])
    def test_a_state_that_allows_no_start_is_switched_back(
        self, shop: Shop, job: ImportJob, state: str
    ) -> None:
        if state == "scheduling":
            shop.change(job, interval=None)
        elif state == "mapping":
            shop.require(*COLUMNS, Column("brand", "Brand", is_required=True))
        else:
            shop.change(job, ends_on=at("12:30"))
            shop.do(import_jobs.complete_ended_import_jobs, now=at("12:31"))
        before = shop.read(job)
        shop.do(sync.note_switched, job.id, running=False)
        assert _adopt(shop, job, running=True) == {}
        assert shop.read(job) == before
        assert shop.do(sync.schedules_to_switch) == {job.id: False}

    @pytest.mark.parametrize("started_at", [None, NOW - HOUR, NOW])
    def test_what_nobody_has_started_since_is_stopped_again(
        self, shop: Shop, job: ImportJob, started_at: dt.datetime | None
    ) -> None:
        """Dagster's daemon has written back what it had read before the stop."""
        shop.pause(job)
        shop.do(sync.note_switched, job.id, running=False)
        states = {job.id: ScheduleState(True, started_at)}
        assert shop.do(sync.adopt_schedule_states, states, now=NOW + MINUTE) == {}
        assert shop.read(job).status is ImportJobStatus.PAUSED
        assert shop.do(sync.schedules_to_switch) == {job.id: False}

    def test_resumed_past_its_end_it_is_switched_back(self, shop: Shop) -> None:
        job = shop.add(ends_on=at("14:00"))
        _adopt(shop, job, running=False)
        _adopt(shop, job, running=True, now=at("15:00"))
        assert shop.read(job).status is ImportJobStatus.COMPLETED
        assert shop.do(sync.schedules_to_switch) == {job.id: False}

    def test_schedules_of_unknown_and_deleted_import_jobs(self, shop: Shop, job: ImportJob) -> None:
        shop.delete(job)
        states = {job.id: ScheduleState(False), "0" * 24: ScheduleState(True, NOW + HOUR)}
        assert shop.do(sync.adopt_schedule_states, states, now=NOW) == {}

    def test_a_pause_by_its_user_at_the_same_time(self, shop: Shop, job: ImportJob) -> None:
        _, adopted = race(
            shop.engine,
            lambda c: import_jobs.pause_import_job(c, job.id, now=NOW),
            lambda c: sync.adopt_schedule_states(c, {job.id: ScheduleState(False)}, now=NOW),
        )
        assert adopted == {}
        assert shop.read(job).status is ImportJobStatus.PAUSED
        assert shop.do(sync.schedules_to_switch) == {job.id: False}


def _adopt(shop: Shop, job: ImportJob, *, running: bool, now: dt.datetime = NOW) -> dict[str, str]:
    states = {job.id: ScheduleState(running, now + HOUR)}
    return shop.do(sync.adopt_schedule_states, states, now=now)
