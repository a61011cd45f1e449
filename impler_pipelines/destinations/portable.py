"""Loading by plain SQL: SQLite, DuckDB and whatever else SQLAlchemy speaks.

Rows are staged in a temporary table first, which takes no lock on the destination; then one
transaction, which holds the write lock from its beginning, makes the table fit, merges, and calls
``finish``. So loads into one file queue only while they merge.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.schema import CreateTable

from impler_pipelines.destinations.engines import BEGIN
from impler_pipelines.destinations.load import Load
from impler_pipelines.destinations.merging import index_stage, merge
from impler_pipelines.destinations.rows import as_tuples, with_naive_dates
from impler_pipelines.destinations.shape import prepare_table
from impler_pipelines.model import LoadCounts


def load_portably(load: Load) -> LoadCounts:
    """Stage and merge; see ``sql.load_rows`` for the contract."""
    with load.engine.connect() as connection:
        connection.detach()  # closed at the end rather than pooled: the staging table goes with it
        with connection.begin():
            staged = _stage(connection, load)
        with connection.begin():  # DuckDB looks for doubles in committed rows only
            index_stage(connection, load)
        connection = connection.execution_options(**{BEGIN: "BEGIN IMMEDIATE"})
        with connection.begin():
            prepare_table(connection, load.table, lock=lambda _: None)  # the transaction is one
            counts = merge(connection, load, staged)
            load.tell_finish(connection, counts)
        return counts


def _stage(connection: sa.Connection, load: Load) -> int:
    connection.execute(CreateTable(load.stage))
    insert = str(sa.insert(load.stage).compile(dialect=connection.dialect))
    dialect = connection.dialect.name
    staged = 0
    for batch in load.batches:
        if dialect == "duckdb":
            _stage_in_duckdb(connection, load.stage, batch)
        elif batch.num_rows:
            rows = as_tuples(batch, dates_as_text=dialect == "sqlite")
            connection.exec_driver_sql(insert, rows)
        staged += batch.num_rows
        load.tell_progress(staged)
    return staged


def _stage_in_duckdb(connection: sa.Connection, stage: sa.Table, batch: pa.RecordBatch) -> None:
    # DuckDB reads Arrow as it is; its executemany is slower by orders of magnitude.
    driver: Any = connection.connection.dbapi_connection
    quoted = connection.dialect.identifier_preparer.format_table(stage)
    driver.register("_impler_batch", pa.Table.from_batches([with_naive_dates(batch)]))
    connection.exec_driver_sql(f"INSERT INTO {quoted} SELECT * FROM _impler_batch")  # noqa: S608  # quoted
    driver.unregister("_impler_batch")
