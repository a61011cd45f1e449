"""Tables that are there already: what is added, what is refused, and that nothing is lost."""

from __future__ import annotations

import dataclasses

import pytest
import sqlalchemy as sa

from impler_pipelines.destinations.sql import holds_load, open_destination, table_exists
from impler_pipelines.errors import DestinationRefused
from impler_pipelines.model import Column, ColumnType, LoadCounts, LoadMode
from impler_pipelines_tests.destinations.tables_at_hand import COLUMNS, execute, load, read, row

COLOUR = Column(key="colour", name="Colour")


class TestEvolving:
    def test_a_new_column_is_added(self, engine: sa.Engine) -> None:
        load(engine, [row("a"), row("b")])
        counts = load(
            engine, [row("a", colour="red"), row("c", colour="")], columns=(*COLUMNS, COLOUR)
        )
        assert counts == LoadCounts(inserted=1, updated=1)
        assert read(engine, "_row_key", "colour") == [("a", "red"), ("b", None), ("c", "")]

    def test_a_removed_column_stays_and_new_rows_leave_it_null(self, engine: sa.Engine) -> None:
        load(engine, [row("a", price=1.0)])
        without_price = [c for c in COLUMNS if c.key != "price"]
        counts = load(engine, [row("a"), row("b")], columns=without_price, run="run2")
        assert counts == LoadCounts(inserted=1, unchanged=1)
        assert read(engine, "_row_key", "price") == [("a", 1.0), ("b", None)]

    def test_columns_in_another_order_are_the_same_table(self, engine: sa.Engine) -> None:
        load(engine, [row("a", price=1.0, stock=2)])
        again = load(engine, [row("a", price=1.0, stock=2)], columns=COLUMNS[::-1], run="run2")
        assert again == LoadCounts(unchanged=1)

    def test_a_column_added_by_hand_is_left_alone(self, engine: sa.Engine) -> None:
        load(engine, [row("a")])
        execute(engine, "ALTER TABLE {table} ADD COLUMN note TEXT")
        execute(engine, "UPDATE {table} SET note = 'mine'")
        assert load(engine, [row("a", "Desk"), row("b")], run="run2").updated == 1
        assert read(engine, "title", "note") == [("Desk", "mine"), ("Lamp", None)]

    def test_keys_that_differ_by_case_follow_the_database(self, engine: sa.Engine) -> None:
        load(engine, [row("a")], columns=COLUMNS[:1])
        renamed = (dataclasses.replace(COLUMNS[0], key="Title"),)
        load(engine, [{"_row_key": "a", "Title": "Desk"}], columns=renamed, run="run2")
        titles = read(engine, "title") + read(engine, "Title")
        two_columns = engine.dialect.name == "postgresql"
        assert titles == [("Lamp",) if two_columns else ("Desk",), ("Desk",)]


class TestRefusing:
    def test_a_changed_type_destroys_nothing(self, engine: sa.Engine) -> None:
        load(engine, [row("a", "12")])
        retyped = (dataclasses.replace(COLUMNS[0], type=ColumnType.NUMBER), *COLUMNS[1:])
        with pytest.raises(DestinationRefused, match=r"'title' as \w+, the template needs BIGINT"):
            load(engine, [row("a", 12)], columns=retyped, run="run2")  # type: ignore[arg-type]
        assert read(engine, "title", "_run_id") == [("12", "run1")]

    def test_its_advice_works(self, engine: sa.Engine) -> None:
        load(engine, [row("a", "12")])
        execute(engine, "ALTER TABLE {table} RENAME COLUMN title TO title_old")
        retyped = (dataclasses.replace(COLUMNS[0], type=ColumnType.NUMBER), *COLUMNS[1:])
        load(engine, [row("a", 12)], columns=retyped, run="run2")  # type: ignore[arg-type]
        assert read(engine, "title", "title_old") == [(12, "12")]

    @pytest.mark.parametrize("made", LoadMode)
    @pytest.mark.parametrize("wanted", LoadMode)
    def test_a_mode_that_needs_another_key(
        self, engine: sa.Engine, made: LoadMode, wanted: LoadMode
    ) -> None:
        load(engine, [row("a")], mode=made)
        if (made is LoadMode.APPEND) == (wanted is LoadMode.APPEND):
            load(engine, [row("a")], mode=wanted, run="run2")
            return
        with pytest.raises(DestinationRefused, match=r"primary key \(_import_job_id.*mode needs"):
            load(engine, [row("a")], mode=wanted, run="run2")

    def test_a_table_without_its_key(self, postgres: sa.Engine) -> None:
        load(postgres, [row("a")])
        execute(postgres, "ALTER TABLE {table} DROP CONSTRAINT products_pkey")
        with pytest.raises(DestinationRefused, match="has no primary key"):
            load(postgres, [row("a", "Desk")], run="run2")
        assert read(postgres, "title") == [("Lamp",)]

    def test_a_table_that_no_import_made(self, engine: sa.Engine) -> None:
        if engine.dialect.name == "postgresql":
            load(engine, [], table="other")  # makes the schema
        execute(engine, "CREATE TABLE {table} (id INTEGER PRIMARY KEY, title TEXT)")
        with pytest.raises(DestinationRefused, match="was not made by an import"):
            load(engine, [row("a")])
        execute(engine, "INSERT INTO {table} (id, title) VALUES (1, 'still two columns')")

    def test_a_rule_that_a_person_added(self, postgres: sa.Engine) -> None:
        load(postgres, [row("a", price=1.0)])
        execute(postgres, "ALTER TABLE {table} ADD CHECK (price > 0)")
        with pytest.raises(DestinationRefused, match="violates check constraint") as caught:
            load(postgres, [row("a", price=2.0), row("b", "s3cr3t", price=-1.0)], run="run2")
        assert "s3cr3t" not in str(caught.value)
        assert read(postgres, "_row_key", "price") == [("a", 1.0)]


class TestTableExists:
    def test_follows_the_table(self, engine: sa.Engine) -> None:
        assert not table_exists(engine, "products")
        load(engine, [])
        assert table_exists(engine, "products")
        execute(engine, "DROP TABLE {table}")
        assert not table_exists(engine, "products")


class TestHoldsLoad:
    def test_of_a_table_that_is_whole(self, engine: sa.Engine) -> None:
        load(engine, [row("a")])
        assert holds_load(engine, "products", COLUMNS, "job1", with_rows=True)
        assert not holds_load(engine, "products", COLUMNS, "job2", with_rows=True)
        assert holds_load(engine, "products", COLUMNS, "job2", with_rows=False)

    def test_not_of_one_that_is_gone_or_lacks_a_column(self, engine: sa.Engine) -> None:
        assert not holds_load(engine, "products", COLUMNS, "job1", with_rows=False)
        load(engine, [row("a")])
        assert not holds_load(engine, "products", (*COLUMNS, COLOUR), "job1", with_rows=True)


class TestSchema:
    def test_a_role_that_cannot_create_uses_one_that_is_there(
        self, postgres: sa.Engine, database_url: str
    ) -> None:
        load(postgres, [row("a")])
        with postgres.begin() as connection:
            connection.exec_driver_sql("SET LOCAL ROLE none")
            owner = connection.exec_driver_sql("SELECT current_user").scalar_one()
            database = connection.exec_driver_sql("SELECT current_database()").scalar_one()
            connection.exec_driver_sql(f'REVOKE CREATE ON DATABASE "{database}" FROM "{owner}"')
        again = open_destination(database_url)
        try:
            assert load(again, [row("b")], table="second") == LoadCounts(inserted=1)
        finally:
            again.dispose()
