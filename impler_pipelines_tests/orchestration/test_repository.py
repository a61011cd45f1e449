"""The lazy repository: what it lists, what it builds without a store, what it never does."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInvariantViolationError, build_schedule_context

from impler_pipelines.model import Trigger
from impler_pipelines.orchestration.names import (
    IMPORT_JOB_TAG,
    RUN_ID_TAG,
    job_name,
    schedule_name,
)
from impler_pipelines.orchestration.repository import ImportRepository
from impler_pipelines.orchestration.runtime import Runtime, utc_now
from impler_pipelines.settings import Settings
from impler_pipelines.store import import_jobs
from impler_pipelines_tests.orchestration.conftest import World

UNKNOWN = "0123456789abcdef01234567"


@pytest.fixture
def storeless(tmp_path: Path) -> ImportRepository:
    """A repository whose store can't be reached."""
    url = "postgresql://nobody@127.0.0.1:1/nowhere"
    return ImportRepository(Runtime(Settings(home=tmp_path, database_url=url)))


@pytest.mark.parametrize("world", ["store"], indirect=True)
class TestSnapshot:
    def test_lists_live_import_jobs(self, world: World) -> None:
        scheduled = world.add_import_job()
        unscheduled = world.add_import_job(interval=None)
        repository = ImportRepository(world.runtime)
        names = {job_name(scheduled.id), job_name(unscheduled.id)}
        assert set(repository.get_job_names()) == names
        assert {job.name for job in repository.get_all_jobs()} == names
        assert repository.get_schedule_names() == [schedule_name(scheduled.id)]

    def test_is_frozen_at_the_first_list(self, world: World) -> None:
        repository = ImportRepository(world.runtime)
        assert repository.get_job_names() == []
        world.add_import_job()
        assert repository.get_job_names() == []

    def test_the_schedule_has_the_intervals_ticks(self, world: World) -> None:
        job = world.add_import_job()
        (schedule,) = ImportRepository(world.runtime).get_all_schedules()
        assert schedule.name == schedule_name(job.id)
        assert schedule.job_name == job_name(job.id)
        assert schedule.execution_timezone == "UTC"
        assert len(str(schedule.cron_schedule).split(",")) == 4

    def test_the_description_names_source_template_and_interval(self, world: World) -> None:
        job = world.add_import_job(url=world.feeds.url("/feed.xml?token=s3cret"))
        repository = ImportRepository(world.runtime)
        repository.get_job_names()
        description = repository.get_job(job_name(job.id)).description or ""
        assert "Products" in description
        assert "very 15 minutes" in description
        assert "127.0.0.1" in description
        assert "s3cret" not in description

    def test_one_graph_for_all_and_empty_config(self, world: World) -> None:
        world.add_import_job()
        world.add_import_job()
        one, two = ImportRepository(world.runtime).get_all_jobs()
        assert one.graph is two.graph or one.graph.name == two.graph.name
        assert [n.name for n in one.nodes_in_topological_order] == [
            "fetch_feed",
            "extract_records",
            "map_columns",
            "load_rows",
        ]

    @pytest.mark.parametrize("user", ["team/7 é", "a" * 256, "x\ny", "<b>", "日本"])
    def test_any_user_id_makes_a_job(self, world: World, user: str) -> None:
        world.add_import_job(external_user_id=user)
        assert len(ImportRepository(world.runtime).get_all_jobs()) == 1


class TestWithoutStore:
    def test_a_job_of_any_well_formed_name_is_built(self, storeless: ImportRepository) -> None:
        job = storeless.get_job(job_name(UNKNOWN))
        assert job.tags[IMPORT_JOB_TAG] == UNKNOWN
        assert storeless.has_job(job_name(UNKNOWN))

    @pytest.mark.parametrize("name", ["import_x", "other", "__ASSET_JOB"])
    def test_other_names_are_refused(self, storeless: ImportRepository, name: str) -> None:
        assert not storeless.has_job(name)
        with pytest.raises(DagsterInvariantViolationError, match=name):
            storeless.get_job(name)

    def test_the_location_loads_empty(self, storeless: ImportRepository) -> None:
        storeless.load_all_definitions()
        assert storeless.get_job_names() == []
        assert [s.name for s in storeless.get_all_sensors()] == [
            "sync_import_jobs",
            "sweep_history",
        ]


def tick(world: World, job_id: str, at: dt.datetime) -> Any:
    repository = ImportRepository(world.runtime)
    context = build_schedule_context(scheduled_execution_time=at)
    return repository.get_schedule(schedule_name(job_id)).evaluate_tick(context)


@pytest.mark.parametrize("world", ["store"], indirect=True)
class TestTick:
    def test_a_due_import_job_is_claimed_once(self, world: World) -> None:
        job = world.add_import_job(run_now=False)
        assert job.next_run is not None
        (request,) = tick(world, job.id, job.next_run).run_requests or []
        (run,) = world.runs(job)
        assert (request.run_key, request.tags[RUN_ID_TAG]) == (run.id, run.id)
        assert (run.trigger, run.due_at) == (Trigger.SCHEDULE, job.next_run)
        assert not tick(world, job.id, job.next_run).run_requests
        assert len(world.runs(job)) == 1

    def test_before_the_due_time_it_skips(self, world: World) -> None:
        job = world.add_import_job(run_now=False)
        skipped = tick(world, job.id, utc_now())
        assert not skipped.run_requests
        assert "next run is due" in (skipped.skip_message or "")

    def test_paused_it_skips_whatever_the_sensor_has_done(self, world: World) -> None:
        job = world.add_import_job(run_now=False)
        assert job.next_run is not None
        with world.runtime.transaction() as connection:
            import_jobs.pause_import_job(connection, job.id, now=utc_now())
        skipped = tick(world, job.id, job.next_run)
        assert not skipped.run_requests
        assert "PAUSED" in (skipped.skip_message or "")

    def test_a_run_under_way_is_not_doubled(self, world: World) -> None:
        job = world.add_import_job()
        assert job.next_run is not None
        skipped = tick(world, job.id, job.next_run)
        assert not skipped.run_requests
        assert "still queued or running" in (skipped.skip_message or "")
        moved = world.read(job).next_run
        assert moved is not None
        assert moved > job.next_run

    def test_an_unknown_import_job_skips(self, world: World) -> None:
        skipped = tick(world, UNKNOWN, utc_now())
        assert not skipped.run_requests
        assert "no such import job" in (skipped.skip_message or "")
