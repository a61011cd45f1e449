from __future__ import annotations

import datetime as dt
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
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
from sqlalchemy import (
    JSON,
    Boolean,
    ColumnElement,
    Connection,
    DateTime,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.types import TypeEngine

from impler_pipelines.errors import SettingInvalid, StateConflict, StoreUnavailable
from impler_pipelines.store import migrations
from impler_pipelines.store.engine import open_store, transaction
from impler_pipelines.store.migrations import migrate, refuse_other_revision
from impler_pipelines.store.tables import SCHEMA, metadata
from impler_pipelines.supervisor.embedded_postgres import ROLE, EmbeddedPostgres
from impler_pipelines_tests.supervisor.waiting import until

_MIGRATE = "import sys; from impler_pipelines.store.migrations import migrate; migrate(sys.argv[1])"
FIRST = "0001"
_NOW = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
_TRIES = 3  # of a migration to get hold of all tables
_PATIENCE_SECONDS = 60.0


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

    def test_takes_no_table_where_all_is_up_to_date(self, store_engine: Engine) -> None:
        with store_engine.connect() as connection:
            connection.execute(text("LOCK TABLE impler.runs IN ACCESS EXCLUSIVE MODE"))
            migrate(store_engine.url.render_as_string(hide_password=False))
            connection.rollback()

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


class TestBesideOthers:
    """Processes of the version before go on while the tables change, and afterwards."""

    def test_each_revision_only_adds(self, empty_url: str, empty: Engine) -> None:
        revisions = [*ScriptDirectory.from_config(_config(None)).walk_revisions()][::-1]
        before: MetaData | None = None
        for revision in revisions:
            _upgrade(empty, revision.revision)
            after = _reflected(empty)
            for table in before.tables.values() if before else ():
                _has_all_of(after.tables[table.fullname], table)
            before = after

    def test_while_others_read_and_write(self, empty_url: str, empty: Engine) -> None:
        _upgrade(empty, FIRST)
        old = _reflected(empty)
        with empty.begin() as connection:
            filled = {table.name: _filled(connection, table, 3) for table in old.sorted_tables}
        with Writers(empty_url, old) as writers:
            writers.go_on()
            _migrate_in_a_process(empty_url)
            writers.go_on()
        assert writers.errors == []
        with empty.connect() as connection:
            assert _differences(connection) == []
            for table in old.sorted_tables:
                assert _rows_of(connection, table) == filled[table.name]

    def test_a_long_transaction_holds_up_the_migration_alone(
        self, empty_url: str, empty: Engine
    ) -> None:
        """As a dump does, for minutes, with a lock on every table."""
        _upgrade(empty, FIRST)
        old = _reflected(empty)
        with empty.begin() as connection:
            for table in old.sorted_tables:
                _filled(connection, table, 3)
        with Writers(empty_url, old) as writers, ThreadPoolExecutor(1) as migrating:
            with empty.connect() as dump:
                dump.execute(select(old.tables["impler.runs"]))
                done = migrating.submit(_migrate_in_a_process, empty_url)
                for _ in range(_TRIES):
                    _until_it_waits(empty, old.tables["impler.runs"])
                    writers.go_on()
                assert not done.done()
            done.result()
            writers.go_on()
        assert writers.errors == []
        with empty.connect() as connection:
            assert _differences(connection) == []


class Writers:
    """Threads that do what processes of the first revision do, each with its own rows."""

    def __init__(self, url: str, old: MetaData) -> None:
        self.errors: list[Exception] = []
        self._engine = open_store(url)
        self._old = old
        self._done = [0, 0]
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._write, args=(number,))
            for number, _ in enumerate(self._done)
        ]

    def __enter__(self) -> Writers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(_PATIENCE_SECONDS)
        self._engine.dispose()

    def go_on(self) -> None:
        """Wait until each of them has written again."""
        seen = [*self._done]
        until(
            lambda: (
                self.errors
                or all(now > before for now, before in zip(self._done, seen, strict=True))
            ),
            "another transaction of each writer",
            _PATIENCE_SECONDS,
        )

    def _write(self, number: int) -> None:
        """Transactions that take the tables in either order."""
        tables = [*self._old.sorted_tables]
        while not self._stopped.is_set():
            name = f"written-{number}-{self._done[number]}"
            try:
                with transaction(self._engine) as connection:
                    for table in tables:
                        connection.execute(insert(table).values(_row(table, name)))
                with transaction(self._engine) as connection:
                    for table in tables[:: -1 if number else 1]:
                        connection.execute(select(table).where(_key(table) == name))
                        same = {_key(table).name: name}
                        connection.execute(update(table).where(_key(table) == name).values(same))
            except Exception as error:  # noqa: BLE001 - whatever it is, the test tells
                self.errors.append(error)
                return
            self._done[number] += 1


