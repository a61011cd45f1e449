"""Where a destination's tables are, and what is there of a load. It never imports Arrow.

A run asks this before it fetches: one that then finds nothing new shall not pay for loading.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from sqlalchemy.sql import quoted_name

from impler_pipelines.destinations.faults import translated
from impler_pipelines.destinations.shape import table_is_there
from impler_pipelines.destinations.tables import IMPORT_JOB_ID, ROW_KEY, RUN_ID, destination_table
from impler_pipelines.errors import DestinationRefused
from impler_pipelines.model import Column, LoadMode

POSTGRES_SCHEMA = "imports"
_KEYS_AT_ONCE = 10_000


def default_schema(engine: sa.Engine) -> str | None:
    """The schema that tables land in: ``imports`` on PostgreSQL, the connection's own elsewhere.

    It is created by the first load, if it is missing.
    """
    return POSTGRES_SCHEMA if engine.dialect.name == "postgresql" else None


def table_exists(engine: sa.Engine, table: str) -> bool:
    """Whether the destination has the table now.

    Raises ``DestinationUnavailable`` or ``DestinationRefused`` if it can't be asked.
    """
    with translated(engine), engine.connect() as connection:
        return table_is_there(connection, table, default_schema(engine))


def holds_load(
    engine: sa.Engine,
    table: str,
    columns: Sequence[Column],
    import_job_id: str,
    *,
    with_rows: bool,
) -> bool:
    """Whether the table has all these columns and, if ``with_rows``, rows of the import job.

    One cheap query. Raises ``DestinationUnavailable`` or ``DestinationRefused`` if the
    destination can't be reached; a table that can't be read, for whatever reason, holds nothing.
    """
    shape = destination_table(table, default_schema(engine), columns, LoadMode.UPSERT)
    mine = sa.select(shape).where(shape.c[IMPORT_JOB_ID] == import_job_id).limit(1).subquery()
    with translated(engine), engine.connect() as connection:
        try:
            with translated(engine):
                found = connection.execute(sa.select(sa.literal(1)).select_from(mine)).first()
        except DestinationRefused:
            return False
    return found is not None or not with_rows


def loaded_keys(
    engine: sa.Engine, table: str, import_job_id: str, *, but_of_run: str
) -> Iterator[Sequence[str]]:
    """The row keys that the import job's other runs have in the table, in pieces; none without it.

    Raises ``DestinationUnavailable`` and ``DestinationRefused``.
    """
    schema = default_schema(engine)
    names = (ROW_KEY, IMPORT_JOB_ID, RUN_ID)
    found = sa.table(quoted_name(table, quote=True), *map(sa.column, names), schema=schema)
    query = sa.select(found.c[ROW_KEY]).where(
        found.c[IMPORT_JOB_ID] == import_job_id, found.c[RUN_ID] != but_of_run
    )
    with translated(engine), engine.connect() as connection:
        if not table_is_there(connection, table, schema):
            return
        streamed = connection.execution_options(yield_per=_KEYS_AT_ONCE)
        yield from streamed.execute(query.distinct()).scalars().partitions()
