"""The lazy repository: what it lists, what it builds without a store, what it never does."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    AssetKey,
    DagsterInvariantViolationError,
    RepositoryDefinition,
    build_schedule_context,
)

from impler_pipelines.model import Trigger
from impler_pipelines.orchestration.assets import declared_tables
from impler_pipelines.orchestration.descriptions import job_description
from impler_pipelines.orchestration.names import (
    EXTERNAL_USER_TAG,
    FETCHING_HOST_TAG,
    IMPORT_JOB_TAG,
    MANUAL_JOB,
    MAX_RUNTIME_TAG,
    RUN_ID_TAG,
    TEMPLATE_TAG,
    job_name,
    schedule_name,
)
from impler_pipelines.orchestration.repository import ImportRepository
from impler_pipelines.orchestration.runtime import Runtime, utc_now
from impler_pipelines.settings import Settings
from impler_pipelines.store import import_jobs, templates
from impler_pipelines.store.destinations import TableSpec
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
        names = {job_name(scheduled.id), job_name(unscheduled.id), MANUAL_JOB}
        assert set(repository.get_job_names()) == names
        assert {job.name for job in repository.get_all_jobs()} == names
        assert repository.get_schedule_names() == [schedule_name(scheduled.id)]

    def test_is_frozen_at_the_first_list(self, world: World) -> None:
        repository = ImportRepository(world.runtime)
        assert repository.get_job_names() == [MANUAL_JOB]
        world.add_import_job()
        assert repository.get_job_names() == [MANUAL_JOB]

    def test_two_who_ask_for_all_get_the_same(self, world: World) -> None:
        """The webserver and the daemon do so at once, and of thousands each takes its time."""
        job = world.add_import_job()
        repository = ImportRepository(world.runtime)
        with ThreadPoolExecutor(2) as servers:
            first, second = servers.map(lambda _: repository.get_all_jobs(), range(2))
        assert list(map(id, first)) == list(map(id, second))
        assert repository.get_job(job_name(job.id)) is first[0]
        (schedule,) = repository.get_all_schedules()
        assert repository.get_schedule(schedule.name) is schedule

    def test_a_schedule_that_ticks_does_not_freeze_it(self, world: World) -> None:
        """Dagster has been told nothing by that: the sensor would take it for what is loaded."""
        first = world.add_import_job(run_now=False)
        repository = ImportRepository(world.runtime)
        context = build_schedule_context(scheduled_execution_time=utc_now())
        repository.get_schedule(schedule_name(first.id)).evaluate_tick(context)
        second = world.add_import_job()
        assert job_name(second.id) in repository.get_job_names()

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
        one, two, _ = ImportRepository(world.runtime).get_all_jobs()
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
        assert len(ImportRepository(world.runtime).get_all_jobs()) == 2


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
        assert storeless.get_job_names() == [MANUAL_JOB]
        assert [s.name for s in storeless.get_all_sensors()] == [
            "sync_import_jobs",
            "sweep_history",
            "send_webhooks",
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


@pytest.mark.parametrize("world", ["store"], indirect=True)
class TestDescriptions:
    """What a person reads of an import job before it has run."""

    def test_a_job_says_what_is_imported_for_whom_and_when(self, world: World) -> None:
        job = world.add_import_job(url="https://feeds.example/a/b.xml?token=hunter2")
        built, _ = ImportRepository(world.runtime).get_all_jobs()
        said = built.description or ""
        assert said.startswith(
            "Imports the feed `/a/b.xml?…` of **feeds.example** for user **ann** into the template"
            " **Products** (table `products`).\n\nEvery 15 minutes."
        )
        assert "Where to look" in said
        entries = {name: entry.value for name, entry in built.metadata.items()}
        assert entries == {
            "source": "https://feeds.example/a/b.xml",
            "user": "ann",
            "template": "Products",
            "runs": "Every 15 minutes",
            "table": AssetKey(["imports", "products"]),
        }
        assert built.tags == {
            IMPORT_JOB_TAG: job.id,
            EXTERNAL_USER_TAG: "ann",
            TEMPLATE_TAG: world.template_id,
            FETCHING_HOST_TAG: "feeds.example",
            MAX_RUNTIME_TAG: "7200",
        }

    def test_a_schedule_says_it_in_plain_text_and_has_the_jobs_tags(self, world: World) -> None:
        job = world.add_import_job(url="https://feeds.example/b.xml?token=hunter2")
        (schedule,) = ImportRepository(world.runtime).get_all_schedules()
        said = schedule.description or ""
        assert said.startswith(
            "Every 15 minutes: imports https://feeds.example/b.xml?… into Products for user ann."
        )
        assert schedule.tags[IMPORT_JOB_TAG] == job.id
        assert schedule.tags[EXTERNAL_USER_TAG] == "ann"

    def test_one_without_a_timing_says_so(self, world: World) -> None:
        world.add_import_job(interval=None)
        built, _ = ImportRepository(world.runtime).get_all_jobs()
        assert "Not scheduled yet." in (built.description or "")

    def test_what_users_typed_is_no_markup(self, world: World) -> None:
        hostile = "a\n\n# b <script> [x](javascript:1) `c` | *d*"
        url = "https://ann:pass-word@feeds.example/a`b`<i>.xml"
        world.add_import_job(external_user_id=hostile, url=url)
        repository = ImportRepository(world.runtime)
        built, _ = repository.get_all_jobs()
        escaped = "a \\# b \\<script\\> \\[x\\](javascript:1) \\`c\\` \\| \\*d\\*"
        assert escaped in (built.description or "")
        assert "`/a%60b%60<i>.xml`" in (built.description or "")
        (table,) = repository.get_assets_defs_by_key().values()
        assert escaped in (next(iter(table.specs)).description or "")
        (schedule,) = repository.get_all_schedules()
        seen = repr((built.description, built.metadata, schedule.description, table.specs))
        assert "pass-word" not in seen

    def test_a_timing_that_can_no_longer_be_read_is_said(self, world: World) -> None:
        """A time zone that this host's database lacks, say: the location must load all the same."""
        world.add_import_job()
        (definition,) = ImportRepository(world.runtime).snapshot.values()
        assert definition.timing is not None
        lost = replace(definition, timing=replace(definition.timing, timezone="Mars/Olympus"))
        assert "can't be read" in job_description(lost)