def _reflected(engine: Engine) -> MetaData:
    """The tables as the database has them: what code of that revision knows."""
    found = MetaData()
    found.reflect(engine, schema=SCHEMA)
    found.remove(found.tables[f"{SCHEMA}.alembic_version"])
    return found


def _has_all_of(table: Table, before: Table) -> None:
    for column in before.columns:
        now = table.columns[column.name]
        assert str(now.type) == str(column.type), column
        assert now.nullable or not column.nullable, f"{column} may not be null any more"
    for column in table.columns:
        is_new = column.name not in before.columns
        assert not is_new or column.nullable or column.server_default is not None, column


def _key(table: Table) -> ColumnElement[Any]:
    """The first column of its key, as text."""
    return next(iter(table.primary_key.columns))


def _filled(connection: Connection, table: Table, count: int) -> list[dict[str, Any]]:
    """So many rows, whose keys begin with 0."""
    for number in range(count):
        connection.execute(insert(table).values(_row(table, f"0-{number}")))
    return _rows_of(connection, table)


def _rows_of(connection: Connection, table: Table) -> list[dict[str, Any]]:
    """Those rows, in the order of their keys."""
    query = select(table).where(_key(table) < "1").order_by(_key(table))
    return [dict(row) for row in connection.execute(query).mappings()]


def _row(table: Table, name: str) -> dict[str, Any]:
    """A value in every column; parents have the same name as their children."""
    return {column.name: _value(column.type, name) for column in table.columns}


def _value(type_: TypeEngine[Any], name: str) -> Any:
    values = ((Boolean, True), (Integer, 1), (LargeBinary, b"sealed"), (JSON, {}), (DateTime, _NOW))
    return next((value for kind, value in values if isinstance(type_, kind)), name)


def _upgrade(engine: Engine, revision: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
        command.upgrade(_config(connection), revision)


def _migrate_in_a_process(url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _MIGRATE, url],
        capture_output=True,
        text=True,
        timeout=_PATIENCE_SECONDS,
        check=False,
        cwd=Path(migrations.__file__).parents[3],
    )
    assert done.returncode == 0, done.stderr


def _until_it_waits(engine: Engine, table: Table) -> None:
    waits = text(
        "SELECT 1 FROM pg_locks WHERE relation = CAST(:table AS regclass) AND NOT granted"
        " AND mode = 'AccessExclusiveLock'"
    )

    def found() -> bool:
        with engine.connect() as connection:
            return connection.scalar(waits, {"table": table.fullname}) is not None

    until(found, "a migration that waits", _PATIENCE_SECONDS)


class TestOtherRevision:
    """What a process that lives long finds when the database is migrated under it."""

    def test_its_own_is_none(self, store_engine: Engine) -> None:
        with store_engine.connect() as connection:
            refuse_other_revision(connection)

    @pytest.mark.parametrize(
        ("revision", "advice"),
        [
            pytest.param("9999", "newer version .* start that version", id="ahead"),
            pytest.param("0001", "revision 0001, .* run `impler-pipelines migrate`", id="behind"),
        ],
    )
    def test_another_is_refused(self, store_engine: Engine, revision: str, advice: str) -> None:
        with store_engine.connect() as connection:
            stamped = text("UPDATE impler.alembic_version SET version_num = :revision")
            connection.execute(stamped, {"revision": revision})
            with pytest.raises(StateConflict, match=advice):
                refuse_other_revision(connection)

    def test_no_tables(self, empty: Engine) -> None:
        with empty.connect() as connection, pytest.raises(StateConflict, match="no tables"):
            refuse_other_revision(connection)


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
