"""The parts that merging is made of in every dialect, as SQL expressions. It runs nothing."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa

from impler_pipelines.destinations.load import Load
from impler_pipelines.destinations.tables import (
    EXTERNAL_USER_ID,
    IMPORT_JOB_ID,
    LOADED_AT,
    ROW_KEY,
    RUN_ID,
)

# What an update writes beside the values; the key's columns never change.
STAMPS = (EXTERNAL_USER_ID, RUN_ID, LOADED_AT)


def value_names(load: Load) -> list[str]:
    """The columns' keys: all that is staged but the row key."""
    return [column.name for column in load.stage.columns if column.name != ROW_KEY]


def identity_values(load: Load) -> dict[str, Any]:
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


def rows_to_insert(load: Load) -> tuple[list[str], sa.Select[Any]]:
    """The names to insert into, and the SELECT that gives every staged row under them."""
    constants = identity_values(load)
    rows = sa.select(
        *load.stage.columns,
        *(sa.literal(value, load.table.c[name].type) for name, value in constants.items()),
    )
    return [*(column.name for column in load.stage.columns), *constants], rows


def is_of_import_job(load: Load) -> sa.ColumnElement[bool]:
    """A row in the table belongs to this import job."""
    return load.table.c[IMPORT_JOB_ID] == load.identity.import_job_id


def is_of_run(load: Load) -> sa.ColumnElement[bool]:
    """A row in the table was added by this Run, in an attempt before this one."""
    return is_of_import_job(load) & (load.table.c[RUN_ID] == load.identity.run_id)


def is_staged_row(load: Load) -> sa.ColumnElement[bool]:
    """A row in the table has the key of a staged row."""
    return is_of_import_job(load) & (load.table.c[ROW_KEY] == load.stage.c[ROW_KEY])


def differs(load: Load, new: Any) -> sa.ColumnElement[bool]:
    """A row in the table holds other values than its counterpart in ``new``; null equals null."""
    table = load.table
    return sa.or_(sa.false(), *(table.c[n].is_distinct_from(new[n]) for n in value_names(load)))


def has_left(load: Load) -> sa.ColumnElement[bool]:
    """A row in the table is of this import job, and not among the staged ones."""
    staged = sa.exists().where(load.table.c[ROW_KEY] == load.stage.c[ROW_KEY])
    return is_of_import_job(load) & ~staged.correlate(load.table)
