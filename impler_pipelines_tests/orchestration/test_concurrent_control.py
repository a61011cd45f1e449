"""Two replicas of the API, the sensor and Dagster's runs at once on one store, truly concurrent."""

from __future__ import annotations

import datetime as dt
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance, build_schedule_context, build_sensor_context
from sqlalchemy import Engine, select, update

from impler_pipelines.control_api.app import create_app
from impler_pipelines.errors import RunCancelled, StateConflict
from impler_pipelines.model import ImportJobStatus, RunStatus, Trigger
from impler_pipelines.orchestration.names import (
    IMPORT_JOB_TAG,
    RUN_ID_TAG,
    import_job_id_of_schedule,
    job_name,
    schedule_name,
)
from impler_pipelines.orchestration.repository import ImportRepository
from impler_pipelines.orchestration.runtime import Runtime, utc_now
from impler_pipelines.store import projects, runs
from impler_pipelines.store.engine import transaction
from impler_pipelines.store.tables import import_jobs as import_jobs_table
from impler_pipelines.store.tables import runs as runs_table
from impler_pipelines_tests.control_api.conftest import host_app, serving, settings_for
from impler_pipelines_tests.control_api.host_app import HostApp
from impler_pipelines_tests.feed_server import FeedServer
from impler_pipelines_tests.orchestration.fake_dagster import FakeLocation

JOBS = 3
ROUNDS = 8
LOOKS = 4
SELDOM = 5
INTERVALS = ({"every": 15, "unit": "minutes"}, {"every": 1, "unit": "hours"})


@dataclass(frozen=True)
class Span:
    """From one moment of this process's clock to another."""

    begin: float
    end: float

    def holds(self, other: Span) -> bool:
        return self.begin <= other.begin and other.end <= self.end


