"""What databases raise becomes ours: transient or final, told without secrets."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from impler_pipelines.destinations.faults import public_name, translated
from impler_pipelines.destinations.sql import open_destination, table_exists
from impler_pipelines.errors import DestinationRefused, DestinationUnavailable, PipelineError
from impler_pipelines_tests.destinations.tables_at_hand import load, row

POSTGRES_FAULTS = [
    pytest.param(
        "SET statement_timeout = 1; SELECT pg_sleep(9)", DestinationUnavailable, id="slow"
    ),
    pytest.param("SELECT pg_terminate_backend(pg_backend_pid())", DestinationUnavailable, id="cut"),
    pytest.param("SELECT nothing FROM pg_class", DestinationRefused, id="missing column"),
    pytest.param("SELECT 'x'::bigint", DestinationRefused, id="not a number"),
    pytest.param("SELECT * FROM pg_authid", DestinationRefused, id="no permission"),
    pytest.param("CREATE SCHEMA pg_mine", DestinationRefused, id="reserved name"),
    *(
        pytest.param(
            f"DO $$ BEGIN RAISE 'staged' USING ERRCODE = '{state}'; END $$", kind, id=state
        )
        for state, kind in [
            ("40P01", DestinationUnavailable),
            ("40001", DestinationUnavailable),
            ("55P03", DestinationUnavailable),
            ("53300", DestinationUnavailable),
            ("57P01", DestinationUnavailable),
            ("08006", DestinationUnavailable),
            ("42501", DestinationRefused),
            ("22001", DestinationRefused),
            ("23505", DestinationRefused),
        ]
    ),
]


def _execute(engine: sa.Engine, statements: str) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql(statements)


class TestAdvice:
    @pytest.mark.parametrize(
        ("statement", "advice"),
        [
            pytest.param("SELECT * FROM pg_authid", "Give the destination's user", id="right"),
            pytest.param(
                "SELECT nothing FROM pg_class", 'column "nothing" does not exist', id="no"
            ),
        ],
    )
    def test_is_given_where_there_is_any(
        self, postgres: sa.Engine, statement: str, advice: str
    ) -> None:
        with pytest.raises(DestinationRefused) as caught, translated(postgres):
            _execute(postgres, statement)
        assert advice in str(caught.value)
        assert "URL" not in str(caught.value)


class TestPostgres:
    @pytest.mark.parametrize(("statement", "kind"), POSTGRES_FAULTS)
    def test_is_told_apart(
        self, postgres: sa.Engine, statement: str, kind: type[PipelineError]
    ) -> None:
        with pytest.raises(kind) as caught, translated(postgres):
            _execute(postgres, statement)
        assert caught.value.__cause__ is not None
        assert str(caught.value).startswith("The destination postgresql://")

    def test_a_server_that_is_not_there(self) -> None:
        engine = open_destination(
            "postgresql://ann:s3cr3t@127.0.0.1:1/shop?application_name=hidden"
        )
        with pytest.raises(
            DestinationUnavailable, match=r"//127\.0\.0\.1:1/shop can't be reached .*refused"
        ) as caught:
            table_exists(engine, "products")
        assert not {"s3cr3t", "ann", "hidden"} & set(str(caught.value).replace("@", " ").split())

    def test_a_role_that_does_not_exist(self, database_url: str) -> None:
        url = sa.make_url(database_url).set(username="nobody", password="s3cr3t")
        engine = open_destination(url.render_as_string(hide_password=False))
        with pytest.raises(DestinationRefused) as caught:
            load(engine, [row("a")])
        assert "s3cr3t" not in str(caught.value)

    def test_a_lock_held_too_long(self, postgres: sa.Engine) -> None:
        load(postgres, [row("a")])
        with postgres.connect() as holder, holder.begin():
            holder.exec_driver_sql("LOCK TABLE imports.products")
            impatient = "SET lock_timeout = 1; SELECT * FROM imports.products"
            with pytest.raises(DestinationUnavailable, match="lock timeout"), translated(postgres):
                _execute(postgres, impatient)


class TestSqlite:
    def test_a_file_locked_for_too_long(self, sqlite: sa.Engine, tmp_path: Path) -> None:
        load(sqlite, [row("a")])
        impatient = open_destination(f"sqlite:///{tmp_path / 'out.db'}?timeout=0.05")
        holder = sqlite3.connect(tmp_path / "out.db", isolation_level=None)
        try:
            holder.execute("BEGIN IMMEDIATE")
            with pytest.raises(DestinationUnavailable, match="database is locked"):
                load(impatient, [row("b")])
        finally:
            holder.close()
        assert load(impatient, [row("b")]).inserted == 1
        impatient.dispose()

    def test_a_file_that_is_no_database(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("no database at all\n" * 100)
        engine = open_destination(f"sqlite:///{tmp_path / 'notes.txt'}")
        with pytest.raises(DestinationRefused, match="file is not a database"):
            load(engine, [row("a")])

    def test_a_path_that_is_a_directory(self, tmp_path: Path) -> None:
        engine = open_destination(f"sqlite:///{tmp_path}")
        with pytest.raises(DestinationRefused, match="unable to open database file"):
            load(engine, [row("a")])


class TestPublicName:
    def test_has_no_user_password_or_options(self) -> None:
        url = sa.make_url("postgresql+psycopg://ann:s3cr3t@db.test:5433/shop?sslpassword=x")
        assert public_name(url) == "postgresql://db.test:5433/shop"
