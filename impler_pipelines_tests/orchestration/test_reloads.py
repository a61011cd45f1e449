"""When the sensor reloads: what it compares, what a failed reload leaves, how reloads are spaced.

Dagster has a code location here, which costs as much time as the test says.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import pytest
from dagster import DagsterInstance, build_sensor_context
from sqlalchemy import update

from impler_pipelines.model import ImportJob
from impler_pipelines.orchestration.names import job_name, schedule_name
from impler_pipelines.orchestration.repository import ImportRepository
from impler_pipelines.orchestration.runtime import utc_now
from impler_pipelines.orchestration.sync_cursor import SyncCursor
from impler_pipelines.store import import_jobs
from impler_pipelines.store.sync_ticks import last_tick
from impler_pipelines.store.tables import import_jobs as import_jobs_table
from impler_pipelines_tests.orchestration.conftest import World
from impler_pipelines_tests.orchestration.fake_dagster import FakeLocation

pytestmark = pytest.mark.parametrize("world", ["store"], indirect=True)

TICK = dt.timedelta(seconds=5)
STEP = "Everything is in step."


@dataclass
class Location:
    """A code location that has ticked once; ``reload_seconds`` is what a reload takes."""

    world: World
    now: dt.datetime
    instance: DagsterInstance
    cursor: str | None = None
    reload_seconds: float = 0.0

    def __post_init__(self) -> None:
        self.world.runtime.now = lambda: self.now
        self.dagster = FakeLocation(lambda: ImportRepository(self.world.runtime))
        self.dagster.during_reload = lambda: self._pass(self.reload_seconds)
        self.world.runtime.gateway = self.dagster  # the seam
        self.tick()

    def tick(self, *, sweep: bool = False) -> str:
        """Tick five seconds after the last one has ended."""
        self.now += TICK
        cursor = SyncCursor.read(self.cursor)
        context = build_sensor_context(
            self.instance,
            cursor=SyncCursor(None if sweep else self.now, cursor.reload).write(),
        )
        result = self.dagster.repository.get_all_sensors()[0].evaluate_tick(context)
        self.cursor = result.cursor
        assert result.skip_message is not None
        return result.skip_message

    def add(self, **changes: Any) -> ImportJob:
        return self.world.add_import_job(**changes)

    def write(self, job: ImportJob, **values: Any) -> None:
        """Write columns as they are, as nothing of ours does."""
        with self.world.runtime.transaction() as connection:
            where = import_jobs_table.c.id == job.id
            connection.execute(update(import_jobs_table).where(where).values(values))

    def _pass(self, seconds: float) -> None:
        self.now += dt.timedelta(seconds=seconds)


@pytest.fixture
def location(world: World, instance: DagsterInstance) -> Location:
    return Location(world, utc_now(), instance)


class TestCompared:
    def test_what_changed_lately_between_sweeps(self, location: Location) -> None:
        job = location.add()
        assert "1 added" in location.tick()
        with location.world.runtime.transaction() as connection:
            import_jobs.terminate_import_job(connection, job.id, now=location.now)
        assert "1 removed" in location.tick()
        assert location.tick() == STEP

    def test_a_change_that_is_committed_minutes_late(self, location: Location) -> None:
        job = location.add()
        location.tick(sweep=True)
        location.tick(sweep=True)
        early = location.now - dt.timedelta(minutes=9)
        location.write(job, url="https://late.example/", updated_at=early)
        assert "1 changed" in location.tick()

    def test_a_change_that_nothing_tells_of_waits_for_the_sweep(self, location: Location) -> None:
        job = location.add()
        location.tick()
        location.now += dt.timedelta(hours=1)
        assert location.tick(sweep=True) == STEP
        location.write(job, url="https://silent.example/")
        assert location.tick() == STEP
        assert "1 changed" in location.tick(sweep=True)

    @pytest.mark.parametrize("kind", ["fails", "is late"])
    def test_a_reload_that_gave_no_answer_is_asked_for_until_it_has_worked(
        self, location: Location, kind: str
    ) -> None:
        job = location.add()
        location.dagster.reload_fails = kind == "fails"
        location.dagster.reload_is_late = kind == "is late"
        assert "next tick" in location.tick(sweep=True)
        if kind == "fails":
            assert "next tick" in location.tick()
        location.dagster.reload_fails = location.dagster.reload_is_late = False
        location.tick()
        assert job_name(job.id) in location.dagster.jobs
        assert location.dagster.reloads == (3 if kind == "fails" else 1)
        assert len(location.dagster.launched) == 1

    def test_loaded_without_the_store_all_is_compared(self, location: Location) -> None:
        """The location loads empty; whenever the import jobs were made, they are missing in it."""
        job = location.add()
        location.write(job, updated_at=location.now - dt.timedelta(days=1))
        url = location.world.runtime.settings.database_url
        down = location.world.runtime.settings.model_copy(
            update={"database_url": "postgresql://nobody@127.0.0.1:1/nowhere"}
        )
        location.world.runtime.engine.dispose()
        del location.world.runtime.engine
        location.world.runtime.settings = down
        location.dagster.restart()
        assert not location.dagster.loaded
        del location.world.runtime.engine
        location.world.runtime.settings = down.model_copy(update={"database_url": url})
        assert "1 added" in location.tick()
        assert location.dagster.loaded == {schedule_name(job.id)}


class TestSpaced:
    @pytest.mark.parametrize(("seconds", "most"), [(1.0, 12), (5.0, 4), (15.0, 2), (60.0, 1)])
    def test_where_new_ones_keep_coming(
        self, location: Location, seconds: float, most: int
    ) -> None:
        """A minute of them: reloads take a quarter of it, or one of a minute takes half of two."""
        location.reload_seconds = seconds
        begun = location.now
        while location.now < begun + dt.timedelta(minutes=1):
            location.add()
            location.tick()
        assert 1 <= location.dagster.reloads <= most
        took = location.dagster.reloads * seconds
        assert took <= max(seconds, (location.now - begun).total_seconds() / 3)

    def test_a_single_one_is_there_at_the_next_tick(self, location: Location) -> None:
        location.reload_seconds = 15.0
        location.add()
        assert "Reloaded" in location.tick()
        location.now += dt.timedelta(minutes=1)
        location.add()
        assert "Reloaded" in location.tick()

    def test_what_waits_is_not_asked_for_in_vain(self, location: Location) -> None:
        location.reload_seconds = 15.0
        location.add()
        location.tick()
        waiting, paused = location.add(), location.add()
        with location.world.runtime.transaction() as connection:
            import_jobs.pause_import_job(connection, paused.id, now=location.now)
        assert "waits a moment: 2 added" in location.tick()
        assert "waits" in location.tick(sweep=True)
        assert location.dagster.troubles == 0
        with location.world.runtime.transaction() as connection:
            tick = last_tick(connection)
        assert tick is not None
        assert tick.in_step_at is not None
        assert tick.in_step_at < tick.ticked_at
        location.now += dt.timedelta(seconds=45)
        assert "Reloaded: 2 added" in location.tick()
        assert location.dagster.launched[-1][0] == job_name(waiting.id)
        assert location.dagster.schedules == {schedule_name(paused.id): False}

    def test_what_is_loaded_goes_on_meanwhile(self, location: Location) -> None:
        location.reload_seconds = 15.0
        job = location.add(run_now=False)
        location.tick()
        location.add()
        with location.world.runtime.transaction() as connection:
            import_jobs.pause_import_job(connection, job.id, now=location.now)
        said = location.tick()
        assert "waits" in said
        assert f"Stopped the schedule of {job.id}" in said

    def test_one_that_failed_after_long_is_followed_by_a_pause_too(
        self, location: Location
    ) -> None:
        location.reload_seconds = 15.0
        location.dagster.reload_is_late = True
        location.add()
        assert "next tick" in location.tick()
        location.add()
        assert "waits" in location.tick()
