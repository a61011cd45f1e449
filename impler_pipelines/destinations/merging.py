"""The merge of staged rows into the table, the same in every dialect, counted by the database.

Two set-based statements, an UPDATE of the rows that differ and an INSERT of those that are
missing, rather than one INSERT … ON CONFLICT DO UPDATE … WHERE: that one locks, and so writes,
every row that it then leaves unchanged (measured in ``docs/decisions``).

What makes two statements as good as one is the caller's lock: nobody else loads rows of this
import job between them.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex

from impler_pipelines.destinations.load import Load
from impler_pipelines.destinations.tables import (
    EXTERNAL_USER_ID,
    IMPORT_JOB_ID,
    LOADED_AT,
    ROW_KEY,
    RUN_ID,
)
from impler_pipelines.errors import DestinationRefused
from impler_pipelines.model import LoadCounts, LoadMode


def index_stage(connection: sa.Connection, load: Load) -> None:
    """Make the staged keys fast to look up. Raises ``DestinationRefused`` if one comes twice."""
    index = sa.Index(f"{load.stage.name}_key", load.stage.c[ROW_KEY], unique=True)
    try:
        connection.execute(CreateIndex(index))
    except sa.exc.IntegrityError as error:
        raise DestinationRefused(
            "A row key comes twice within one load: start a new run of the import"
        ) from error


def merge(connection: sa.Connection, load: Load, staged: int) -> LoadCounts:
    """Bring the ``staged`` rows into the table as the load's mode says, and count what changed."""
    if load.mode is LoadMode.APPEND:
        connection.execute(_delete_of_run(load))  # what an attempt of this Run before has added
        return LoadCounts(inserted=_changed(connection, _insert(load)))
    updated = _changed(connection, _update(load))
    inserted = _changed(connection, _insert(load, only_new=True))
    deleted = _changed(connection, _delete_left(load)) if load.mode is LoadMode.MIRROR else 0
    return LoadCounts(inserted, updated, staged - inserted - updated, deleted)


def _changed(connection: sa.Connection, statement: sa.Insert | sa.Update | sa.Delete) -> int:
    """Execute the statement; the number of rows it changed, as the database tells it."""
    result = connection.execute(statement, execution_options={"preserve_rowcount": True})
    rows = result.rowcount
    if rows < 0:
        raise DestinationRefused(
            f"The driver {connection.dialect.driver} does not tell how many rows it changed:"
            " use another driver for this database"
        )
    return rows


def _delete_of_run(load: Load) -> sa.Delete:
    return sa.delete(load.table).where(
        _is_of_import_job(load), load.table.c[RUN_ID] == load.identity.run_id
    )


def _update(load: Load) -> sa.Update:
    table, stage = load.table, load.stage
    names = [column.name for column in stage.columns if column.name != ROW_KEY]
    stamps = _stamps(load)
    del stamps[IMPORT_JOB_ID]  # part of the key, and the same
    differs = (_differs(load, table.c[name], stage.c[name]) for name in names)
    return (
        sa.update(table)
        .values({table.c[name]: stage.c[name] for name in names})
        .values({table.c[name]: value for name, value in stamps.items()})
        .where(_is_staged_row(load), sa.or_(sa.false(), *differs))
    )


def _differs(load: Load, old: sa.Column[Any], new: sa.Column[Any]) -> sa.ColumnElement[bool]:
    if load.engine.dialect.name in ("mysql", "mariadb") and isinstance(old.type, sa.Text):
        # As bytes: MySQL's collations take "x" for "x ", the binary one of utf8mb4 too.
        return sa.cast(old, sa.LargeBinary).is_distinct_from(sa.cast(new, sa.LargeBinary))
    return old.is_distinct_from(new)


def _insert(load: Load, *, only_new: bool = False) -> sa.Insert:
    table, stage, stamps = load.table, load.stage, _stamps(load)
    literals = (sa.literal(value, table.c[name].type) for name, value in stamps.items())
    rows = sa.select(*stage.columns, *literals)
    if only_new:
        known = table.alias("known")
        found = sa.exists().where(
            known.c[IMPORT_JOB_ID] == load.identity.import_job_id,
            known.c[ROW_KEY] == stage.c[ROW_KEY],
        )
        rows = rows.where(~found.correlate(stage))
    return sa.insert(table).from_select([*(c.name for c in stage.columns), *stamps], rows)


def _delete_left(load: Load) -> sa.Delete:
    staged = sa.exists().where(load.table.c[ROW_KEY] == load.stage.c[ROW_KEY])
    return sa.delete(load.table).where(_is_of_import_job(load), ~staged.correlate(load.table))


def _stamps(load: Load) -> dict[str, Any]:
    """What a loaded row holds beside what was staged; naive times where columns have no zone."""
    loaded_at = load.identity.loaded_at.astimezone(dt.UTC)
    if load.engine.dialect.name != "postgresql":
        loaded_at = loaded_at.replace(tzinfo=None)
    return {
        IMPORT_JOB_ID: load.identity.import_job_id,
        EXTERNAL_USER_ID: load.identity.external_user_id,
        RUN_ID: load.identity.run_id,
        LOADED_AT: loaded_at,
    }


def _is_of_import_job(load: Load) -> sa.ColumnElement[bool]:
    return load.table.c[IMPORT_JOB_ID] == load.identity.import_job_id


def _is_staged_row(load: Load) -> sa.ColumnElement[bool]:
    return _is_of_import_job(load) & (load.table.c[ROW_KEY] == load.stage.c[ROW_KEY])
