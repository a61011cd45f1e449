"""The decision of a schedule's tick: claim the run that is due, or say why there is none."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import Connection, update

from impler_pipelines.errors import NotFound
from impler_pipelines.model import ImportJob, ImportJobStatus, Run, Trigger
from impler_pipelines.scheduling import next_run
from impler_pipelines.store import runs
from impler_pipelines.store.import_jobs import lock_import_job, settle, timing_of
from impler_pipelines.store.tables import import_jobs


@dataclass(frozen=True)
class Claim:
    """The Run that a tick launches, with its import job; or ``run`` None and the reason."""

    job: ImportJob | None
    run: Run | None
    reason: str = ""


def claim_due_run(connection: Connection, job_id: str, *, now: dt.datetime) -> Claim:
    """Claim the due run of an import job. Due means that ``next_run`` is not after ``now``.

    * one claim a due time, however many ticks ask: the Run is unique on (import job, due time),
      and ``next_run`` moves behind ``now`` in the same transaction
    * many due times missed in an outage are one run
    * a run still queued or running is not doubled: the tick skips, ``next_run`` moves on
    """
    try:
        job = lock_import_job(connection, job_id)
    except NotFound:
        return Claim(None, None, "There is no such import job.")
    reason = _not_due(job, now)
    if reason is None and job.ends_on is not None and job.ends_on < _due(job):
        settle(connection, job_id, now=now)
        reason = f"It ended at {job.ends_on:%Y-%m-%d %H:%M} UTC."
    if reason is not None:
        return Claim(job, None, reason)
    busy = runs.has_active_run(connection, job_id)
    run = (
        None
        if busy
        else runs.enqueue_run(connection, job_id, trigger=Trigger.SCHEDULE, due_at=_due(job))
    )
    connection.execute(
        update(import_jobs)
        .where(import_jobs.c.id == job_id)
        .values(next_run=next_run(timing_of(job), now))
    )
    if run is None:
        reason = "A run is still queued or running." if busy else "This due time was claimed."
        return Claim(job, None, reason)
    return Claim(job, run)


def _due(job: ImportJob) -> dt.datetime:
    if job.next_run is None:
        raise ValueError(f"import job {job.id} has no next run")
    return job.next_run


def _not_due(job: ImportJob, now: dt.datetime) -> str | None:
    if job.status is not ImportJobStatus.RUNNING:
        return f"The import job is {job.status}."
    if job.next_run is None:
        return "No further run is due."
    if job.next_run > now:
        return f"The next run is due at {job.next_run:%Y-%m-%d %H:%M:%S} UTC."
    return None
