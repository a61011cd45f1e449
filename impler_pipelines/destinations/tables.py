"""The shape of destination and staging tables: columns, types, keys. It never talks to a database.

| column type                                | PostgreSQL               | elsewhere              |
|--------------------------------------------|--------------------------|------------------------|
| Number                                     | BIGINT                   | BIGINT                 |
| Double                                     | DOUBLE PRECISION         | DOUBLE                 |
| Date                                       | TIMESTAMP WITH TIME ZONE | DATETIME, wall time UTC|
| String, Email, Regex, Select, Image, Any   | TEXT                     | TEXT (MySQL: LONGTEXT) |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.sql import quoted_name
from sqlalchemy.types import TypeEngine

from impler_pipelines.model import Column, ColumnType, LoadMode

IMPORT_JOB_ID = "_import_job_id"
EXTERNAL_USER_ID = "_external_user_id"
RUN_ID = "_run_id"
ROW_KEY = "_row_key"
LOADED_AT = "_loaded_at"
SYSTEM_COLUMNS = (IMPORT_JOB_ID, EXTERNAL_USER_ID, RUN_ID, ROW_KEY, LOADED_AT)

STAGE = "_impler_stage"

# MySQL's plain TEXT ends at 64 KiB, can't be a key, and its default collation takes A for a.
_TEXT = sa.Text().with_variant(mysql.LONGTEXT(collation="utf8mb4_bin"), "mysql", "mariadb")
_KEY_TEXT = sa.Text().with_variant(sa.String(255, collation="utf8mb4_bin"), "mysql", "mariadb")
_TIME = (
    sa.DateTime()
    .with_variant(sa.DateTime(timezone=True), "postgresql")
    .with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
)
# Whatever the server's defaults are: MyISAM can't roll back, other row formats end keys early.
_MYSQL_OPTIONS: dict[str, Any] = {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")
    for option, value in (("engine", "InnoDB"), ("row_format", "DYNAMIC"), ("charset", "utf8mb4"))
}
_TYPES: dict[ColumnType, TypeEngine[Any]] = {
    ColumnType.NUMBER: sa.BigInteger(),
    ColumnType.DOUBLE: sa.Double(),
    ColumnType.DATE: _TIME,
}


def column_type(column: Column) -> TypeEngine[Any]:
    """The SQL type that holds a template column's values."""
    return _TYPES.get(column.type, _TEXT)


def key_of(mode: LoadMode) -> tuple[str, ...]:
    """The primary key that a mode needs: one row a key, or in ``append`` one a key and Run."""
    if mode is LoadMode.APPEND:
        return (IMPORT_JOB_ID, RUN_ID, ROW_KEY)
    return (IMPORT_JOB_ID, ROW_KEY)


def destination_table(
    name: str, schema: str | None, columns: Sequence[Column], mode: LoadMode
) -> sa.Table:
    """The table that rows end in: the columns' keys, then the five of ``SYSTEM_COLUMNS``.

    Names are quoted as they are given, so case is kept.
    """
    system: dict[str, TypeEngine[Any]] = {
        IMPORT_JOB_ID: _KEY_TEXT,
        EXTERNAL_USER_ID: _TEXT,
        RUN_ID: _KEY_TEXT,
        ROW_KEY: _KEY_TEXT,
        LOADED_AT: _TIME,
    }
    return sa.Table(
        quoted_name(name, quote=True),
        sa.MetaData(),
        *_value_columns(columns),
        *(
            sa.Column(quoted_name(column, quote=True), type_, nullable=False)
            for column, type_ in system.items()
        ),
        sa.PrimaryKeyConstraint(*key_of(mode)),
        schema=schema,
        **_MYSQL_OPTIONS,
    )


def stage_table(columns: Sequence[Column], *, on_commit: str | None = None) -> sa.Table:
    """The temporary table that a load is staged in: the columns' keys and the row key, no index.

    ``on_commit`` is PostgreSQL's: what becomes of the table when the transaction ends.
    """
    return sa.Table(
        quoted_name(STAGE, quote=True),
        sa.MetaData(),
        *_value_columns(columns),
        sa.Column(quoted_name(ROW_KEY, quote=True), _KEY_TEXT, nullable=False),
        prefixes=["TEMPORARY"],
        postgresql_on_commit=on_commit,
        **_MYSQL_OPTIONS,
    )


def _value_columns(columns: Sequence[Column]) -> list[sa.Column[Any]]:
    return [sa.Column(quoted_name(c.key, quote=True), column_type(c)) for c in columns]
