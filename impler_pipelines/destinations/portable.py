"""Loading by plain SQL: SQLite, DuckDB and whatever else SQLAlchemy speaks. Not PostgreSQL.

Rows are staged in a temporary table first, which takes no lock on the destination; then one
transaction, which holds the write lock from its beginning, makes the table fit, merges, and calls
``finish``. So loads into one file queue only while they merge.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable

from impler_pipelines.destinations.engines import BEGIN
from impler_pipelines.destinations.load import Load
from impler_pipelines.destinations.merging import (
    STAMPS,
    differs,
    has_left,
    identity_values,
    is_of_run,
    is_staged_row,
    rows_to_insert,
    value_names,
)
from impler_pipelines.destinations.rows import as_tuples, with_naive_dates
from impler_pipelines.destinations.shape import prepare_table
from impler_pipelines.destinations.tables import ROW_KEY
from impler_pipelines.errors import DestinationRefused
from impler_pipelines.model import LoadCounts, LoadMode


def load_portably(load: Load) -> LoadCounts:
    """Stage and merge; see ``sql.load_rows`` for the contract."""
    with load.engine.connect() as connection:
        connection.detach()  # closed at the end rather than pooled: the staging table goes with it
        with connection.begin():
            staged = _stage(connection, load)
        connection = connection.execution_options(**{BEGIN: "BEGIN IMMEDIATE"})
        with connection.begin():
            prepare_table(connection, load.table, before_change=lambda: None)
            counts = _merge(connection, load, staged)
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


def _merge(connection: sa.Connection, load: Load, staged: int) -> LoadCounts:
    _index(connection, load.stage)
    if load.mode is LoadMode.APPEND:
        connection.execute(sa.delete(load.table).where(is_of_run(load)))
        connection.execute(sa.insert(load.table).from_select(*rows_to_insert(load)))
        return LoadCounts(inserted=staged)
    existing, changed = _compared(connection, load)
    if changed:
        _update(connection, load)
    if existing < staged:
        _insert_new(connection, load)
    deleted = _delete_left(connection, load) if load.mode is LoadMode.MIRROR else 0
    return LoadCounts(staged - existing, changed, existing - changed, deleted)


def _index(connection: sa.Connection, stage: sa.Table) -> None:
    """Make the staging table's key fast to look up, and be sure that no key comes twice."""
    try:
        connection.execute(
            CreateIndex(sa.Index(f"{stage.name}_key", stage.c[ROW_KEY], unique=True))
        )
    except sa.exc.IntegrityError as error:
        raise DestinationRefused(
            "A row key comes twice within one load: start a new run of the import"
        ) from error


def _compared(connection: sa.Connection, load: Load) -> tuple[int, int]:
    """How many staged rows the table has already, and how many of those differ.

    Counted beforehand because not every driver tells how many rows a statement changed; the write
    lock is held, so the answer stays true.
    """
    changed = sa.func.sum(sa.case((differs(load, load.stage.c), 1), else_=0))
    found = sa.select(sa.func.count(), sa.func.coalesce(changed, 0)).select_from(
        load.stage.join(load.table, is_staged_row(load))
    )
    existing, differing = connection.execute(found).one()
    return int(existing), int(differing)


def _update(connection: sa.Connection, load: Load) -> None:
    stamps = identity_values(load)
    values = {load.table.c[n]: load.stage.c[n] for n in value_names(load)}
    connection.execute(
        sa.update(load.table)
        .values({**values, **{load.table.c[n]: stamps[n] for n in STAMPS}})
        .where(is_staged_row(load), differs(load, load.stage.c))
    )


def _insert_new(connection: sa.Connection, load: Load) -> None:
    names, rows = rows_to_insert(load)
    known = sa.exists().where(is_staged_row(load)).correlate(load.stage)
    connection.execute(sa.insert(load.table).from_select(names, rows.where(~known)))


def _delete_left(connection: sa.Connection, load: Load) -> int:
    left = sa.select(sa.func.count()).select_from(load.table).where(has_left(load))
    count = int(connection.execute(left).scalar_one())
    if count:
        connection.execute(sa.delete(load.table).where(has_left(load)))
    return count
