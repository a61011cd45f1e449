"""How a Run ends: loaded, unchanged, failed or cancelled, and what its import job learns of it.

Also how it is given back when its process was lost: that is no ending.

Every ending locks the import job's row first, so that a delete comes wholly before it or wholly
after.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from sqlalchemy import ColumnElement, Connection, case, cast, or_, update
from sqlalchemy.dialects.postgresql import JSONB

from impler_pipelines.errors import Cause, RunCancelled
from impler_pipelines.model import FeedState, ImportJobStatus, LoadCounts, Run, RunStatus
from impler_pipelines.store.codec import FEED_STATE, encode, storable
from impler_pipelines.store.failing import note_failure, note_recovery
from impler_pipelines.store.runs.asked import (
    ACTIVE,
    find_run,
    get_run,
    lock_status,
    may_begin,
)
from impler_pipelines.store.runs.telling import tell_ended, tell_given_back
from impler_pipelines.store.tables import import_jobs, runs


def refuse_if_unwanted(
    connection: Connection, *, job_id: str, run_id: str, dagster_run_id: str
) -> Run:
    """The Run, locked with its import job, so that a delete waits or wins.

    Raises ``RunCancelled`` unless this attempt may still load.

    A process that was stopped so long that it counted as dead finds that another has taken over.
    """
    status = lock_status(connection, job_id)
    run = get_run(connection, job_id=job_id, run_id=run_id)
    if status is ImportJobStatus.TERMINATED:
        raise RunCancelled("The import job was deleted.")
    if run.status is not RunStatus.RUNNING:
        raise RunCancelled(f"The run is {run.status}.")
    if run.dagster_run_id != dagster_run_id:
        raise RunCancelled("Another process has taken the run over.")
    return run


def begin_load(connection: Connection, *, job_id: str, run_id: str, dagster_run_id: str) -> None:
    """Forget what was read last: from here until ``record_load`` destinations may hold either.

    A load that fails, or whose process dies, so makes the next fetch unconditional. Raises
    ``RunCancelled`` as ``refuse_if_unwanted`` does.
    """
    refuse_if_unwanted(connection, job_id=job_id, run_id=run_id, dagster_run_id=dagster_run_id)
    nothing = encode(FEED_STATE, FeedState())
    connection.execute(
        update(import_jobs).where(import_jobs.c.id == job_id).values(feed_state=nothing)
    )


def record_load(
    connection: Connection,
    *,
    job_id: str,
    run_id: str,
    dagster_run_id: str,
    counts: LoadCounts,
    totals: Mapping[str, int],
    feed_state: FeedState,
    now: dt.datetime,
    warnings: Sequence[str] = (),
) -> None:
    """End a Run as SUCCESS: what was loaded, and what was read with it, in one transaction.

    ``totals`` holds ``records``, ``filtered``, ``valid`` and ``invalid``; ``warnings`` are added
    to those that the Run has. Raises ``RunCancelled`` as ``refuse_if_unwanted`` does.
    """
    run = refuse_if_unwanted(
        connection, job_id=job_id, run_id=run_id, dagster_run_id=dagster_run_id
    )
    more = runs.c.warnings.op("||")(cast(storable(list(warnings)), JSONB))
    _end(connection, run_id, RunStatus.SUCCESS, now, **asdict(counts), **totals, warnings=more)
    _note_success(
        connection,
        run,
        now,
        feed_state=encode(FEED_STATE, feed_state),
        total_records=totals["records"],
        valid_records=totals["valid"],
        invalid_records=totals["invalid"],
    )


def record_unchanged(
    connection: Connection,
    *,
    job_id: str,
    run_id: str,
    dagster_run_id: str,
    feed_state: FeedState,
    now: dt.datetime,
) -> None:
    """End a Run as UNCHANGED: the feed is the one that was loaded last."""
    run = refuse_if_unwanted(
        connection, job_id=job_id, run_id=run_id, dagster_run_id=dagster_run_id
    )
    _end(connection, run_id, RunStatus.UNCHANGED, now, records=None)
    _note_success(connection, run, now, feed_state=encode(FEED_STATE, feed_state))


def fail_run(
    connection: Connection,
    run_id: str,
    *,
    error: str,
    now: dt.datetime,
    dagster_run_id: str | None = None,
    internal: bool = False,
    cause: Cause | None = None,
) -> bool:
    """End an active Run as FAILED and tell its import job. False if it had ended already.

    With ``dagster_run_id``, not if another Dagster run is executing it. ``internal``: the error is
    for the host app and its operators, and not for its users. ``cause``: what is wrong with the
    feed, where that is it.
    """
    job_id = _lock_job_of(connection, run_id)
    if job_id is None:
        return False
    words = storable(error)
    failed = connection.execute(
        update(runs)
        .where(*_active(run_id, dagster_run_id))
        .values(
            status=RunStatus.FAILED,
            ended_at=now,
            error=words,
            error_internal=internal,
            error_cause=cause,
        )
    ).rowcount
    if failed:
        connection.execute(
            update(import_jobs)
            .where(import_jobs.c.id == job_id)
            .values(
                last_error=words,
                last_error_internal=internal,
                last_error_cause=cause,
                last_run=now,
                consecutive_failures=import_jobs.c.consecutive_failures + 1,
            )
        )
        note_failure(connection, job_id, run_id, now=now)
        _tell(connection, run_id)
    return bool(failed)


def give_back(
    connection: Connection, run_id: str, *, dagster_run_id: str | None, now: dt.datetime
) -> bool:
    """Queue a Run again whose process was lost, to be launched anew. False if it is not queued.

    * what its attempts have counted stays; not if another Dagster run is executing it
    * one that has ended stays as it ended
    * one that may not begin any more, since its import job was paused, say, while it ran, is
      cancelled: had it been queued then, it would be already
    """
    run = find_run(connection, run_id)
    if run is None:
        return False
    status = lock_status(connection, run.import_job_id)
    if not may_begin(status, run.trigger):
        cancel_run(
            connection,
            run_id,
            reason=f"The run's process was lost, and the import job is {status} meanwhile.",
            now=now,
            dagster_run_id=dagster_run_id,
        )
        return False
    given_back = connection.execute(
        update(runs)
        .where(*_active(run_id, dagster_run_id))
        .values(status=RunStatus.QUEUED, dagster_run_id=None, heartbeat_at=None)
    ).rowcount
    run = find_run(connection, run_id) if given_back else None
    if run is not None:
        tell_given_back(run)
    return bool(given_back)


def cancel_run(
    connection: Connection,
    run_id: str,
    *,
    reason: str,
    now: dt.datetime,
    dagster_run_id: str | None = None,
    begun: bool = False,
) -> bool:
    """End an active Run as CANCELLED. False if it had ended already.

    With ``dagster_run_id``, not if another Dagster run is executing it; with ``begun`` nor if it
    was queued again, since the attempt that had begun it counts as lost.
    """
    _lock_job_of(connection, run_id)
    only = [runs.c.status == RunStatus.RUNNING] if begun else []
    cancelled = connection.execute(
        update(runs)
        .where(*_active(run_id, dagster_run_id), *only)
        .values(status=RunStatus.CANCELLED, ended_at=now, error=storable(reason))
    ).rowcount
    if cancelled:
        _tell(connection, run_id)
    return bool(cancelled)


def _active(run_id: str, dagster_run_id: str | None) -> list[ColumnElement[bool]]:
    where = [runs.c.id == run_id, runs.c.status.in_(ACTIVE)]
    if dagster_run_id is not None:
        queued = runs.c.status == RunStatus.QUEUED
        where.append(or_(queued, runs.c.dagster_run_id == dagster_run_id))
    return where


def _lock_job_of(connection: Connection, run_id: str) -> str | None:
    run = find_run(connection, run_id)
    if run is None:
        return None
    lock_status(connection, run.import_job_id)
    return run.import_job_id


def _end(
    connection: Connection, run_id: str, status: RunStatus, now: dt.datetime, **values: object
) -> None:
    connection.execute(
        update(runs).where(runs.c.id == run_id).values(status=status, ended_at=now, **values)
    )
    _tell(connection, run_id)


def _tell(connection: Connection, run_id: str) -> None:
    ended = find_run(connection, run_id)
    if ended is not None:
        tell_ended(connection, ended)


def _note_success(connection: Connection, run: Run, now: dt.datetime, **values: object) -> None:
    # What fetched nothing says nothing of a feed that keeps failing.
    looked = run.rejects_of is None
    healthy = {
        "consecutive_failures": 0,
        # An import job that went back to MAPPING meanwhile keeps the word that says why.
        "last_error": case(
            (import_jobs.c.status == ImportJobStatus.MAPPING, import_jobs.c.last_error),
            else_=None,
        ),
    }
    failing_since = connection.scalar(
        update(import_jobs)
        .where(import_jobs.c.id == run.import_job_id)
        .values(
            last_run=now,
            # A file is imported once; a feed goes on.
            status=case(
                (
                    import_jobs.c.upload.is_not(None)
                    & (import_jobs.c.status == ImportJobStatus.RUNNING),
                    ImportJobStatus.COMPLETED,
                ),
                else_=import_jobs.c.status,
            ),
            **(healthy if looked else {}),
            **values,
        )
        .returning(import_jobs.c.failing_since)
    )
    if looked and failing_since is not None:
        note_recovery(connection, run.import_job_id, run.id, now=now)
