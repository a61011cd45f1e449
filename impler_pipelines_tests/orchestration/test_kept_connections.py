"""Connections that Dagster's storage keeps: used again, replaced when the server lost them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, event, inspect, text
from sqlalchemy.pool import NullPool, Pool

from impler_pipelines.orchestration.kept_connections import let_go
from impler_pipelines.settings import Settings
from impler_pipelines_tests.orchestration.test_sweeping import dagster_on


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:
    """An engine as Dagster makes its own."""
    url = Settings(database_url=store_url).dagster_storage_url
    made = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    yield made
    let_go()


def backend(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())


def test_a_connection_is_used_again(engine: Engine) -> None:
    assert len({backend(engine) for _ in range(5)}) == 1


def test_what_is_done_on_it_is_committed_and_in_dagsters_schema(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE kept (id int)"))
    with engine.connect() as connection:
        where = "SELECT schemaname FROM pg_tables WHERE tablename = 'kept'"
        assert connection.execute(text(where)).scalar_one() == "dagster"


def test_one_that_the_server_lost_is_replaced(engine: Engine, store_url: str) -> None:
    lost = backend(engine)
    other = create_engine(Settings(database_url=store_url).store_url)
    with other.begin() as connection:
        connection.execute(text(f"SELECT pg_terminate_backend({lost})"))
    other.dispose()
    assert backend(engine) != lost


def test_as_many_as_are_needed_at_once_are_opened(engine: Engine) -> None:
    held = [engine.connect() for _ in range(12)]
    for connection in held:
        connection.close()
    assert engine.pool.checkedin() == 4  # type: ignore[attr-defined]


def test_engines_of_one_process_share_them(engine: Engine, store_url: str) -> None:
    url = Settings(database_url=store_url).dagster_storage_url
    others = [
        create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool) for _ in range(20)
    ]
    assert len({backend(one) for one in (engine, *others)}) == 1
    assert {inspect(one).get_schema_names()[0] for one in others} == {"dagster"}


def test_other_engines_are_left_alone() -> None:
    assert isinstance(create_engine("postgresql+psycopg2://h/d", poolclass=NullPool).pool, NullPool)


def test_dagsters_instance_keeps_its_own(store_url: str, tmp_path: Path) -> None:
    opened: list[object] = []

    def note(connection: object, _record: object) -> None:
        opened.append(connection)

    with dagster_on(store_url, tmp_path / "home") as instance:
        assert instance.get_run_records() == []
        event.listen(Pool, "connect", note)
        try:
            for _ in range(20):
                instance.get_run_records()
                instance.all_instigator_state()
        finally:
            event.remove(Pool, "connect", note)
    let_go()
    assert len(opened) <= 1
