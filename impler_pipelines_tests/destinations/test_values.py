"""Values and names that are hard to get through a driver come back as they went in."""

from __future__ import annotations

import datetime as dt
import uuid

import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from impler_pipelines.destinations.sql import load_rows, rows_schema, table_exists
from impler_pipelines.errors import DestinationRefused
from impler_pipelines.model import Column, LoadCounts, LoadMode
from impler_pipelines_tests.destinations.tables_at_hand import (
    COLUMNS,
    NOVEMBER,
    identity,
    load,
    read,
    row,
)

TEXTS = [
    pytest.param(None, id="null"),
    pytest.param("", id="empty"),
    pytest.param("\\N", id="COPY's null"),
    pytest.param("NULL", id="null in words"),
    pytest.param("\\.", id="COPY's end"),
    pytest.param("a\n\\.\nb", id="COPY's end on its own line"),
    pytest.param("tab\tcomma,semi;", id="separators"),
    pytest.param("line\nbreak\r\nand\rreturn", id="line breaks"),
    pytest.param('\'single\' "double" "" `back`', id="quotes"),
    pytest.param("\\ \\\\ \\n %s %(a)s :b ? $1 {x}", id="backslashes and placeholders"),
    pytest.param("  around  ", id="spaces"),
    pytest.param("x ", id="space at the end"),
    pytest.param("åß∂ 漢字 🧑‍🚀 \u202eright\u2028\ufeff", id="unicode"),
    pytest.param("x" * 1_000_000, id="a megabyte"),
]
DATES = [
    pytest.param(dt.datetime(1, 1, 1, tzinfo=dt.UTC), id="first"),
    pytest.param(dt.datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=dt.UTC), id="before 1970"),
    pytest.param(dt.datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=dt.UTC), id="last"),
]


