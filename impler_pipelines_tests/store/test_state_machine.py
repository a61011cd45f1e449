"""Any order of calls: the state is always the one that mapping, schedule, pause and end give."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import Connection

from impler_pipelines.errors import NotFound, RunCancelled, StateConflict
from impler_pipelines.model import (
    Column,
    FieldMapping,
    ImportJobStatus,
    Run,
    RunStatus,
    Trigger,
)
from impler_pipelines.store import import_jobs, runs, templates
from impler_pipelines.store.due import claim_due_run
from impler_pipelines_tests.store.shop import (
    COLUMNS,
    HOURLY,
    MAPPED,
    NEW,
    NOW,
    Shop,
    attempt,
    load,
)

MAPPING, SCHEDULING, RUNNING, PAUSED, COMPLETED, TERMINATED = ImportJobStatus
ACTIVE = (RunStatus.QUEUED, RunStatus.RUNNING)
BRAND = Column("brand", "Brand", is_required=True)
BOTH_MAPPED = (*MAPPED, FieldMapping("brand", "rss > item > brand"))


class _Machine(RuleBasedStateMachine):
    """One import job in one transaction that is never committed; a few facts kept beside it."""

    shop: Shop

    def __init__(self) -> None:
        super().__init__()
        self._connection = self.shop.engine.connect()
        self._now = NOW
        self._mapped, self._brand_required, self._scheduled = False, False, False
        self._paused = self._deleted = self._was_active = False
        self._ends_on: dt.datetime | None = None
        self._due: set[dt.datetime] = set()
        self._job = import_jobs.create_import_job(
            self._connection,
            self.shop.box,
            replace(NEW, mappings=MAPPED, interval=None),
            project_id=self.shop.project_id,
            template_id=self.shop.template_id,
            now=NOW,
        )
        self._read()

    def teardown(self) -> None:
        self._connection.rollback()
        self._connection.close()

    @rule(minutes=st.sampled_from([0, 1, 30, 60, 200]))
    def time_passes(self, minutes: int) -> None:
        self._now += dt.timedelta(minutes=minutes)

    @rule(both=st.booleans())
    def map(self, both: bool) -> None:
        if self._change(mappings=BOTH_MAPPED if both else MAPPED):
            self._mapped = both

    @rule(required=st.booleans())
    def change_the_template(self, required: bool) -> None:
        columns = (*COLUMNS, BRAND) if required else COLUMNS
        templates.update_template(
            self._connection,
            self.shop.box,
            project_id=self.shop.project_id,
            template_id=self.shop.template_id,
            columns=columns,
            now=self._now,
        )
        import_jobs.settle_template(self._connection, self._job.template_id, now=self._now)
        self._brand_required = required
        self._read()

    @rule(scheduled=st.booleans())
    def schedule(self, scheduled: bool) -> None:
        if self._change(interval=HOURLY if scheduled else None):
            self._scheduled = scheduled

    @rule(minutes=st.sampled_from([None, 10, 90, 500]))
    def end(self, minutes: int | None) -> None:
        ends_on = None if minutes is None else self._now + dt.timedelta(minutes=minutes)
        if self._change(ends_on=ends_on):
            self._ends_on = ends_on

    @rule()
    def pause(self) -> None:
        before = self._job.status
        if self._allowed(import_jobs.pause_import_job, before in (RUNNING, PAUSED)):
            self._paused = True
            assert all(r.status is not RunStatus.QUEUED for r in self._runs()) or before is PAUSED

    @rule()
    def resume(self) -> None:
        if self._allowed(import_jobs.resume_import_job, self._job.status is PAUSED):
            self._paused = False
            assert self._job.next_run is None or self._job.next_run > self._now

    @precondition(lambda self: self._now > NOW)
    @rule(really=st.sampled_from([False, False, True]))
    def delete(self, really: bool) -> None:
        if not really:
            return
        if self._deleted:
            self._refused(import_jobs.terminate_import_job, NotFound)
        else:
            import_jobs.terminate_import_job(self._connection, self._job.id, now=self._now)
            self._deleted = True
            self._read()

    @rule()
    def tick(self) -> None:
        before = self._job
        claim = claim_due_run(self._connection, self._job.id, now=self._now)
        self._read()
        if claim.run is None:
            return
        assert before.status is RUNNING
        assert before.next_run is not None
        assert claim.run.due_at == before.next_run <= self._now
        assert claim.run.due_at not in self._due
        self._due.add(claim.run.due_at)

    @rule()
    def sweep(self) -> None:
        import_jobs.complete_ended_import_jobs(self._connection, now=self._now)
        self._read()

    @rule()
    def ask_for_a_run(self) -> None:
        if self._job.status in (MAPPING, TERMINATED):
            self._refused(runs.run_now, StateConflict)
        else:
            asked = runs.run_now(self._connection, self._job.id, now=self._now)
            assert asked.status is RunStatus.QUEUED

    @rule(ends=st.sampled_from(["load", "fail", "goes on"]))
    def execute(self, ends: str) -> None:
        active = [r for r in self._runs() if r.status in ACTIVE]
        if not active:
            return
        run = next((r for r in active if r.status is RunStatus.RUNNING), active[-1])
        try:
            run = runs.begin_attempt(
                self._connection,
                **attempt(self._job, run, by=run.dagster_run_id or run.id, now=self._now),
            )
        except (StateConflict, RunCancelled) as refused:
            raise AssertionError("what is queued may start") from refused
        if ends == "load":
            runs.record_load(self._connection, **load(self._job, run, now=self._now))
        elif ends == "fail":
            runs.fail_run(self._connection, run.id, error="broke", now=self._now)
        self._read()

    @invariant()
    def the_state_follows_from_the_facts(self) -> None:
        job = self._job
        if self._deleted:
            expected = {TERMINATED}
        elif self._brand_required and not self._mapped:
            expected = {MAPPING}
        elif not self._scheduled:
            expected = {SCHEDULING}
        else:
            expected = {PAUSED if self._paused else RUNNING}
            if self._ends_on is not None and self._ends_on < self._now:
                expected.add(COMPLETED)  # from the next look at it on
        assert job.status in expected

    @invariant()
    def only_what_runs_has_a_next_run(self) -> None:
        job = self._job
        if job.status is not RUNNING:
            assert job.next_run is None
        elif job.next_run is None:
            assert self._ends_on is not None
        else:
            assert job.next_run.minute == 0
            assert self._ends_on is None or job.next_run <= self._ends_on

    @invariant()
    def the_first_run_is_asked_for_once(self) -> None:
        first = [r for r in self._runs() if r.trigger is Trigger.FIRST]
        self._was_active = self._was_active or self._job.status is RUNNING
        assert len(first) == self._was_active

    @invariant()
    def what_must_not_run_is_not_queued(self) -> None:
        queued = {r.trigger for r in self._runs() if r.status is RunStatus.QUEUED}
        allowed = {
            MAPPING: set(),
            TERMINATED: set(),
            PAUSED: {Trigger.MANUAL},
            SCHEDULING: {Trigger.MANUAL, Trigger.FIRST},
        }
        assert queued <= allowed.get(self._job.status, set(Trigger))
        if self._deleted:
            assert not any(r.status in ACTIVE for r in self._runs())

    def _runs(self) -> list[Run]:
        return runs.list_runs(self._connection, job_id=self._job.id, limit=500)

    def _read(self) -> None:
        self._job = import_jobs.get_import_job(
            self._connection, project_id=self.shop.project_id, job_id=self._job.id
        )
        if self._job.status in (SCHEDULING, COMPLETED):
            self._paused = False  # nobody could see it there

    def _change(self, **changes: object) -> bool:
        def change(connection: Connection, job_id: str, *, now: dt.datetime) -> object:
            return import_jobs.update_import_job(connection, job_id, now=now, changes=changes)

        return self._allowed(change, not self._deleted)

    def _allowed(self, change: Callable[..., object], allowed: bool) -> bool:
        if not allowed:
            self._refused(change, StateConflict)
            return False
        change(self._connection, self._job.id, now=self._now)
        self._read()
        return True

    def _refused(self, change: Callable[..., object], error: type[Exception]) -> None:
        before = self._job
        try:
            change(self._connection, self._job.id, now=self._now)
        except error:
            self._read()
            assert self._job == before
        else:
            raise AssertionError(f"{change.__name__} is allowed in {before.status}")


def test_the_state_machine(shop: Shop) -> None:
    case = type("Machine", (_Machine,), {"shop": shop}).TestCase
    case.settings = settings(
        max_examples=20,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    case("runTest").runTest()