@dataclass
class Stage:
    """Everything there is, and what was seen: pauses in force, and runs that began."""

    replicas: list[HostApp]
    runtime: Runtime
    dagster: FakeLocation
    instance: DagsterInstance
    jobs: list[str] = field(default_factory=list)
    paused: list[tuple[str, Span]] = field(default_factory=list)
    begun: list[tuple[str, Trigger, Span]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def scheduled(self) -> bool:
        """Whether a run of a schedule has begun."""
        return any(trigger is Trigger.SCHEDULE for _, trigger, _ in self.begun)

    def ask(self, replica: int, method: str, path: str, body: Any = None) -> Any:
        """One request of many at once: refused by the state, perhaps, but never by the others."""
        answer = self.replicas[replica].call(method, path, body)
        assert answer.status_code in (200, 202, 409), answer.text
        return answer.json()

    def pause_and_resume(self, job_id: str) -> None:
        """The job's user: what is paused stays so until its resume, whatever others ask for."""
        path = f"/v1/import-jobs/user/{job_id}"
        deadline = time.monotonic() + 60
        for number in itertools.count():
            if number >= ROUNDS and (self.scheduled or time.monotonic() > deadline):
                break
            asked = self.ask(number % 2, "PUT", f"{path}/pause")
            answered = time.monotonic()
            assert asked["status"] == ImportJobStatus.PAUSED
            for look in range(LOOKS):
                seen = self.ask(look % 2, "GET", f"/v1/import-jobs/{job_id}")
                assert (seen["status"], seen["nextRun"]) == (ImportJobStatus.PAUSED, None)
            self.paused.append((job_id, Span(answered, time.monotonic())))
            asked = self.ask(1 - number % 2, "PUT", f"{path}/resume")
            assert asked["status"] == ImportJobStatus.RUNNING

    def edit_and_run(self, job_id: str) -> None:
        """Somebody else, at the other replica, with the same import job."""
        number = 0
        while not self.over.is_set():
            number += 1
            body = {"interval": INTERVALS[number % 2]}
            self.ask(number % 2, "PUT", f"/v1/import-jobs/{job_id}", body)
            if number % SELDOM == 0:  # while one is queued, no schedule's turn comes
                self.ask(1 - number % 4 // 2, "POST", f"/v1/import-jobs/{job_id}/runs")

    def tick(self) -> None:
        """The sensor, tick upon tick; without a cursor it sweeps at each."""
        while not self.over.is_set():
            self.tick_once()

    def tick_once(self) -> str | None:
        sensor = self.dagster.repository.get_all_sensors()[0]
        return sensor.evaluate_tick(build_sensor_context(self.instance)).skip_message

    def be_due(self) -> None:
        """Schedules whose import jobs all come due again and again."""
        while not self.over.is_set():
            for name in sorted(self.dagster.loaded):
                job_id = import_job_id_of_schedule(name) or ""
                due = utc_now() - dt.timedelta(microseconds=1)
                with self.runtime.transaction() as connection:
                    connection.execute(
                        update(import_jobs_table)
                        .where(
                            import_jobs_table.c.id == job_id,
                            import_jobs_table.c.status == ImportJobStatus.RUNNING,
                        )
                        .values(next_run=due)
                    )
                context = build_schedule_context(scheduled_execution_time=utc_now())
                data = self.dagster.repository.get_schedule(name).evaluate_tick(context)
                for request in data.run_requests or []:
                    self.dagster.launch_run(job_name(job_id), dict(request.tags))

    def execute(self) -> None:
        """Dagster's processes: each run begins once, and has failed at once."""
        number = 0
        while not self.over.wait(0.005):
            while number < len(self.dagster.launched):
                number += 1
                self.begin(f"dagster-{number}", self.dagster.launched[number - 1][1])

    def begin(self, dagster_run_id: str, tags: dict[str, str]) -> None:
        job_id, run_id = tags[IMPORT_JOB_TAG], tags[RUN_ID_TAG]
        begin = time.monotonic()
        try:
            with self.runtime.transaction() as connection:
                run = runs.begin_attempt(
                    connection,
                    job_id=job_id,
                    run_id=run_id,
                    dagster_run_id=dagster_run_id,
                    reexecution=False,
                    now=utc_now(),
                )
        except (RunCancelled, StateConflict):
            pass
        else:
            self.begun.append((job_id, run.trigger, Span(begin, time.monotonic())))
        with self.runtime.transaction() as connection:
            runs.fail_run(
                connection, run_id, error="broke", now=utc_now(), dagster_run_id=dagster_run_id
            )
        self.dagster.ended[dagster_run_id] = "FAILED"

    def status(self, job_id: str) -> str:
        return str(self.ask(0, "GET", f"/v1/import-jobs/{job_id}")["status"])


@pytest.fixture
def stage(
    store_url: str,
    store_engine: Engine,
    feed_server: FeedServer,
    instance: DagsterInstance,
    tmp_path: Path,
) -> Iterator[Stage]:
    settings = settings_for(store_url, tmp_path / "home", secret_key="k")
    with transaction(store_engine) as connection:
        key = projects.create_access_key(connection, "shop")
    runtime = Runtime(settings)
    with ExitStack() as stack:
        urls = [stack.enter_context(serving(create_app(settings))) for _ in range(2)]
        replicas = [stack.enter_context(host_app(url, key)) for url in urls]
        dagster = FakeLocation(lambda: ImportRepository(runtime))
        runtime.gateway = dagster  # the seam
        made = Stage(replicas, runtime, dagster, instance)
        template = replicas[0].template()
        for number in range(JOBS):
            job = replicas[number % 2].import_job(feed_server, template, interval=INTERVALS[0])
            made.jobs.append(job["_id"])
        made.tick_once()
        yield made
    runtime.engine.dispose()


def test_all_at_once(stage: Stage) -> None:
    """What each was answered holds, nobody is in anybody's way, and in the end all is in step."""
    beside: list[Callable[[], None]] = [stage.tick, stage.be_due, stage.execute]
    with ThreadPoolExecutor(2 * JOBS + len(beside)) as pool:
        others = [pool.submit(work) for work in beside]
        others += [pool.submit(stage.edit_and_run, job_id) for job_id in stage.jobs]
        users = [pool.submit(stage.pause_and_resume, job_id) for job_id in stage.jobs]
        try:
            for user in users:
                user.result(120)
        finally:
            stage.over.set()
        for other in others:
            other.result(60)

    assert stage.scheduled
    for job_id, trigger, begun in stage.begun:
        if trigger is not Trigger.MANUAL:
            pauses = [span for paused_id, span in stage.paused if paused_id == job_id]
            assert not any(pause.holds(begun) for pause in pauses), "a run began while paused"

    stage.ask(0, "PUT", f"/v1/import-jobs/user/{stage.jobs[0]}/pause")
    for _ in range(2):
        stage.tick_once()
    assert stage.dagster.troubles == 0
    for job_id in stage.jobs:
        running = stage.status(job_id) == ImportJobStatus.RUNNING
        assert running is (job_id != stage.jobs[0])
        assert stage.dagster.runs_schedule(schedule_name(job_id)) is running
    with stage.runtime.transaction() as connection:
        for run in connection.execute(select(runs_table)):
            live = stage.dagster.live_runs(run.id)
            assert len(live) <= 1
            if run.status == RunStatus.QUEUED and run.trigger != Trigger.SCHEDULE:
                assert [run.dagster_run_id] == live