class TestText:
    @pytest.mark.parametrize("text", TEXTS)
    def test_comes_back_and_counts_as_unchanged(self, engine: sa.Engine, text: str | None) -> None:
        load(engine, [row("a", text), row("b", "x")])
        assert read(engine, "title") == [(text,), ("x",)]
        assert load(engine, [row("a", text)], run="run2") == LoadCounts(unchanged=1)

    @pytest.mark.parametrize(
        "other",
        [
            pytest.param("lamp", id="case"),
            pytest.param("Lamp ", id="space at the end"),
            pytest.param("Làmp", id="accent"),
            pytest.param("La\u0301mp", id="combining accent"),
            pytest.param("Lamp\u200d", id="invisible character"),
            pytest.param("Ｌamp", id="full width"),
        ],
    )
    def test_that_differs_by_little_is_a_change(self, engine: sa.Engine, other: str) -> None:
        load(engine, [row("a", "Lamp")])
        assert load(engine, [row("a", other)], run="run2") == LoadCounts(updated=1)
        assert read(engine, "title") == [(other,)]

    def test_null_and_empty_text_differ(self, engine: sa.Engine) -> None:
        load(engine, [row("a", None)])
        assert load(engine, [row("a", "")], run="run2") == LoadCounts(updated=1)

    def test_a_nul_character_becomes_the_replacement_character(self, engine: sa.Engine) -> None:
        load(engine, [row("a", "nul \0 inside")])
        assert read(engine, "title") == [("nul \ufffd inside",)]

    @settings(
        max_examples=25,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(texts=st.lists(st.none() | st.text(), min_size=1, max_size=5))
    def test_any_text_comes_back(self, engine: sa.Engine, texts: list[str | None]) -> None:
        job = uuid.uuid4().hex
        load(engine, [row(str(i), text) for i, text in enumerate(texts)], job=job)
        wanted = [(job, t if t is None else t.replace("\0", "\ufffd")) for t in texts]
        assert [f for f in read(engine, "_import_job_id", "title") if f[0] == job] == wanted


class TestNumbers:
    @pytest.mark.parametrize("stock", [0, -1, 2**63 - 1, -(2**63)])
    def test_whole_numbers_are_kept_exactly(self, engine: sa.Engine, stock: int) -> None:
        load(engine, [row("a", stock=stock)])
        assert read(engine, "stock") == [(stock,)]
        assert load(engine, [row("a", stock=stock)], run="run2") == LoadCounts(unchanged=1)

    @pytest.mark.parametrize(
        "price", [0.1, 1 / 3, 1e23, 1e300, 5e-324, 2.2250738585072014e-308, -1.7976931348623157e308]
    )
    def test_doubles_are_kept_exactly(self, engine: sa.Engine, price: float) -> None:
        load(engine, [row("a", price=price)])
        assert read(engine, "price") == [(price,)]
        assert load(engine, [row("a", price=price)], run="run2") == LoadCounts(unchanged=1)

    @settings(
        max_examples=15,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(prices=st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=50))
    def test_any_double_comes_back(self, engine: sa.Engine, prices: list[float]) -> None:
        job = uuid.uuid4().hex
        rows = [row(f"{i:02}", price=price) for i, price in enumerate(prices)]
        load(engine, rows, job=job)
        found = [f[1] for f in read(engine, "_import_job_id", "price") if f[0] == job]
        assert found == prices
        assert load(engine, rows, job=job, run="run2") == LoadCounts(unchanged=len(rows))

    @pytest.mark.parametrize("price", [float("inf"), float("-inf")])
    def test_numbers_that_are_not_finite_are_kept_or_refused(
        self, engine: sa.Engine, price: float
    ) -> None:
        if engine.dialect.name == "mariadb":
            with pytest.raises(DestinationRefused, match="'price' holds an infinite number"):
                load(engine, [row("a", "s3cr3t"), row("b", price=price)])
            assert not table_exists(engine, "products")
        else:
            load(engine, [row("a", price=price)])
            assert read(engine, "price") == [(price,)]

    def test_no_number_is_refused_where_it_can_t_be_stored(self, mariadb: sa.Engine) -> None:
        with pytest.raises(DestinationRefused, match="'price' holds an infinite number or none"):
            load(mariadb, [row("a", price=float("nan"))])


class TestDates:
    @pytest.mark.parametrize("date", DATES)
    def test_are_kept_to_the_microsecond(self, engine: sa.Engine, date: dt.datetime) -> None:
        load(engine, [row("a", published=date)])
        schema = "imports" if engine.dialect.name == "postgresql" else None
        table = sa.table("products", sa.column("published", sa.DateTime()), schema=schema)
        with engine.connect() as connection:
            if engine.dialect.name == "postgresql":
                connection.exec_driver_sql("SET TIME ZONE 'UTC'")
            found = connection.execute(sa.select(table.c.published)).scalar_one()
        assert found.replace(tzinfo=None) == date.replace(tzinfo=None)
        assert load(engine, [row("a", published=date)], run="run2") == LoadCounts(unchanged=1)

    @pytest.mark.parametrize("microseconds", [253_402_300_800_000_000, -62_135_596_800_000_001])
    def test_outside_of_years_1_to_9999_are_refused(
        self, engine: sa.Engine, microseconds: int
    ) -> None:
        schema = rows_schema(COLUMNS)
        date = pa.array([microseconds], pa.int64()).cast(schema.field("published").type)
        arrays = [pa.array(["Lamp"]), pa.nulls(1, pa.float64()), pa.nulls(1, pa.int64()), date]
        batch = pa.RecordBatch.from_arrays([*arrays, pa.array(["a"])], schema=schema)
        with pytest.raises(DestinationRefused, match="'published' holds a date outside"):
            load_rows(engine, "products", LoadMode.UPSERT, COLUMNS, [batch], identity=identity())


class TestBatches:
    def test_of_other_columns_are_refused(self, engine: sa.Engine) -> None:
        schema = rows_schema(COLUMNS[:1])
        batch = pa.RecordBatch.from_pylist([{"title": "Lamp", "_row_key": "a"}], schema=schema)
        with pytest.raises(DestinationRefused, match=r"\(title string\).*price double.*new run"):
            load_rows(engine, "products", LoadMode.UPSERT, COLUMNS, [batch], identity=identity())

    @pytest.mark.parametrize("mode", LoadMode)
    def test_with_a_row_key_twice_are_refused(self, engine: sa.Engine, mode: LoadMode) -> None:
        load(engine, [row("a", "Before")], mode=mode)
        with pytest.raises(DestinationRefused, match="comes twice"):
            load(engine, [row("a", "1"), row("b"), row("a", "2")], run="run2", mode=mode)
        assert read(engine, "title") == [("Before",)]

    def test_larger_than_a_slice_are_loaded_whole(self, engine: sa.Engine) -> None:
        keys = pa.array([f"{i:05}" for i in range(25_001)])
        batch = pa.RecordBatch.from_arrays([keys, keys], schema=rows_schema(COLUMNS[:1]))
        seen: list[int] = []
        counts = load_rows(
            engine,
            "products",
            LoadMode.UPSERT,
            COLUMNS[:1],
            [batch],
            identity=identity(),
            on_progress=seen.append,
        )
        assert counts == LoadCounts(inserted=25_001)
        assert seen == [10_000, 20_000, 25_001]
        assert read(engine, "title", "_row_key")[-1] == ("25000", "25000")


class TestNames:
    @pytest.mark.parametrize(
        "name",
        [
            pytest.param("select", id="SQL word"),
            pytest.param("Mixed_Case", id="mixed case"),
            pytest.param('quo"te', id="quote"),
            pytest.param("back`tick``s", id="backticks"),
            pytest.param("x) values (%s", id="values in brackets"),
            pytest.param("per%cent %s", id="percent"),
            pytest.param("col:on (x)", id="colon and brackets"),
            pytest.param("ключ", id="another script"),
            pytest.param("a; drop table products", id="statement"),
        ],
    )
    def test_are_quoted_as_they_are(self, engine: sa.Engine, name: str) -> None:
        columns = (Column(key=name, name=name),)
        rows = [{"_row_key": "a", name: "x"}]
        for run, counts in (("run1", LoadCounts(inserted=1)), ("run2", LoadCounts(unchanged=1))):
            assert load(engine, rows, columns=columns, table=name, run=run) == counts
        changed = [{"_row_key": "a", name: "y"}]
        assert load(engine, changed, columns=columns, table=name) == LoadCounts(updated=1)
        assert read(engine, name, table=name) == [("y",)]


class TestIdentity:
    def test_takes_any_user(self, engine: sa.Engine) -> None:
        load(engine, [row("a")], user="team/7 é '\"")
        assert read(engine, "_external_user_id") == [("team/7 é '\"",)]

    def test_needs_a_time_zone(self) -> None:
        with pytest.raises(ValueError, match="no time zone"):
            type(identity())("job", "user", "run", NOVEMBER.replace(tzinfo=None))
