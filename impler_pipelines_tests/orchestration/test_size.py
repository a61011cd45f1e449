"""Feeds of unusual size and shape through whole runs, each in a process of its own."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from impler_pipelines.model import (
    Column,
    ColumnType,
    FieldMapping,
    LoadMode,
    Repeated,
    RunStatus,
    TemplateMode,
)
from impler_pipelines.orchestration.runtime import utc_now
from impler_pipelines.store import templates
from impler_pipelines.store.destinations import TableSpec
from impler_pipelines_tests.orchestration.conftest import COLUMNS, MAPPINGS, World
from impler_pipelines_tests.orchestration.feeds import ITEM
from impler_pipelines_tests.unusual_feeds import (
    large_namesakes,
    many_paths,
    one_large_item,
    tiny_items,
)

PEAK_MB = 300.0  # of a run's whole process, Dagster's imports included

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("world", ["store"], indirect=True),
]


def serve(world: World, document: bytes) -> None:
    world.feeds.routes["/feed.xml"] = (200, {"ETag": '"v1"'}, document)


def test_many_tiny_items(world: World) -> None:
    count = 150_000
    serve(world, tiny_items(count))
    measured, done = world.execute_in_a_process(world.add_import_job())
    assert (done.status, done.records, done.inserted) == (RunStatus.SUCCESS, count, count)
    assert measured.peak_mb < PEAK_MB


def test_one_item_of_fifty_megabytes(world: World) -> None:
    serve(world, one_large_item(50))
    measured, done = world.execute_in_a_process(world.add_import_job())
    assert (done.status, done.records, done.inserted) == (RunStatus.SUCCESS, 1, 1), done.error
    assert measured.peak_mb < PEAK_MB


def test_one_value_of_fifty_megabytes(world: World) -> None:
    serve(world, one_large_item(50))
    mappings = (*MAPPINGS[:2], FieldMapping("text", f"{ITEM} > p", Repeated.JOIN))
    template_id = add_template(world, (*COLUMNS[:2], Column("text", "Text")))
    job = world.add_import_job(template_id=template_id, mappings=mappings)
    measured, done = world.execute_in_a_process(job)
    assert (done.status, done.records, done.inserted) == (RunStatus.SUCCESS, 1, 1), done.error
    assert measured.peak_mb < PEAK_MB + 2 * 50  # it is copied once on its way out


def test_two_thousand_paths(world: World) -> None:
    """Two hundred are mapped, far more than people map; the rest is passed by."""
    serve(world, many_paths(2000, items=500))
    keys = [f"field{number}" for number in range(200)]
    mappings = (*MAPPINGS[:2], *(FieldMapping(key, f"{ITEM} > {key}") for key in keys))
    columns = (*COLUMNS[:2], *(Column(key, key, ColumnType.NUMBER) for key in keys))
    job = world.add_import_job(template_id=add_template(world, columns), mappings=mappings)
    measured, done = world.execute_in_a_process(job)
    assert (done.status, done.records, done.inserted) == (RunStatus.SUCCESS, 500, 500), done.error
    assert measured.peak_mb < PEAK_MB


def test_rejects_of_a_megabyte_each(world: World) -> None:
    serve(world, large_namesakes(100))
    measured, done = world.execute_in_a_process(world.add_import_job())
    assert (done.status, done.records, done.invalid) == (RunStatus.SUCCESS, 100, 99), done.error
    assert measured.peak_mb < PEAK_MB


def test_nothing_new_costs_no_library_that_only_reading_needs(world: World) -> None:
    job = world.add_import_job()
    world.execute_in_a_process(job)
    measured, done = world.execute_in_a_process(job)
    assert done.status is RunStatus.UNCHANGED
    assert measured.modules.isdisjoint({"lxml", "pyarrow", "numpy", "pandas", "fastapi"})


def add_template(world: World, columns: Sequence[Column]) -> str:
    """Another template of the world's project, into a table of its own."""
    with world.runtime.transaction() as connection:
        template = templates.create_template(
            connection,
            world.runtime.secrets,
            project_id=world.project_id,
            name="Other",
            mode=TemplateMode.AUTOMATIC,
            columns=columns,
            destination_specs=[TableSpec("other", mode=LoadMode.UPSERT)],
            now=utc_now(),
        )
    return template.id
