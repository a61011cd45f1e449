"""Which runs are still needed, in Dagster and here; deletes those that are not any more."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from sqlalchemy import Connection, delete, exists, func, select

from impler_pipelines.model import PageStatus, RunStatus
from impler_pipelines.store.runs.asked import ACTIVE
from impler_pipelines.store.tables import rejects, runs, webhook_pages

_AT_ONCE = 10_000  # runs that one call deletes at the most: no statement shall take minutes


def active_ids(connection: Connection) -> frozenset[str]:
    """The ids of Runs that are queued or running, and those of their Dagster runs."""
    rows = connection.execute(
        select(runs.c.id, runs.c.dagster_run_id).where(runs.c.status.in_(ACTIVE))
    )
    return frozenset(found for row in rows for found in row if found is not None)


def unchanged_dagster_runs(
    connection: Connection, dagster_run_ids: Collection[str]
) -> frozenset[str]:
    """Those of the Dagster runs whose Run ended as UNCHANGED."""
    query = select(runs.c.dagster_run_id).where(
        runs.c.dagster_run_id.in_(dagster_run_ids), runs.c.status == RunStatus.UNCHANGED
    )
    return frozenset(connection.scalars(query))


def sweep_rejects(connection: Connection, *, before: dt.datetime) -> int:
    """Delete the rejects of runs that ended before then; returns how many.

    Those of each import job's last load stay: they can be run again.
    """
    loads = select(func.max(runs.c.created_at), runs.c.import_job_id).where(
        runs.c.status == RunStatus.SUCCESS
    )
    newest = loads.group_by(runs.c.import_job_id).subquery()
    old = (
        select(runs.c.id)
        .outerjoin(
            newest,
            (newest.c.import_job_id == runs.c.import_job_id) & (newest.c[0] == runs.c.created_at),
        )
        .where(
            runs.c.ended_at < before,
            newest.c.import_job_id.is_(None),
            exists().where(rejects.c.run_id == runs.c.id),
        )
        .limit(_AT_ONCE)
    )
    return connection.execute(delete(rejects).where(rejects.c.run_id.in_(old))).rowcount


def sweep_runs(connection: Connection, *, before: dt.datetime) -> int:
    """Delete runs that ended before then, with their rejects and pages; returns how many.

    Each import job keeps its last run, and any that has pages waiting for a webhook.
    """
    later = runs.alias("later")
    waiting = exists().where(
        webhook_pages.c.run_id == runs.c.id, webhook_pages.c.status == PageStatus.WAITING
    )
    has_later = exists().where(
        later.c.import_job_id == runs.c.import_job_id, later.c.created_at > runs.c.created_at
    )
    old = list(
        connection.scalars(
            select(runs.c.id).where(runs.c.ended_at < before, ~waiting, has_later).limit(_AT_ONCE)
        )
    )
    for table in (rejects, webhook_pages):
        connection.execute(delete(table).where(table.c.run_id.in_(old)))
    return connection.execute(delete(runs).where(runs.c.id.in_(old))).rowcount
