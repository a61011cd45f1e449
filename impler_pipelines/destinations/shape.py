"""What a destination table looks like in the database, and making it fit. It moves no rows.

- A missing table is created; a column that the table lacks is added.
- A column that the template no longer has stays: rows loaded from then on leave it null.
- A column of another type, a missing or other primary key, a table that no import made: refused,
  with what to do. Nothing is ever dropped, renamed or converted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateColumn, CreateSchema, CreateTable, ExecutableDDLElement

from impler_pipelines.destinations.tables import SYSTEM_COLUMNS
from impler_pipelines.errors import DestinationRefused

# What DuckDB calls the types that SQLAlchemy's PostgreSQL compiler writes for it.
_DUCKDB_NAMES = {
    "TEXT": "VARCHAR",
    "DOUBLE PRECISION": "DOUBLE",
    "TIMESTAMP WITHOUT TIME ZONE": "TIMESTAMP",
}


@dataclass(frozen=True)
class Shape:
    """A table as it is: the SQL type of each column by its name, and the primary key's columns."""

    columns: dict[str, str]
    key: tuple[str, ...]


class AddColumn(ExecutableDDLElement):
    """``ALTER TABLE … ADD COLUMN …``, which SQLAlchemy has no construct for."""

    inherit_cache = False

    def __init__(self, table: sa.Table, column: sa.Column[Any]) -> None:
        self.table, self.column = table, column


@compiles(AddColumn)
def _add_column(element: AddColumn, compiler: Any, **_: Any) -> str:
    table = compiler.preparer.format_table(element.table)
    return f"ALTER TABLE {table} ADD COLUMN {compiler.process(CreateColumn(element.column))}"


def table_is_there(connection: sa.Connection, name: str, schema: str | None) -> bool:
    """Whether a table (or a view) of that name exists."""
    if connection.dialect.name == "duckdb":
        return _duckdb_shape(connection, name) is not None
    return sa.inspect(connection).has_table(name, schema=schema)


def prepare_table(
    connection: sa.Connection, table: sa.Table, *, lock: Callable[[str], None]
) -> None:
    """Make the database's table hold ``table``'s columns, inside the caller's transaction.

    ``lock(what)`` is called before something is created or altered, to wait there for others who
    do the same; what is there is looked at again after it. Raises ``DestinationRefused``.
    """
    shape = _read_shape(connection, table)
    if shape is not None and not _missing(connection, table, shape):
        return
    lock(f"change {table.fullname}")
    shape = _read_shape(connection, table)
    if shape is None:
        _create(connection, table, lock)
        return
    for column in _missing(connection, table, shape):
        connection.execute(AddColumn(table, column))


def _create(connection: sa.Connection, table: sa.Table, lock: Callable[[str], None]) -> None:
    # Asked first, since IF NOT EXISTS wants the right to create even where nothing is created.
    if table.schema and not sa.inspect(connection).has_schema(table.schema):
        lock(f"create {table.schema}")
        connection.execute(CreateSchema(table.schema, if_not_exists=True))
    connection.execute(CreateTable(table))


def _missing(connection: sa.Connection, table: sa.Table, shape: Shape) -> list[sa.Column[Any]]:
    """The columns to add. Raises ``DestinationRefused`` where adding columns is not enough."""
    # Everywhere but in PostgreSQL, "title" and "Title" are one column.
    fold = str if connection.dialect.name == "postgresql" else str.casefold
    types = {fold(name): type_ for name, type_ in shape.columns.items()}
    where = f"Table {table.fullname!r}"
    _check_system_columns({fold(name) for name in SYSTEM_COLUMNS} - types.keys(), where)
    for column in table.columns:
        has, needs = types.get(fold(column.name)), _type_name(column.type, connection)
        if has is not None and has != needs:
            raise DestinationRefused(
                f"{where} has column {column.name!r} as {has}, the template needs {needs}. Nothing"
                " was changed: rename that column in the database (the next run then adds a new"
                " one), give the template's column another key, or name another table"
            )
    _check_key(table, shape, where)
    return [column for column in table.columns if fold(column.name) not in types]


