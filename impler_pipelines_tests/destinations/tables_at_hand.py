"""Columns, rows as batches, loads and reads that the tests of destinations share."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from impler_pipelines.destinations.sql import LoadIdentity, default_schema, load_rows, rows_schema
from impler_pipelines.model import Column, ColumnType, LoadCounts, LoadMode

COLUMNS = (
    Column(key="title", name="Title"),
    Column(key="price", name="Price", type=ColumnType.DOUBLE),
    Column(key="stock", name="Stock", type=ColumnType.NUMBER),
    Column(key="published", name="Published", type=ColumnType.DATE),
)
NOVEMBER = dt.datetime(2026, 11, 2, 8, 0, tzinfo=dt.UTC)
LATER = NOVEMBER + dt.timedelta(hours=1)

Row = dict[str, Any]


def row(key: str, title: str | None = "Lamp", **values: Any) -> Row:
    return {"_row_key": key, "title": title, **values}


def batches(
    rows: Sequence[Row], columns: Sequence[Column] = COLUMNS, *, size: int = 2
) -> Iterable[pa.RecordBatch]:
    schema = rows_schema(columns)
    for start in range(0, len(rows), size):
        piece = [{name: r.get(name) for name in schema.names} for r in rows[start : start + size]]
        yield pa.RecordBatch.from_pylist(piece, schema=schema)


def identity(run: str = "run1", job: str = "job1", user: str = "ann") -> LoadIdentity:
    return LoadIdentity(job, user, run, NOVEMBER)


def load(
    engine: sa.Engine,
    rows: Sequence[Row],
    *,
    run: str = "run1",
    job: str = "job1",
    user: str = "ann",
    mode: LoadMode = LoadMode.UPSERT,
    columns: Sequence[Column] = COLUMNS,
    table: str = "products",
    finish: Callable[[sa.Connection, LoadCounts], None] | None = None,
) -> LoadCounts:
    return load_rows(
        engine,
        table,
        mode,
        columns,
        batches(rows, columns),
        identity=identity(run, job, user),
        finish=finish,
    )


def execute(engine: sa.Engine, statement: str) -> None:
    """Run a statement on ``{table}``, as a person would by hand."""
    schema = default_schema(engine)
    where = f'"{schema}"."products"' if schema else "products"
    with engine.begin() as connection:
        connection.exec_driver_sql(statement.format(table=where))


def read(engine: sa.Engine, *names: str, table: str = "products") -> list[tuple[Any, ...]]:
    """The table's rows under these names, sorted by import job, row key and run."""
    order = ("_import_job_id", "_row_key", "_run_id")
    shape = sa.table(table, *map(sa.column, {*names, *order}), schema=default_schema(engine))
    wanted = sa.select(*(shape.c[n] for n in names)).order_by(*(shape.c[n] for n in order))
    with engine.connect() as connection:
        return [tuple(found) for found in connection.execute(wanted)]
