"""Dagster's storage by the project's own ``dagster.yaml``: what it asks the database's catalog."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance, DagsterRunStatus, graph, op
from sqlalchemy import Engine, create_engine, event, inspect, text
from sqlalchemy.pool import NullPool

from impler_pipelines.orchestration.dagster_storage import RunStorage
from impler_pipelines.settings import Settings
from impler_pipelines_tests.orchestration.test_sweeping import dagster_on


@op
def nothing() -> None: ...


@graph
def one_op() -> None:
    nothing()


@contextmanager
def looks_at_the_catalog() -> Iterator[list[str]]:
    """The statements of this process that do, in any engine."""
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "pg_catalog" in statement:
            found.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def execute(instance: DagsterInstance) -> DagsterRunStatus:
    done = one_op.to_job().execute_in_process(instance=instance)
    (record,) = instance.get_run_records(limit=1)
    assert record.dagster_run.run_id == done.run_id
    assert record.start_time is not None
    assert record.end_time is not None
    return record.dagster_run.status


def test_it_is_looked_at_once_a_process(store_url: str, tmp_path: Path) -> None:
    with dagster_on(store_url, tmp_path / "first") as instance:
        assert execute(instance) is DagsterRunStatus.SUCCESS
        with looks_at_the_catalog() as looks:
            assert execute(instance) is DagsterRunStatus.SUCCESS
        assert looks == []
    with looks_at_the_catalog() as looks, dagster_on(store_url, tmp_path / "second") as instance:
        assert execute(instance) is DagsterRunStatus.SUCCESS
    # The rest is what SQLAlchemy asks of a server that it has not met.
    assert [look for look in looks if "pg_class" in look] == []


def test_all_tables_are_made(store_url: str, tmp_path: Path) -> None:
    with dagster_on(store_url, tmp_path / "home") as instance:
        assert instance.get_run_records() == []
        assert isinstance(instance.run_storage, RunStorage)
        made = create_engine(Settings(database_url=store_url).store_url, poolclass=NullPool)
        tables = inspect(made).get_table_names(schema="dagster")
    assert {"runs", "event_logs", "job_ticks", "instance_info"} <= set(tables)


@pytest.mark.parametrize(
    ("column", "question"),
    [
        ("start_time", "has_run_stats_index_cols"),
        ("end_time", "has_run_stats_index_cols"),
        ("backfill_id", "has_backfill_id_column"),
    ],
)
def test_columns_that_are_not_there_yet_are_looked_for_again(
    store_url: str, tmp_path: Path, column: str, question: str
) -> None:
    engine = create_engine(Settings(database_url=store_url).store_url, poolclass=NullPool)
    with dagster_on(store_url, tmp_path / "home") as instance:
        for change, expected in (("DROP COLUMN {}", False), ("ADD COLUMN {} text", True)):
            with engine.begin() as connection:
                connection.execute(text(f"ALTER TABLE dagster.runs {change.format(column)}"))
            assert getattr(instance.run_storage, question)() is expected
            assert getattr(instance.run_storage, question)() is expected
