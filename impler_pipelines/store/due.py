"""The decision of a schedule's tick: claim the run that is due, or say why there is none."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import Connection

from impler_pipelines.errors import NotFound
from impler_pipelines.model import ImportJob, ImportJobStatus, Run, Trigger
from impler_pipelines.store import runs
from impler_pipelines.store.due_times import move_next_run
from impler_pipelines.store.import_job_rows import read_row, to_import_job
from impler_pipelines.store.import_jobs.states import settle


@dataclass(frozen=True)
class Claim:
    """The Run that a tick launches, with its import job; or ``run`` None and the reason.

    The import job comes as it was before the claim, without its headings.
    """

    job: ImportJob | None
    run: Run | None
    reason: str = ""


def claim_due_run(connection: Connection, job_id: str, *, now: dt.datetime) -> Claim:
    """Claim the due run of an import job. Due means that ``next_run`` is not after ``now``.

    * one claim a due time, however many ticks ask: the Run is unique on (import job, due time),
      and ``next_run`` moves behind ``now`` in the same transaction
    * many due times missed in an outage are one run
    * a due time at ``ends_on`` or before is claimed even when the tick comes after the end
    * a run still queued or running is not doubled: the tick skips, ``next_run`` moves on
    """
    try:
        row = read_row(connection, job_id, lock=True)
    except NotFound:
        return Claim(None, None, "There is no such import job.")
    job = to_import_job(row)
    due = job.next_run
    if job.status is not ImportJobStatus.RUNNING:
        return Claim(job, None, f"The import job is {job.status}.")
    if due is None:
        return Claim(job, None, "No further run is due.")
    if due > now:
        return Claim(job, None, f"The next run is due at {due:%Y-%m-%d %H:%M:%S} UTC.")
    if job.ends_on is not None and job.ends_on < due:
        settle(connection, row, now=now)
        return Claim(job, None, f"It ended at {job.ends_on:%Y-%m-%d %H:%M} UTC.")
    run, reason = _enqueue(connection, job_id, due, now)
    moved = move_next_run(connection, row, after=now)
    if job.ends_on is not None and job.ends_on < now:  # that was the last due time
        settle(connection, moved, now=now)
    return Claim(job, run, reason)


def _enqueue(
    connection: Connection, job_id: str, due: dt.datetime, now: dt.datetime
) -> tuple[Run | None, str]:
    if runs.has_active_run(connection, job_id):
        return None, "A run is still queued or running."
    run = runs.enqueue_run(connection, job_id, trigger=Trigger.SCHEDULE, due_at=due, now=now)
    return run, "" if run else "This due time was claimed."
