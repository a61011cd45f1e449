"""Any order of requests, toggles, ticks, deaths and outages: store and Dagster end in step.

The store, the sensor, the schedules and the repositories are real; Dagster is faked at the
gateway's seam, and all clocks are the machine's. For more examples, and small ones where they fail:
TWO_WAY_EXAMPLES=5000 with pytest's ``--timeout=0``.
"""

from __future__ import annotations

import datetime as dt
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from dagster import DagsterInstance, build_schedule_context, build_sensor_context
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import Connection, Engine

from impler_pipelines.errors import RunCancelled, StateConflict, StoreUnavailable
from impler_pipelines.model import (
    Column,
    FieldMapping,
    ImportJob,
    ImportJobStatus,
    Interval,
    Run,
    RunStatus,
    Trigger,
    Unit,
)
from impler_pipelines.orchestration.names import (
    IMPORT_JOB_TAG,
    MANUAL_JOB,
    RUN_ID_TAG,
    job_name,
    schedule_name,
)
from impler_pipelines.orchestration.repository import ImportRepository
from impler_pipelines.orchestration.runtime import Runtime
from impler_pipelines.orchestration.snapshot import LATENESS
from impler_pipelines.orchestration.sync_cursor import SyncCursor
from impler_pipelines.settings import Settings
from impler_pipelines.store import runs
from impler_pipelines.store.definitions import live_definitions
from impler_pipelines.store.engine import open_store
from impler_pipelines.store.import_jobs import timing_of
from impler_pipelines.store.secrets import SecretBox
from impler_pipelines.store.tables import metadata
from impler_pipelines_tests.orchestration.fake_dagster import FakeLocation, Killed
from impler_pipelines_tests.store.shop import COLUMNS, HOURLY, MAPPED, NOW, Shop, load

T = TypeVar("T")
MAPPING, SCHEDULING, RUNNING, PAUSED, COMPLETED, TERMINATED = ImportJobStatus
ON_SCHEDULE = (RUNNING, PAUSED)
BRAND = Column("brand", "Brand", is_required=True)
BOTH_MAPPED = (*MAPPED, FieldMapping("brand", "rss > item > brand"))
OFTEN = Interval(15, Unit.MINUTES, at=dt.time(0, 0), starts_on=dt.date(2026, 1, 1))
TICK = dt.timedelta(seconds=5)
SWEEP = dt.timedelta(seconds=61)
SLOWEST = LATENESS - dt.timedelta(minutes=1)  # of transactions, at a clock that is behind
MOST_JOBS = 4


class MortalRuntime(Runtime):
    """A code server's runtime: it may be gone before any transaction, or without its store."""

    contact: Callable[[], None] = staticmethod(lambda: None)
    without_store = False

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        if self.without_store:
            raise StoreUnavailable("The store's database can't be reached.")
        self.contact()
        with super().transaction() as connection:
            yield connection


@dataclass
class Asked:
    """What was last asked for of one import job, and what each side has not heard of yet.

    ``in_dagster``: whether a change of whether it runs has reached Dagster; None where a tick that
    went wrong may have brought it there. ``toggled``: switched there since the last agreement.
    """

    job: ImportJob
    both_mapped: bool
    paused: bool = False
    in_dagster: bool | None = True
    toggled: bool = False
    due: set[dt.datetime] = field(default_factory=set)

    @property
    def id(self) -> str:
        return self.job.id

    @property
    def runs(self) -> bool:
        return self.job.status is RUNNING

    @property
    def deleted(self) -> bool:
        return self.job.status is TERMINATED

    @property
    def schedule(self) -> str:
        return schedule_name(self.job.id)


@dataclass
class Place:
    """What all examples share: two replicas' ways to one store, and a Dagster instance."""

    shops: tuple[Shop, Shop]
    store_url: str
    home: Path
    instance: DagsterInstance


