"""The next due time of an import job: moved on, postponed, found overdue. It asks for no run.

Callers that move it hold the import job's lock.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Connection, Row, select

from impler_pipelines.model import ImportJobStatus
from impler_pipelines.scheduling import Timing, next_run, timing_of
from impler_pipelines.store.codec import INTERVAL
from impler_pipelines.store.import_job_rows import read_row, write_row
from impler_pipelines.store.tables import import_jobs

_MOMENT = dt.timedelta(microseconds=1)


def timing_of_row(row: Row[Any]) -> Timing | None:
    """When the import job of a row with its timing's columns is due; None before it has one."""
    return timing_of(
        row.id,
        interval=INTERVAL.validate_python(row.interval),
        cron=row.cron,
        timezone=row.timezone,
        ends_on=row.ends_on,
    )


def move_next_run(connection: Connection, row: Row[Any], *, after: dt.datetime) -> Row[Any]:
    """Let the next run of a locked row be the schedule's first after ``after``, or none past the
    end; returns the row as it is then."""
    timing = timing_of_row(row)
    return write_row(connection, row, next_run=None if timing is None else next_run(timing, after))


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
