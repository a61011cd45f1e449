"""Runs under way or failed, as people control them: cancelled, and tried again. It starts none."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Connection, func, update

from impler_pipelines.errors import StateConflict
from impler_pipelines.model import Run, RunStatus
from impler_pipelines.store.runs.asked import (
    get_run,
    has_active_run,
    has_begun_since,
    lock_status,
    may_begin,
    upload_as_mapped,
)
from impler_pipelines.store.runs.endings import cancel_run
from impler_pipelines.store.runs.telling import audit_run, tell_asked
from impler_pipelines.store.tables import import_jobs, runs


def cancel_by_request(connection: Connection, run: Run, *, now: dt.datetime) -> Run:
    """Cancel a Run that is queued or under way; one that is cancelled already stays so.

    A process at work on it stops between two batches, and its load is rolled back. Raises
    ``StateConflict`` once the Run has ended in another way.
    """
    reason = "Cancelled by request."
    if not cancel_run(connection, run.id, reason=reason, now=now):
        run = get_run(connection, job_id=run.import_job_id, run_id=run.id)
        if run.status is not RunStatus.CANCELLED:
            raise StateConflict(
                f"This run has ended ({run.status}): there is nothing to cancel.",
                status=run.status,
            )
        return run
    audit_run(connection, "run.cancelled", run)
    return get_run(connection, job_id=run.import_job_id, run_id=run.id)


def retry_failed(connection: Connection, run: Run) -> Run:
    """Queue a failed Run again, to go on from the op that failed.

    Raises ``StateConflict`` unless it failed, its import job's state lets it begin, and no other
    run has looked at the feed since: what it fetched may be older than the rows.
    """
    status = lock_status(connection, run.import_job_id)
    run = get_run(connection, job_id=run.import_job_id, run_id=run.id)
    if run.status is not RunStatus.FAILED:
        raise StateConflict(
            f"Only a failed run can be tried again; this one is {run.status}.", status=run.status
        )
    if not may_begin(status, run.trigger):
        raise StateConflict(
            f"A run of an import job that is {status} can't be tried again.", status=status
        )
    if has_active_run(connection, run.import_job_id):
        raise StateConflict("A run of this import job is queued or running: wait for its end.")
    if has_begun_since(connection, run):
        raise StateConflict(
            "Another run has looked at the feed since: run the import job now instead.",
            status=run.status,
        )
    connection.execute(
        update(runs)
        .where(runs.c.id == run.id)
        .values(
            status=RunStatus.QUEUED,
            ended_at=None,
            heartbeat_at=None,
            dagster_run_id=None,
            retried_after=runs.c.attempts,
            # As it is mapped now, unless another file has come since.
            upload=func.coalesce(
                upload_as_mapped(
                    import_jobs.c.id == run.import_job_id,
                    import_jobs.c.upload["path"] == runs.c.upload["path"],
                ),
                runs.c.upload,
            ),
        )
    )
    # It counts as one failed run at the most, however often it is tried.
    connection.execute(
        update(import_jobs)
        .where(import_jobs.c.id == run.import_job_id)
        .values(consecutive_failures=func.greatest(import_jobs.c.consecutive_failures - 1, 0))
    )
    again = get_run(connection, job_id=run.import_job_id, run_id=run.id)
    tell_asked(again)
    audit_run(connection, "run.retried", again)
    return again
