"""Loading rows into SQL tables: the room's front door. How is left to the dialects' own modules.

* upsert: new rows are inserted, rows that differ are updated, the rest is left alone, run id and
  time of load included;
* append: every Run adds its rows; the same Run again replaces what it added before;
* mirror: upsert, then the import job's rows that are not among the loaded ones are deleted.

Rows of other import jobs are never touched: every key starts with the import job's id.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa
import sqlalchemy as sa

from impler_pipelines.destinations.engines import check_destination_url, open_destination
from impler_pipelines.destinations.faults import translated
from impler_pipelines.destinations.guard import address_check
from impler_pipelines.destinations.load import Finish, Load, LoadIdentity, Progress
from impler_pipelines.destinations.mysql import load_into_mysql
from impler_pipelines.destinations.names import check_table_name, default_table_name
from impler_pipelines.destinations.portable import load_portably
from impler_pipelines.destinations.postgres import load_into_postgres
from impler_pipelines.destinations.presence import default_schema, holds_load, table_exists
from impler_pipelines.destinations.rows import conformed, rows_schema
from impler_pipelines.destinations.tables import destination_table, stage_table
from impler_pipelines.model import Column, LoadCounts, LoadMode

__all__ = [
    "LoadIdentity",
    "address_check",
    "check_destination_url",
    "check_table_name",
    "default_schema",
    "default_table_name",
    "holds_load",
    "load_rows",
    "open_destination",
    "rows_schema",
    "table_exists",
]


def load_rows(
    engine: sa.Engine,
    table: str,
    mode: LoadMode,
    columns: Sequence[Column],
    batches: Iterable[pa.RecordBatch],
    *,
    identity: LoadIdentity,
    finish: Finish | None = None,
    on_progress: Progress | None = None,
) -> LoadCounts:
    """Load one run's rows, all or none, and count exactly what it did to the table.

    ``engine`` comes from ``open_destination``. Batches have ``rows_schema(columns)``: the columns
    in order (text as string, Number int64, Double float64, Date timestamp[us, UTC]), then
    ``_row_key``, unique within the load. They are read once, in pieces, in flat memory.

    The table is created if it is missing and gets the columns that it lacks, in the transaction
    that the rows are loaded in (MySQL commits DDL by itself). ``finish(connection, counts)`` is
    called in that transaction just before it commits. Whatever is raised on the way, by
    ``batches`` and ``finish`` too, rolls everything back and passes as it is.

    ``on_progress`` gets the number of rows staged so far.

    Raises ``DestinationUnavailable`` (not reached, locked, deadlock, timeout) or
    ``DestinationRefused`` (altered table, no permission, rows that don't fit).
    """
    on_postgres = engine.dialect.name == "postgresql"
    on_mysql = engine.dialect.name in ("mysql", "mariadb")
    load = Load(
        engine=engine,
        table=destination_table(table, default_schema(engine), columns, mode),
        stage=stage_table(columns, on_commit="DROP" if on_postgres else None),
        mode=mode,
        batches=conformed(batches, columns),
        identity=identity,
        finish=finish,
        on_progress=on_progress,
    )
    with translated(engine):
        if on_postgres:
            return load_into_postgres(load)
        return load_into_mysql(load) if on_mysql else load_portably(load)