@pytest.mark.parametrize("world", ["store"], indirect=True)
class TestTables:
    """Destination tables are declared as external assets: described, never to be materialized."""

    def test_each_once_with_its_import_jobs(self, world: World) -> None:
        jobs = [world.add_import_job(), world.add_import_job(external_user_id="bob")]
        repository = ImportRepository(world.runtime)
        key = AssetKey(["imports", "products"])
        definitions = repository.get_assets_defs_by_key()
        assert list(definitions) == [key]
        (spec,) = definitions[key].specs
        assert (spec.group_name, spec.kinds) == ("imports", {"postgres", "table"})
        assert spec.tags[TEMPLATE_TAG] == world.template_id
        assert dict(spec.metadata) == {"template": "Products", "mode": "upsert"}
        said = spec.description or ""
        assert "template **Products**, in the table `products`" in said
        for job, user in zip(jobs, ("ann", "bob"), strict=True):
            link = f"[{user}](/locations/imports@impler_pipelines/jobs/{job_name(job.id)})"
            assert link in said
        assert not definitions[key].is_executable

    def test_a_long_list_of_import_jobs_is_cut(self, world: World) -> None:
        world.add_import_job()
        (one,) = ImportRepository(world.runtime).snapshot.values()
        many = [replace(one, job_id=f"{number:024x}") for number in range(25)]
        (table,) = declared_tables(many, default_url="sqlite:///x.db")
        (spec,) = table.specs
        assert (spec.description or "").endswith("- and 5 more")
        assert spec.kinds == {"sqlite", "table"}

    def test_a_destination_of_its_own_shows_no_login(self, world: World) -> None:
        with world.runtime.transaction() as connection:
            templates.update_template(
                connection,
                world.runtime.secrets,
                project_id=world.project_id,
                template_id=world.template_id,
                now=utc_now(),
                destination_specs=[
                    TableSpec("rows", url="mysql://root:hunter2@db.example:3307/shop")
                ],
            )
        world.add_import_job()
        (definition,) = ImportRepository(world.runtime).get_assets_defs_by_key().values()
        (spec,) = definition.specs
        assert spec.key == AssetKey(["imports", "db.example", "shop", "rows"])
        assert spec.kinds == {"mysql", "table"}
        assert "hunter2" not in repr(spec)
        assert "root" not in repr(spec)

    def test_the_whole_repository_loads_with_them(self, world: World) -> None:
        world.add_import_job()
        loaded = RepositoryDefinition("imports", repository_data=ImportRepository(world.runtime))
        loaded.validate_loadable()
        assert loaded.asset_graph.external_asset_keys == {AssetKey(["imports", "products"])}


def test_without_a_store_no_table_is_declared(storeless: ImportRepository) -> None:
    assert storeless.get_assets_defs_by_key() == {}
