"""What a destination table looks like to a reader: its name, its columns, how many rows it has.

It changes nothing and shows no URL, user or password.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.mysql.base import MySQLDialect
from sqlalchemy.sql import quoted_name

from impler_pipelines.destinations.faults import translated
from impler_pipelines.destinations.presence import default_schema
from impler_pipelines.destinations.tables import SYSTEM_COLUMNS, destination_table
from impler_pipelines.model import Column, LoadMode

# An exact count reads an index from end to end; it must not keep a run from ending.
COUNT_LIMIT_SECONDS = 5

_MEANINGS = dict(
    zip(
        SYSTEM_COLUMNS,
        (
            "The import job that the row belongs to.",
            "The user whose import job that is.",
            "The run that wrote the row as it is now.",
            "Tells the row apart within its import job.",
            "When the row was written as it is now.",
        ),
        strict=True,
    )
)


@dataclass(frozen=True)
class ColumnDescription:
    """A column as loads make it; ``type`` is the SQL type, ``meaning`` a sentence or a name."""

    name: str
    type: str
    meaning: str
    nullable: bool


@dataclass(frozen=True)
class TableDescription:
    """``name`` as far as it is qualified: ``database.schema.table``."""

    name: str
    columns: tuple[ColumnDescription, ...]


def describe_table(
    engine: sa.Engine, table: str, mode: LoadMode, columns: Sequence[Column]
) -> TableDescription:
    """The table with the columns that loads fill. Nothing is asked of the database."""
    schema = default_schema(engine)
    shape = destination_table(table, schema, columns, mode)
    names = {column.key: column.name for column in columns}
    described = tuple(
        ColumnDescription(
            str(column.name),
            column.type.compile(engine.dialect),
            names.get(column.name) or _MEANINGS[column.name],
            bool(column.nullable),
        )
        for column in shape.columns
    )
    return TableDescription(qualified_name(engine.url, table, schema), described)


def qualified_name(url: sa.URL, table: str, schema: str | None) -> str:
    """``database.schema.table``, without what the database does not have.

    A database that is a file is left out: its path says more of the machine than of the table.
    """
    database = url.database if url.host or url.get_backend_name() == "postgresql" else None
    return ".".join(part for part in (database, schema, table) if part)


def count_rows(engine: sa.Engine, table: str) -> int:
    """How many rows the table has now, those of all import jobs.

    Raises ``DestinationUnavailable`` or ``DestinationRefused`` where it can't be counted; on
    PostgreSQL, MySQL and MariaDB also after ``COUNT_LIMIT_SECONDS``.
    """
    counted = sa.table(quoted_name(table, quote=True), schema=default_schema(engine))
    with translated(engine), engine.connect() as connection:
        match engine.dialect:
            case sa.Dialect(name="postgresql"):
                limit = f"SET LOCAL statement_timeout = '{COUNT_LIMIT_SECONDS}s'"
                connection.exec_driver_sql(limit)
            case MySQLDialect(is_mariadb=on_mariadb):
                connection.detach()  # not pooled: the limit is the session's
                limit = "max_statement_time = {}" if on_mariadb else "max_execution_time = {}000"
                connection.exec_driver_sql(f"SET SESSION {limit.format(COUNT_LIMIT_SECONDS)}")
        return connection.execute(sa.select(sa.func.count()).select_from(counted)).scalar_one()
