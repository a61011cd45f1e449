from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import sql
from sqlalchemy import Connection, Engine, inspect, text

from impler_pipelines.errors import SettingInvalid, StateConflict, StoreUnavailable
from impler_pipelines.store import migrations
from impler_pipelines.store.engine import open_store
from impler_pipelines.store.migrations import migrate
from impler_pipelines.store.tables import SCHEMA, metadata
from impler_pipelines.supervisor.embedded_postgres import ROLE, EmbeddedPostgres

_MIGRATE = "import sys; from impler_pipelines.store.migrations import migrate; migrate(sys.argv[1])"


@pytest.fixture
def empty_url(database_url: str) -> str:
    return database_url.replace("postgresql://", "postgresql+psycopg://", 1)


@pytest.fixture
def empty(empty_url: str) -> Iterator[Engine]:
    """An engine on a database without any table of ours."""
    engine = open_store(empty_url)
    yield engine
    engine.dispose()


def _ours(_: object, name: str | None, kind: str, *_more: object) -> bool:
    return kind != "table" or name != "alembic_version"


def _differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(
        connection,
        opts={
            "include_schemas": True,
            "include_name": lambda name, kind, _: kind != "schema" or name == SCHEMA,
            "include_object": _ours,
            "version_table_schema": SCHEMA,
            "compare_server_default": True,
        },
    )
    return list(compare_metadata(context, metadata))


class TestSchema:
    def test_migrated_is_what_the_tables_say(self, store_engine: Engine) -> None:
        with store_engine.connect() as connection:
            assert _differences(connection) == []

    def test_a_difference_would_be_seen(self, store_engine: Engine) -> None:
        with store_engine.connect() as connection:
            connection.execute(text("ALTER TABLE impler.runs DROP COLUMN error"))
            assert _differences(connection) != []
            connection.rollback()

    def test_the_three_schemas_are_there(self, store_engine: Engine) -> None:
        assert {"impler", "dagster", "imports"} <= set(inspect(store_engine).get_schema_names())

    def test_down_and_up_again(self, empty_url: str, empty: Engine) -> None:
        migrate(empty_url)
        with empty.begin() as connection:
            command.downgrade(_config(connection), "base")
            assert inspect(connection).get_table_names(SCHEMA) == ["alembic_version"]
        migrate(empty_url)
        with empty.connect() as connection:
            assert _differences(connection) == []

    def test_revisions_are_one_line(self) -> None:
        assert len(ScriptDirectory.from_config(_config(None)).get_heads()) == 1


class TestMigrate:
    def test_again_changes_nothing(self, store_engine: Engine) -> None:
        url = store_engine.url.render_as_string(hide_password=False)
        migrate(url)
        with store_engine.connect() as connection:
            assert _differences(connection) == []

    def test_two_processes_at_once(self, empty_url: str, empty: Engine) -> None:
        both = [
            subprocess.Popen(
                [sys.executable, "-c", _MIGRATE, empty_url],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                cwd=Path(migrations.__file__).parents[3],
            )
            for _ in range(2)
        ]
        try:
            for process in both:
                said, _ = process.communicate(timeout=60)
                assert process.returncode == 0, said
        finally:
            for process in both:
                process.kill()
                process.wait()
        with empty.connect() as connection:
            assert _differences(connection) == []

    def test_leaves_schemas_that_an_administrator_made(
        self, postgres_server: EmbeddedPostgres, empty_url: str, empty: Engine
    ) -> None:
        """The role may use its schemas, and make none."""
        owner, name = sql.Identifier(ROLE), empty.url.database or ""
        with psycopg.connect(postgres_server.superuser_url(name), autocommit=True) as connection:
            for schema in ("impler", "dagster", "imports"):
                connection.execute(
                    sql.SQL("CREATE SCHEMA {} AUTHORIZATION {}").format(
                        sql.Identifier(schema), owner
                    )
                )
            connection.execute(
                sql.SQL("ALTER DATABASE {} OWNER TO postgres").format(sql.Identifier(name))
            )
        migrate(empty_url)
        with empty.connect() as connection:
            assert _differences(connection) == []

    def test_a_role_without_the_right_is_named(
        self, postgres_server: EmbeddedPostgres, empty_url: str, empty: Engine
    ) -> None:
        name = empty.url.database or ""
        with psycopg.connect(postgres_server.superuser_url(), autocommit=True) as connection:
            connection.execute(
                sql.SQL("ALTER DATABASE {} OWNER TO postgres").format(sql.Identifier(name))
            )
        with pytest.raises(SettingInvalid, match="permission denied") as refused:
            migrate(empty_url)
        assert empty.url.password is not None
        assert empty.url.password not in str(refused.value)

    def test_a_database_of_a_newer_version(self, store_engine: Engine) -> None:
        url = store_engine.url.render_as_string(hide_password=False)
        with store_engine.begin() as connection:
            former = connection.scalar(text("SELECT version_num FROM impler.alembic_version"))
            connection.execute(text("UPDATE impler.alembic_version SET version_num = '9999'"))
        try:
            with pytest.raises(StateConflict, match="newer version"):
                migrate(url)
        finally:
            with store_engine.begin() as connection:
                connection.execute(
                    text("UPDATE impler.alembic_version SET version_num = :v"), {"v": former}
                )

    def test_no_server(self, empty_url: str) -> None:
        with pytest.raises(StoreUnavailable):
            migrate("postgresql+psycopg://nobody:secret@127.0.0.1:1/none")


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