def _check_system_columns(lacking: set[str], where: str) -> None:
    if not lacking:
        return
    if len(lacking) == len(SYSTEM_COLUMNS):
        raise DestinationRefused(
            f"{where} was not made by an import (it lacks {', '.join(SYSTEM_COLUMNS)}):"
            " give the destination another table name"
        )
    raise DestinationRefused(
        f"{where} lacks {', '.join(sorted(lacking))}, which every import needs: put it back, or"
        " rename the table (the next run then makes a new one)"
    )


def _check_key(table: sa.Table, shape: Shape, where: str) -> None:
    needed = [column.name for column in table.primary_key.columns]
    if set(shape.key) != set(needed):
        key = ", ".join(needed)
        if not shape.key:
            raise DestinationRefused(
                f"{where} has no primary key, and an import needs ({key}): restore it, or rename"
                " the table (the next run then makes a new one)"
            )
        raise DestinationRefused(
            f"{where} has the primary key ({', '.join(shape.key)}), and this destination's mode"
            f" needs ({key}): set the mode that the table was made with, or name another table"
        )


def _read_shape(connection: sa.Connection, table: sa.Table) -> Shape | None:
    if connection.dialect.name == "duckdb":
        return _duckdb_shape(connection, table.name)
    if connection.dialect.name in ("mysql", "mariadb"):
        return _mysql_shape(connection, table.name)
    inspector = sa.inspect(connection)  # a new one each time: inspectors remember their answers
    if not inspector.has_table(table.name, schema=table.schema):
        return None
    columns = inspector.get_columns(table.name, schema=table.schema)
    key = inspector.get_pk_constraint(table.name, schema=table.schema)["constrained_columns"]
    return Shape({c["name"]: _type_name(c["type"], connection) for c in columns}, tuple(key))


def _mysql_shape(connection: sa.Connection, name: str) -> Shape | None:
    # SQLAlchemy's reflection parses SHOW CREATE TABLE, and stumbles over backticks in names.
    columns = connection.execute(
        sa.text(
            "SELECT column_name AS name, column_type AS type FROM information_schema.columns"
            " WHERE table_schema = DATABASE() AND table_name = :name ORDER BY ordinal_position"
        ),
        {"name": name},
    ).all()
    if not columns:
        return None
    key = connection.execute(
        sa.text(
            "SELECT column_name FROM information_schema.key_column_usage"
            " WHERE table_schema = DATABASE() AND table_name = :name"
            " AND constraint_name = 'PRIMARY' ORDER BY ordinal_position"
        ),
        {"name": name},
    ).scalars()
    return Shape({c.name: _mysql_type(c.type) for c in columns}, tuple(key))


def _mysql_type(declared: str) -> str:
    return re.sub(r"int\(\d+\)", "int", declared).upper()  # bigint(20): a width for display


def _duckdb_shape(connection: sa.Connection, name: str) -> Shape | None:
    # duckdb-engine's reflection reads pg_catalog tables that DuckDB 2.0 does not have.
    here = "database_name = current_database() and schema_name = current_schema()"
    columns = connection.execute(
        sa.text(
            f"select column_name, data_type from duckdb_columns() where {here}"  # noqa: S608  # a constant
            " and lower(table_name) = lower(:name) order by column_index"
        ),
        {"name": name},
    ).all()
    if not columns:
        return None
    key = connection.execute(
        sa.text(
            f"select constraint_column_names from duckdb_constraints() where {here}"  # noqa: S608  # a constant
            " and lower(table_name) = lower(:name) and constraint_type = 'PRIMARY KEY'"
        ),
        {"name": name},
    ).scalar()
    return Shape({c.column_name: c.data_type for c in columns}, tuple(key or ()))


def _type_name(type_: sa.types.TypeEngine[Any], connection: sa.Connection) -> str:
    try:
        name = type_.compile(connection.dialect)
    except sa.exc.CompileError:  # a type of the database that SQLAlchemy has no name for
        return "a type of the database's own"
    name = re.sub(r" (CHARACTER SET|COLLATE) \S+", "", name)
    return _DUCKDB_NAMES.get(name, name) if connection.dialect.name == "duckdb" else name
