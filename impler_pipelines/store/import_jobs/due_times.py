"""The next due time of an import job: moved on, postponed, found overdue. It asks for no run."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Connection, Row, select, update

from impler_pipelines.model import ImportJobStatus
from impler_pipelines.scheduling import next_run
from impler_pipelines.store.import_jobs.rows import read_row, timing_of_row
from impler_pipelines.store.tables import import_jobs

_MOMENT = dt.timedelta(microseconds=1)


def move_next_run(connection: Connection, row: Row[Any], *, after: dt.datetime) -> None:
    """Let the next run be the schedule's first after ``after``, or none past the end."""
    timing = timing_of_row(row)
    connection.execute(
        update(import_jobs)
        .where(import_jobs.c.id == row.id)
        .values(next_run=None if timing is None else next_run(timing, after))
    )


def postpone(connection: Connection, job_id: str, *, until: dt.datetime) -> None:
    """Let the next run be the first of the schedule that is not before ``until``.

    For a source that wants to be left alone for a while. It never moves a run forward.
    """
    row = read_row(connection, job_id, lock=True)
    if row.next_run is not None and row.next_run < until:
        move_next_run(connection, row, after=until - _MOMENT)


def overdue_import_jobs(connection: Connection, *, before: dt.datetime) -> list[str]:
    """Ids of running import jobs whose due time has passed without a tick that claimed it."""
    query = select(import_jobs.c.id).where(
        import_jobs.c.status == ImportJobStatus.RUNNING, import_jobs.c.next_run < before
    )
    return list(connection.scalars(query.order_by(import_jobs.c.next_run)))