class _Machine(RuleBasedStateMachine):
    place: Place

    def __init__(self) -> None:
        super().__init__()
        self._now = NOW
        self._slow: tuple[Connection, list[Asked]] | None = None
        self._slow_until = NOW
        self._brand_required = False
        self._cursor: str | None = None
        self._asked: dict[str, Asked] = {}
        self._alive: dict[str, str] = {}  # Dagster runs with a process → Run
        self._cancelled: set[str] = set()  # Runs whose Dagster run somebody cancelled
        self._stopped: set[str] = set()  # Runs that somebody cancelled by request
        self._stalled: dict[str, str] = {}  # Dagster runs whose process stands still → Run
        self._loads: Counter[str] = Counter()  # of each Run
        self._reload_seconds = 0
        self._project()
        self._runtime = MortalRuntime(
            Settings(home=self.place.home, database_url=self.place.store_url, secret_key="k"),
            clock=lambda: self._now,
        )
        self._dagster = FakeLocation(lambda: ImportRepository(self._runtime))
        self._dagster.during_reload = self._reload_takes_its_time
        self._runtime.contact = self._dagster.contact
        self._runtime.gateway = self._dagster

    def _project(self) -> None:
        first, second = self.place.shops
        with first.engine.begin() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())
        first.project_id = second.project_id = first.add_project("shop")
        first.template_id = second.template_id = first.add_template().id

    def teardown(self) -> None:
        try:
            self.converge()
        finally:
            if self._slow:
                self._slow[0].close()
            self._runtime.engine.dispose()

    # ---- what host apps and their users ask for, of either replica ----

    @initialize(runs_now=st.booleans(), begins=st.sampled_from([None, "on", "dies", "dies before"]))
    def begin_with_one(self, runs_now: bool, begins: str | None) -> None:
        self.create(0, both=False, interval=OFTEN, run_now=runs_now, slowly=False)
        self.tick(1, begins)

    @rule(
        replica=st.integers(0, 1),
        both=st.booleans(),
        interval=st.sampled_from([HOURLY, OFTEN, OFTEN, None]),
        run_now=st.booleans(),
        slowly=st.sampled_from([False, False, False, True]),
    )
    def create(
        self, replica: int, both: bool, interval: Interval | None, run_now: bool, slowly: bool
    ) -> None:
        if len(self._asked) == MOST_JOBS:
            return
        shop = self.place.shops[replica]
        changes: dict[str, Any] = {
            "mappings": BOTH_MAPPED if both else MAPPED,
            "interval": interval,
            "run_now": run_now,
        }
        if not slowly:
            self._add(Asked(shop.add(now=self._clock(replica), **changes), both))
        elif self._slow is None:
            connection = shop.engine.connect()
            connection.begin()
            slow = _Once(connection, shop)
            job = slow.add(now=self._clock(replica), **changes)
            self._slow = connection, [Asked(job, both)]
            self._slow_until = self._now + SLOWEST

    @rule()
    def commit_at_last(self) -> None:
        if self._slow is not None:
            connection, made = self._slow
            connection.commit()
            connection.close()
            self._slow = None
            for asked in made:
                self._add(asked)

    @rule(
        replica=st.integers(0, 1),
        which=st.integers(0, MOST_JOBS - 1),
        calls=st.sampled_from(["pause", "resume", "pause resume", "resume pause"]),
    )
    def pause_or_resume(self, replica: int, which: int, calls: str) -> None:
        """Two calls between two ticks leave the store as it was, and still were asked for."""
        asked = self._pick(which)
        for number, call in enumerate(calls.split()):
            allowed = ON_SCHEDULE if call == "pause" else (PAUSED,)
            change = Shop.pause if call == "pause" else Shop.resume
            by = (replica + number) % 2
            if self._change(asked, by, change, allowed=asked.job.status in allowed):
                asked.paused = call == "pause"

    @rule(
        replica=st.integers(0, 1),
        which=st.integers(0, MOST_JOBS - 1),
        interval=st.sampled_from([HOURLY, OFTEN, None, "as it is"]),
        ends_in=st.sampled_from([None, None, 10, 90]),
    )
    def edit(
        self, replica: int, which: int, interval: Interval | str | None, ends_in: int | None
    ) -> None:
        asked = self._pick(which)
        changes: dict[str, Any] = {"ends_on": None}
        if ends_in is not None:
            changes["ends_on"] = self._now + dt.timedelta(minutes=ends_in)
        if not isinstance(interval, str):
            changes["interval"] = interval

        def change(shop: Shop, job: ImportJob, *, now: dt.datetime) -> ImportJob:
            return shop.change(job, now=now, **changes)

        self._change(asked, replica, change, allowed=not asked.deleted)

    @rule(
        replica=st.integers(0, 1),
        which=st.integers(0, MOST_JOBS - 1),
        really=st.sampled_from([False, False, True]),
    )
    def delete(self, replica: int, which: int, really: bool) -> None:
        asked = self._pick(which)
        if really and not asked.deleted:
            self._change(asked, replica, Shop.delete, allowed=True)

    @rule(replica=st.integers(0, 1), which=st.integers(0, MOST_JOBS - 1))
    def run_now(self, replica: int, which: int) -> None:
        asked = self._pick(which)
        try:
            run = self.place.shops[replica].ask(asked.job, now=self._clock(replica))
        except StateConflict:
            assert asked.job.status in (MAPPING, TERMINATED)
        else:
            assert run.status is RunStatus.QUEUED

    @rule(
        replica=st.integers(0, 1),
        which=st.integers(0, MOST_JOBS - 1),
        age=st.integers(0, 2),
        really=st.sampled_from([False, True]),
    )
    def cancel(self, replica: int, which: int, age: int, really: bool) -> None:
        history = self._history(self._pick(which))
        if not (history and really):
            return
        run = history[age % len(history)]
        shop = self.place.shops[replica]
        try:
            shop.do(runs.cancel_by_request, run, now=self._clock(replica))
        except StateConflict:
            assert run.status in (RunStatus.SUCCESS, RunStatus.FAILED)
        else:
            assert run.status in (*runs.ACTIVE, RunStatus.CANCELLED)
            self._stopped.add(run.id)

    @rule(
        replica=st.integers(0, 1),
        which=st.integers(0, 3),
        goes_on=st.sampled_from(["", "from its failed op", "but Dagster refuses"]),
    )
    def retry(self, replica: int, which: int, goes_on: str) -> None:
        failed = [
            (asked, run)
            for asked in self._asked.values()
            for run in self._history(asked)
            if run.status is RunStatus.FAILED
        ]
        if not failed:
            return
        asked, run = failed[which % len(failed)]
        if goes_on:
            self._runtime.artifacts.open(f"{run.id}/feed", "wb").close()
        if goes_on == "but Dagster refuses":
            self._dagster.no_way_on |= {found.id for found in self._dagster.known(run.id)}
        others = [one for one in self._history(asked) if one.id != run.id]
        busy = any(one.status in runs.ACTIVE for one in others)
        try:
            again = self.place.shops[replica].do(runs.retry_failed, run)
        except StateConflict:
            newer = any(one.started_at for one in others)
            assert busy or newer or asked.job.status is not RUNNING
        else:
            assert again.status is RunStatus.QUEUED
            assert not busy

    @rule(replica=st.integers(0, 1), required=st.booleans())
    def change_the_template(self, replica: int, required: bool) -> None:
        if self._slow is not None:  # it holds the template's lock
            return
        columns = (*COLUMNS, BRAND) if required else COLUMNS
        self.place.shops[replica].require(*columns, now=self._clock(replica))
        self._brand_required = required
        for asked in self._asked.values():
            self._read(asked)

    # ---- what a data engineer does in Dagster ----

    @rule(which=st.integers(0, MOST_JOBS - 1))
    def toggle(self, which: int) -> None:
        asked = self._pick(which)
        if asked.schedule in self._dagster.started_at:
            return  # the daemon has just written it back; nobody has seen that yet
        if asked.schedule in self._dagster.loaded and not self._dagster.down:
            running = self._dagster.runs_schedule(asked.schedule)
            self._dagster.schedules[asked.schedule] = not running
            asked.toggled = not asked.toggled

    @rule(which=st.integers(0, 3))
    def daemon_writes_back(self, which: int) -> None:
        """Not a toggle: Dagster's daemon undoes a stop that came during its tick."""
        asked = self._pick(which)
        stopped = not self._dagster.schedules.get(asked.schedule, True)
        if stopped and asked.schedule in self._dagster.loaded and not asked.toggled:
            self._dagster.write_back(asked.schedule)

    @rule(which=st.integers(0, 3), really=st.sampled_from([False, False, True]))
    def cancel_in_dagster(self, which: int, really: bool) -> None:
        """A process that lives says so itself, and is gone."""
        live = self._live()
        if not (live and really):
            return
        dagster_run_id, tags = live[which % len(live)]
        self._cancelled.add(tags[RUN_ID_TAG])
        self._dagster.ended[dagster_run_id] = "CANCELLED"
        if run_id := self._alive.pop(dagster_run_id, None):
            self._end(run_id, dagster_run_id, "CANCELLED")

    # ---- time, and what it brings ----

    @rule(
        seconds=st.sampled_from([30, 130, 900, 3600]),
        schedules=st.sampled_from(["tick", "tick late", "die", "are lost"]),
    )
    def time_passes(self, seconds: int, schedules: str) -> None:
        """Processes that are alive say so; at the end schedules tick, or don't.

        ``tick late``: those that were just switched off, too; ``die``: before the launch.
        """
        self._pass(dt.timedelta(seconds=seconds))
        if schedules != "are lost":
            self._schedules_tick(late=schedules == "tick late", dies=schedules == "die")

    @rule(
        times=st.sampled_from([1, 1, 2]),
        begins=st.sampled_from([None, None, "load", "on", "dies", "dies before"]),
    )
    def tick(self, times: int, begins: str | None) -> None:
        """One or two; then a run may begin that they have launched."""
        for _ in range(times):
            self._pass(TICK)
            self._tick()
        if begins:
            self.run_begins(3, begins, told=False)

    @rule(contacts=st.integers(0, 18), restarts=st.booleans())
    def tick_that_dies(self, contacts: int, restarts: bool) -> None:
        self._pass(TICK)
        self._dagster.dies_in = contacts
        self._tick()
        self._dagster.dies_in = None
        if restarts:
            self._dagster.restart()

    @rule(
        mishap=st.sampled_from(
            [
                "a restart",
                "a restart without the store",  # the location then loads empty
                "the cursor is lost",
                "the cursor is nonsense",
                "the webserver is away",
                "the webserver is there",
                "reloads fail",
                "reloads answer late",
                "reloads work",
            ]
        ),
        seconds=st.sampled_from([0, 4, 25, 90]),
    )
    def mishap(self, mishap: str, seconds: int) -> None:
        """Something goes wrong, or well again; from now on a reload takes so many seconds."""
        self._reload_seconds = seconds
        if mishap.startswith("a restart"):
            self._runtime.without_store = mishap.endswith("the store")
            self._dagster.restart()
            self._runtime.without_store = False
        elif mishap.startswith("the cursor"):
            self._cursor = "nonsense" if mishap.endswith("nonsense") else None
        elif mishap.startswith("the webserver"):
            self._dagster.down = mishap.endswith("away")
        else:
            self._dagster.reload_fails = mishap == "reloads fail"
            self._dagster.reload_is_late = mishap == "reloads answer late"

    # ---- what Dagster's runs do ----

    @rule(
        which=st.integers(0, 3),
        goes=st.sampled_from(["load", "fail", "fail", "on", "on", "stalls", "dies", "dies before"]),
        told=st.booleans(),
    )
    def run_begins(self, which: int, goes: str, told: bool) -> None:
        """One that waits in Dagster's queue, where no other of its import job is under way."""
        live = self._live()
        busy = {tags[IMPORT_JOB_TAG] for run, tags in live if run in self._dagster.started}
        waiting = [
            (run, tags)
            for run, tags in live
            if run not in self._dagster.started and tags[IMPORT_JOB_TAG] not in busy
        ]
        if waiting:
            dagster_run_id, tags = waiting[-1 - which % len(waiting)]
            self._dagster.started[dagster_run_id] = self._now
            if goes == "dies before":
                if told:
                    self._dagster.ended[dagster_run_id] = "FAILED"
            elif self._begin(dagster_run_id, tags):
                self._go(dagster_run_id, goes, told)

    @rule(
        which=st.integers(0, 3),
        goes=st.sampled_from(["load", "fail", "stalls", "dies"]),
        told=st.booleans(),
    )
    def run_goes_on(self, which: int, goes: str, told: bool) -> None:
        alive = [run for run, _ in self._live() if run in self._alive]
        if alive:
            self._go(alive[which % len(alive)], goes, told)

    @rule(which=st.integers(0, 3), beats=st.booleans())
    def one_that_stood_still_goes_on(self, which: int, beats: bool) -> None:
        """Its process may count as dead by now, and another be at work in its place."""
        if not self._stalled:
            return
        dagster_run_id, run_id = list(self._stalled.items())[which % len(self._stalled)]
        del self._stalled[dagster_run_id]
        if beats and self._beat(dagster_run_id, run_id):
            assert run_id not in self._alive.values(), "two processes execute one Run"
            self._alive[dagster_run_id] = run_id
        else:
            self._load(dagster_run_id, run_id)

    # ---- what must always be so ----

    @invariant()
    def the_state_follows_from_what_was_asked(self) -> None:
        for asked in self._asked.values():
            job = asked.job
            ended = job.ends_on is not None and job.ends_on < self._now + dt.timedelta(minutes=1)
            if asked.deleted:
                continue
            if self._brand_required and not asked.both_mapped:
                expected = {MAPPING}
            elif job.interval is None:
                expected = {SCHEDULING}
            else:
                expected = {PAUSED if asked.paused else RUNNING} | ({COMPLETED} if ended else set())
            assert job.status in expected

    @invariant()
    def a_run_has_one_live_dagster_run_at_the_most(self) -> None:
        for run_id in {tags[RUN_ID_TAG] for _, tags in self._dagster.launched}:
            assert len(self._dagster.live_runs(run_id)) <= 1

    @invariant()
    def what_was_cancelled_stays_so(self) -> None:
        for asked in self._asked.values():
            for run in self._history(asked):
                assert run.id not in self._stopped or run.status is RunStatus.CANCELLED

    @invariant()
    def each_run_loads_once_at_the_most(self) -> None:
        assert all(times == 1 for times in self._loads.values())

    @invariant()
    def nobody_cancels_in_dagster_but_people(self) -> None:
        """What the sensor ends there, since its process is dead, is run again."""
        for asked in self._asked.values():
            for run in self._history(asked):
                by_hand = run.id in self._cancelled
                assert by_hand or run.error != "Cancelled in Dagster."

    @invariant()
    def what_must_not_run_is_not_queued(self) -> None:
        for asked in self._asked.values():
            queued = {r.trigger for r in self._history(asked) if r.status is RunStatus.QUEUED}
            if asked.deleted or asked.job.status is MAPPING:
                assert not queued
            elif asked.job.status is PAUSED:
                assert queued <= {Trigger.MANUAL}

    # ---- in the end ----

    def converge(self) -> None:
        """All is up again: what was asked for is in Dagster after two ticks, and so on."""
        self._dagster.down = self._dagster.reload_fails = self._dagster.reload_is_late = False
        self._reload_seconds = 0
        self.commit_at_last()
        for asked in self._asked.values():
            self._read(asked)
        # No sweep is due that would find what ticks have to find, no pause holds a reload up.
        self._cursor = SyncCursor(self._now).write()
        for _ in range(2):
            self._pass(TICK)
            self._tick()
        self._is_loaded()
        for asked in self._live_jobs():
            assert asked.in_dagster
        for _ in range(2):
            self._pass(SWEEP)
            self._tick()
        # Import jobs that ended in the last minute.
        self._pass(TICK)
        self._tick()
        self._is_loaded()
        for asked in self._live_jobs():
            assert not asked.toggled
            if asked.job.activated_at is not None:
                assert self._dagster.runs_schedule(asked.schedule) is asked.runs
            for run in self._history(asked):
                if run.status is RunStatus.QUEUED and run.trigger is not Trigger.SCHEDULE:
                    assert run.dagster_run_id is not None
        self._nothing_queued_is_lost()
        self.a_run_has_one_live_dagster_run_at_the_most()
        self.nobody_cancels_in_dagster_but_people()
        self.what_must_not_run_is_not_queued()

    def _is_loaded(self) -> None:
        live = {asked.id for asked in self._live_jobs()}
        active = {a.schedule for a in self._live_jobs() if a.job.activated_at is not None}
        assert self._dagster.jobs == {*map(job_name, live), MANUAL_JOB}
        assert self._dagster.loaded == active
        with self._runtime.transaction() as connection:
            assert live_definitions(connection) == self._dagster.repository.snapshot

    def _nothing_queued_is_lost(self) -> None:
        """Each has a Dagster run that is not over, or one whose end is known within the minute."""
        for asked in self._live_jobs():
            for run in self._history(asked):
                if run.status is RunStatus.QUEUED and run.created_at < self._now - SWEEP:
                    assert run.dagster_run_id in self._dagster.live_runs(run.id)

    # ---- how it is done ----

    def _pick(self, which: int) -> Asked:
        known = list(self._asked.values())
        return known[which % len(known)]

    def _live_jobs(self) -> list[Asked]:
        return [asked for asked in self._asked.values() if not asked.deleted]

    def _add(self, asked: Asked) -> None:
        self._asked[asked.id] = asked
        self._read(asked)

    def _clock(self, replica: int) -> dt.datetime:
        """A moment that no other call has; the second replica's clock is behind."""
        self._now += dt.timedelta(milliseconds=1)
        return self._now - replica * dt.timedelta(seconds=40)

    def _change(
        self,
        asked: Asked,
        replica: int,
        change: Callable[..., ImportJob],
        *,
        allowed: bool,
    ) -> bool:
        try:
            change(self.place.shops[replica], asked.job, now=self._clock(replica))
        except StateConflict:
            assert not allowed
            return False
        assert allowed
        self._read(asked)
        return True

    def _read(self, asked: Asked) -> None:
        """Look at the import job; one that left the schedule or went on it is a change."""
        before = asked.runs
        asked.job = self.place.shops[0].read(asked.job)
        if asked.job.status in (SCHEDULING, COMPLETED):
            asked.paused = False  # nobody could see it there
        if asked.runs is not before and asked.job.activated_at is not None:
            asked.in_dagster = False

    def _history(self, asked: Asked) -> list[Run]:
        return self.place.shops[0].history(asked.job)

    def _pass(self, span: dt.timedelta) -> None:
        if self._slow and self._now + span > self._slow_until:
            self.commit_at_last()
        self._now += span
        for dagster_run_id, run_id in self._alive.items():
            self._beat(dagster_run_id, run_id)

    def _beat(self, dagster_run_id: str, run_id: str) -> bool:
        return self._do(runs.beat, run_id, dagster_run_id=dagster_run_id, now=self._now)

    def _schedules_tick(self, *, late: bool, dies: bool) -> None:
        for asked in self._asked.values():
            loaded = asked.schedule in self._dagster.loaded
            if not (loaded and (late or self._dagster.runs_schedule(asked.schedule))):
                continue
            before = asked.job
            schedule = self._dagster.repository.get_schedule(asked.schedule)
            data = schedule.evaluate_tick(
                build_schedule_context(scheduled_execution_time=self._now)
            )
            self._read(asked)
            for request in data.run_requests or []:
                self._see_claims(asked, before)
                if not dies and job_name(asked.id) in self._dagster.jobs:
                    self._dagster.launched.append((job_name(asked.id), dict(request.tags)))

    def _reload_takes_its_time(self) -> None:
        self._pass(dt.timedelta(seconds=self._reload_seconds))

    def _do(self, function: Callable[..., T], *args: Any, **keywords: Any) -> T:
        return self.place.shops[0].do(function, *args, **keywords)

    def _live(self) -> list[tuple[str, dict[str, str]]]:
        """Dagster runs that are not over, import job by import job: ids are no order to go by."""
        live = [(run.id, tags) for run, tags in self._dagster._all()[::-1] if not run.ended]
        order = list(self._asked)
        return sorted(live, key=lambda run: order.index(run[1][IMPORT_JOB_TAG]))

    def _tick(self) -> None:
        """One tick of the sensor, by the process that is loaded; then what it has come to."""
        troubles, sweeps = self._dagster.troubles, self._dagster.sweeps
        before = {asked.id: asked.job for asked in self._asked.values()}
        sensor = self._dagster.repository.get_all_sensors()[0]
        context = build_sensor_context(self.place.instance, cursor=self._cursor)
        whole = False
        try:
            self._cursor = sensor.evaluate_tick(context).cursor
            whole = self._dagster.troubles == troubles
        except Killed:
            pass
        swept = self._dagster.sweeps > sweeps
        for asked in self._asked.values():
            self._see(asked, before[asked.id], whole=whole, swept=swept)

    def _see(self, asked: Asked, before: ImportJob, *, whole: bool, swept: bool) -> None:
        """Compare what a tick has made of an import job with what it should have."""
        asked.job = self.place.shops[0].read(asked.job)
        job = asked.job
        self._see_claims(asked, before)
        if job.status is COMPLETED:
            asked.paused = False
        adopted = {before.status, job.status} == set(ON_SCHEDULE)
        if adopted:
            # Only Dagster had changed, or so it may have looked to a tick before that was cut off.
            assert swept
            assert asked.toggled
            assert asked.in_dagster is not False, "what was asked for goes before a toggle"
            asked.paused, asked.toggled = job.status is PAUSED, False
        elif (before.status is RUNNING) is not (job.status is RUNNING):
            asked.in_dagster = False  # it has ended
        if asked.deleted or asked.schedule not in self._dagster.loaded:
            return
        self._see_switch(asked, whole=whole, swept=swept)

    def _see_switch(self, asked: Asked, *, whole: bool, swept: bool) -> None:
        in_step = self._dagster.runs_schedule(asked.schedule) is asked.runs
        assert in_step or not whole or (asked.in_dagster is not False and not swept)
        if in_step:
            asked.toggled = False
            if whole or asked.in_dagster:
                asked.in_dagster = True
            elif asked.in_dagster is False:
                asked.in_dagster = None
        elif asked.in_dagster is None and whole:
            # The tick before had brought it there, and noted it: so this toggle is Dagster's alone.
            asked.in_dagster, asked.toggled = True, True

    def _see_claims(self, asked: Asked, before: ImportJob) -> None:
        """Runs that a tick has claimed: of a RUNNING import job, due, for one due time once."""
        for run in self._history(asked):
            if run.trigger is Trigger.SCHEDULE and run.due_at not in asked.due:
                assert run.due_at is not None
                assert before.status is RUNNING
                assert before.next_run == run.due_at <= self._now
                asked.due.add(run.due_at)
        dues = [run.due_at for run in self._history(asked)]
        assert len(dues) == len(set(dues))
        timing = timing_of(asked.job)
        assert timing is None or asked.job.status is RUNNING or asked.job.next_run is None

    def _begin(self, dagster_run_id: str, tags: dict[str, str]) -> bool:
        run_id, job_id = tags[RUN_ID_TAG], tags[IMPORT_JOB_TAG]
        asked = self._asked[job_id]
        try:
            run = self._do(
                runs.begin_attempt,
                job_id=job_id,
                run_id=run_id,
                dagster_run_id=dagster_run_id,
                reexecution=dagster_run_id in self._dagster.parents,
                now=self._now,
            )
        except RunCancelled:
            self._end(run_id, dagster_run_id, "SUCCESS", begun=False)
            return False
        except StateConflict:
            self._end(run_id, dagster_run_id, "FAILED")
            return False
        assert asked.job.status not in (MAPPING, TERMINATED)
        assert run.trigger is Trigger.MANUAL or asked.job.status is not PAUSED
        assert run_id not in self._alive.values(), "two processes execute one Run"
        self._alive[dagster_run_id] = run_id
        return True

    def _go(self, dagster_run_id: str, goes: str, told: bool) -> None:
        run_id = self._alive[dagster_run_id]
        if goes == "on":
            return
        del self._alive[dagster_run_id]
        if goes == "dies":
            if told:
                self._dagster.ended[dagster_run_id] = "FAILED"
            return
        if goes == "stalls":
            self._stalled[dagster_run_id] = run_id
        elif goes == "load":
            self._load(dagster_run_id, run_id)
        else:
            self._end(run_id, dagster_run_id, "FAILED")
            self._read_of(run_id)

    def _load(self, dagster_run_id: str, run_id: str) -> None:
        """What a process does at its end, whether or not it may."""
        run = self._do(runs.find_run, run_id)
        assert run is not None
        job = self._asked[run.import_job_id].job
        given = load(job, run, now=self._now) | {"dagster_run_id": dagster_run_id}
        may = run.status is RunStatus.RUNNING and run.dagster_run_id == dagster_run_id
        try:
            self._do(runs.record_load, **given)
        except RunCancelled:
            assert not may
            self._end(run_id, dagster_run_id, "SUCCESS")
        else:
            assert may
            self._loads[run_id] += 1
            self._dagster.ended.setdefault(dagster_run_id, "SUCCESS")
        self._read_of(run_id)

    def _read_of(self, run_id: str) -> None:
        run = self._do(runs.find_run, run_id)
        assert run is not None
        self._read(self._asked[run.import_job_id])

    def _end(self, run_id: str, dagster_run_id: str, ended: str, *, begun: bool = True) -> None:
        """What an attempt does that is refused, fails or is cancelled."""
        self._dagster.ended.setdefault(dagster_run_id, ended)
        given = {"now": self._now, "dagster_run_id": dagster_run_id}
        if ended == "FAILED":
            self._do(runs.fail_run, run_id, error="broke", **given)
        else:
            self._do(runs.cancel_run, run_id, reason="cancelled", begun=begun, **given)


class _Once(Shop):
    """A shop that does one thing in a transaction that somebody else commits."""

    def __init__(self, connection: Connection, shop: Shop) -> None:
        super().__init__(shop.engine, shop.box, shop.project_id, shop.template_id)
        self._connection = connection

    def do(self, function: Callable[..., T], *args: Any, **keywords: Any) -> T:
        return function(self._connection, *args, **keywords)


@pytest.fixture
def place(store_url: str, store_engine: Engine, tmp_path: Path) -> Iterator[Place]:
    other = open_store(store_url)
    first, second = (Shop(e, SecretBox("k"), "", "") for e in (store_engine, other))
    with DagsterInstance.ephemeral() as instance:
        yield Place((first, second), store_url, tmp_path, instance)
    other.dispose()


def test_two_way_control(place: Place) -> None:
    asked_for = os.environ.get("TWO_WAY_EXAMPLES")
    case = type("Machine", (_Machine,), {"place": place}).TestCase
    case.settings = settings(
        max_examples=int(asked_for or 80),
        stateful_step_count=30,
        deadline=None,
        phases=set(Phase) if asked_for else set(Phase) - {Phase.shrink},  # which takes minutes
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    case("runTest").runTest()
