"""Runs and their rejects: asked for, claimed at a due time, begun, finished, failed, cancelled.

A Run is the identity of a load; executions in Dagster are its attempts. Changes lock the import
job's row first and the Run's row second, always in that order.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, case, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from impler_pipelines.errors import NotFound, RunCancelled, StateConflict
from impler_pipelines.model import (
    FeedState,
    ImportJobStatus,
    LoadCounts,
    Reject,
    Run,
    RunStatus,
    Trigger,
)
from impler_pipelines.store.codec import CELL_ERRORS, FEED_STATE, encode
from impler_pipelines.store.engine import new_id
from impler_pipelines.store.tables import import_jobs, rejects, runs

ACTIVE = (RunStatus.QUEUED, RunStatus.RUNNING)
DONE = (RunStatus.SUCCESS, RunStatus.UNCHANGED)
HEARTBEAT_SECONDS = 15.0
DEAD_AFTER_SECONDS = 120.0
_REJECTS_A_STATEMENT = 1000


def enqueue_run(
    connection: Connection, job_id: str, *, trigger: Trigger, due_at: dt.datetime
) -> Run | None:
    """Ask for a run due at ``due_at``. None if one for that moment exists already."""
    run_id = connection.scalar(
        upsert(runs)
        .values(
            id=new_id(),
            import_job_id=job_id,
            status=RunStatus.QUEUED,
            trigger=trigger,
            due_at=due_at,
        )
        .on_conflict_do_nothing(index_elements=["import_job_id", "due_at"])
        .returning(runs.c.id)
    )
    return None if run_id is None else find_run(connection, run_id)


def run_now(connection: Connection, job_id: str, *, now: dt.datetime) -> Run:
    """Ask for a run by hand. One that is queued already is the answer; one running is waited for.

    Raises ``StateConflict`` unless the import job is mapped and not deleted.
    """
    status = _lock_job(connection, job_id)
    if status in (ImportJobStatus.MAPPING, ImportJobStatus.TERMINATED):
        raise StateConflict(
            f"An import job that is {status} can't run: map its required columns first."
            if status is ImportJobStatus.MAPPING
            else "A deleted import job can't run.",
            status=status,
        )
    queued = connection.execute(
        select(runs).where(runs.c.import_job_id == job_id, runs.c.status == RunStatus.QUEUED)
    ).first()
    if queued is not None:
        return _run(queued)
    run = enqueue_run(connection, job_id, trigger=Trigger.MANUAL, due_at=now)
    if run is None:
        raise StateConflict("A run was asked for at this very moment.", status=status)
    return run


def find_run(connection: Connection, run_id: str) -> Run | None:
    """One Run by its id, or None."""
    row = connection.execute(select(runs).where(runs.c.id == run_id)).one_or_none()
    return None if row is None else _run(row)


def find_run_of(connection: Connection, dagster_run_id: str) -> Run | None:
    """The Run that a Dagster run executes, or None."""
    row = connection.execute(
        select(runs).where(runs.c.dagster_run_id == dagster_run_id)
    ).one_or_none()
    return None if row is None else _run(row)


def get_run(connection: Connection, *, job_id: str, run_id: str) -> Run:
    """One Run of the import job. Raises ``NotFound``."""
    run = find_run(connection, run_id)
    if run is None or run.import_job_id != job_id:
        raise NotFound("run", run_id)
    return run


def list_runs(
    connection: Connection,
    *,
    job_id: str,
    limit: int,
    before: tuple[dt.datetime, str] | None = None,
) -> list[Run]:
    """The import job's history, newest first."""
    query = select(runs).where(runs.c.import_job_id == job_id).limit(limit)
    if before:
        created_at, identifier = before
        query = query.where(
            (runs.c.created_at < created_at)
            | ((runs.c.created_at == created_at) & (runs.c.id < identifier))
        )
    query = query.order_by(runs.c.created_at.desc(), runs.c.id.desc())
    return [_run(row) for row in connection.execute(query)]


def has_active_run(connection: Connection, job_id: str) -> bool:
    """Whether a run of the import job is queued or running."""
    query = select(runs.c.id).where(runs.c.import_job_id == job_id, runs.c.status.in_(ACTIVE))
    return connection.execute(query.limit(1)).first() is not None


def cancel_queued_runs(connection: Connection, job_id: str, *, now: dt.datetime) -> int:
    """Cancel what has not begun. The caller holds the import job's lock. Returns how many."""
    return connection.execute(
        update(runs)
        .where(runs.c.import_job_id == job_id, runs.c.status == RunStatus.QUEUED)
        .values(status=RunStatus.CANCELLED, ended_at=now)
    ).rowcount


def begin_attempt(
    connection: Connection,
    *,
    job_id: str,
    run_id: str | None,
    dagster_run_id: str,
    reexecution: bool,
    now: dt.datetime,
) -> Run:
    """Begin a Run, or join the one that this Dagster run has begun; makes one if there is none.

    * ``run_id`` None: started in the Dagster UI or by the command line, a Run of trigger MANUAL
    * a Run that is QUEUED, or has ended and is executed again, becomes RUNNING: one more attempt
    * a Run that is CANCELLED, or whose import job is deleted or (unless MANUAL) paused, must not
      start: ``RunCancelled``
    * a Run that is done, unless a person executes it again: ``RunCancelled``
    * another Run of the import job whose process is alive: ``StateConflict``
    """
    status = _lock_job(connection, job_id)
    run = _find_or_make(connection, job_id, run_id, dagster_run_id, now)
    if status is ImportJobStatus.TERMINATED:
        _end(connection, run.id, RunStatus.CANCELLED, now)
        raise RunCancelled("The import job was deleted.")
    if run.status is RunStatus.RUNNING and run.dagster_run_id == dagster_run_id:
        return run
    if run.status is RunStatus.CANCELLED:
        raise RunCancelled("The run was cancelled before it started.")
    if run.status in DONE and not reexecution:
        raise RunCancelled("The run was launched twice, and is done already.")
    if status is not ImportJobStatus.RUNNING and run.trigger is Trigger.SCHEDULE:
        _end(connection, run.id, RunStatus.CANCELLED, now)
        raise RunCancelled(f"The import job is {status}.")
    _refuse_second_run(connection, job_id, run.id, dagster_run_id, now)
    connection.execute(
        update(runs)
        .where(runs.c.id == run.id)
        .values(
            status=RunStatus.RUNNING,
            dagster_run_id=dagster_run_id,
            started_at=func.coalesce(runs.c.started_at, now),
            ended_at=None,
            heartbeat_at=now,
            attempts=runs.c.attempts + 1,
            error=None,
        )
    )
    return get_run(connection, job_id=job_id, run_id=run.id)


def beat(connection: Connection, run_id: str, *, now: dt.datetime) -> None:
    """Say that the run's process is alive."""
    connection.execute(update(runs).where(runs.c.id == run_id).values(heartbeat_at=now))


def note_progress(connection: Connection, run_id: str, values: Mapping[str, Any]) -> None:
    """Record what an op has found out: ``http_status``, ``bytes``, ``records``, ``warnings``."""
    connection.execute(update(runs).where(runs.c.id == run_id).values(**values))


def refuse_if_unwanted(connection: Connection, *, job_id: str, run_id: str) -> None:
    """Raise ``RunCancelled`` unless the Run may still load. Locks, so a delete waits or wins."""
    status = _lock_job(connection, job_id)
    run = get_run(connection, job_id=job_id, run_id=run_id)
    if status is ImportJobStatus.TERMINATED:
        raise RunCancelled("The import job was deleted.")
    if run.status is not RunStatus.RUNNING:
        raise RunCancelled(f"The run is {run.status}.")


def record_load(
    connection: Connection,
    *,
    job_id: str,
    run_id: str,
    counts: LoadCounts,
    totals: Mapping[str, int],
    feed_state: FeedState,
    now: dt.datetime,
) -> None:
    """End a Run as SUCCESS: what was loaded, and what was read with it, in one transaction.

    ``totals`` holds ``records``, ``filtered``, ``valid`` and ``invalid``.
    """
    refuse_if_unwanted(connection, job_id=job_id, run_id=run_id)
    _end(connection, run_id, RunStatus.SUCCESS, now, **asdict(counts), **totals)
    _note_success(
        connection,
        job_id,
        now,
        feed_state=encode(FEED_STATE, feed_state),
        total_records=totals["records"],
        valid_records=totals["valid"],
        invalid_records=totals["invalid"],
    )


def record_unchanged(
    connection: Connection, *, job_id: str, run_id: str, feed_state: FeedState, now: dt.datetime
) -> None:
    """End a Run as UNCHANGED: the feed is the one that was loaded last."""
    refuse_if_unwanted(connection, job_id=job_id, run_id=run_id)
    _end(connection, run_id, RunStatus.UNCHANGED, now)
    _note_success(connection, job_id, now, feed_state=encode(FEED_STATE, feed_state))


def fail_run(
    connection: Connection,
    run_id: str,
    *,
    error: str,
    now: dt.datetime,
    dagster_run_id: str | None = None,
) -> bool:
    """End an active Run as FAILED and tell its import job. False if it had ended already.

    With ``dagster_run_id``, only if that Dagster run is the one that executes it.
    """
    run = find_run(connection, run_id)
    if run is None or dagster_run_id not in (None, run.dagster_run_id):
        return False
    _lock_job(connection, run.import_job_id)
    failed = connection.execute(
        update(runs)
        .where(runs.c.id == run_id, runs.c.status.in_(ACTIVE))
        .values(status=RunStatus.FAILED, ended_at=now, error=error)
    ).rowcount
    if failed:
        connection.execute(
            update(import_jobs)
            .where(import_jobs.c.id == run.import_job_id)
            .values(
                last_error=error,
                last_run=now,
                consecutive_failures=import_jobs.c.consecutive_failures + 1,
            )
        )
    return bool(failed)


def cancel_run(connection: Connection, run_id: str, *, reason: str, now: dt.datetime) -> bool:
    """End an active Run as CANCELLED. False if it had ended already."""
    run = find_run(connection, run_id)
    if run is None:
        return False
    _lock_job(connection, run.import_job_id)
    return bool(
        connection.execute(
            update(runs)
            .where(runs.c.id == run_id, runs.c.status.in_(ACTIVE))
            .values(status=RunStatus.CANCELLED, ended_at=now, error=reason)
        ).rowcount
    )


def replace_rejects(connection: Connection, run_id: str, found: Iterable[Reject]) -> None:
    """Store a Run's rejects in place of those of an earlier attempt."""
    connection.execute(rejects.delete().where(rejects.c.run_id == run_id))
    batch: list[dict[str, Any]] = []
    for reject in found:
        batch.append(
            {
                "run_id": run_id,
                "index": reject.index,
                "record": reject.record,
                "errors": encode(CELL_ERRORS, reject.errors),
            }
        )
        if len(batch) == _REJECTS_A_STATEMENT:
            connection.execute(insert(rejects), batch)
            batch = []
    if batch:
        connection.execute(insert(rejects), batch)


def list_rejects(
    connection: Connection, run_id: str, *, limit: int | None = None, after: int | None = None
) -> list[Reject]:
    """A Run's rejects in the feed's order, from the one behind index ``after``."""
    query = select(rejects.c.index.label("place"), rejects.c.record, rejects.c.errors)
    query = query.where(rejects.c.run_id == run_id).order_by(rejects.c.index)
    if after is not None:
        query = query.where(rejects.c.index > after)
    if limit is not None:
        query = query.limit(limit)
    return [
        Reject(row.place, row.record, CELL_ERRORS.validate_python(row.errors))
        for row in connection.execute(query)
    ]


def reject_fields(connection: Connection, run_id: str) -> list[str]:
    """The names that occur in the records of a Run's rejects, in alphabetical order."""
    name = func.jsonb_object_keys(rejects.c.record).label("name")
    query = select(name).where(rejects.c.run_id == run_id).distinct().order_by(name)
    return list(connection.scalars(query))


def count_runs(connection: Connection) -> dict[str, int]:
    """How many runs there are by status, for metrics."""
    query = select(runs.c.status, func.count().label("number")).group_by(runs.c.status)
    return {row.status: row.number for row in connection.execute(query)}


def _lock_job(connection: Connection, job_id: str) -> ImportJobStatus:
    status = connection.scalar(
        select(import_jobs.c.status).where(import_jobs.c.id == job_id).with_for_update()
    )
    if status is None:
        raise NotFound("import job", job_id)
    return ImportJobStatus(status)


def _find_or_make(
    connection: Connection, job_id: str, run_id: str | None, dagster_run_id: str, now: dt.datetime
) -> Run:
    if run_id is not None:
        return get_run(connection, job_id=job_id, run_id=run_id)
    known = find_run_of(connection, dagster_run_id)
    if known is not None:
        return known
    made = enqueue_run(connection, job_id, trigger=Trigger.MANUAL, due_at=now)
    if made is None:
        raise StateConflict("A run was asked for at this very moment.")
    return made


def _refuse_second_run(
    connection: Connection, job_id: str, run_id: str, dagster_run_id: str, now: dt.datetime
) -> None:
    """One run at a time: while a process of this import job is alive, no other may start."""
    alive = connection.execute(
        select(runs.c.id).where(
            runs.c.import_job_id == job_id,
            runs.c.status == RunStatus.RUNNING,
            runs.c.dagster_run_id != dagster_run_id,
            runs.c.heartbeat_at > now - dt.timedelta(seconds=DEAD_AFTER_SECONDS),
        )
    ).first()
    if alive is None:
        return
    raise StateConflict(
        f"Run {alive.id} of this import job is still running."
        if alive.id != run_id
        else "Another attempt of this run is still running."
    )


def _end(
    connection: Connection, run_id: str, status: RunStatus, now: dt.datetime, **values: object
) -> None:
    connection.execute(
        update(runs).where(runs.c.id == run_id).values(status=status, ended_at=now, **values)
    )


def _note_success(connection: Connection, job_id: str, now: dt.datetime, **values: object) -> None:
    connection.execute(
        update(import_jobs)
        .where(import_jobs.c.id == job_id)
        .values(
            last_run=now,
            consecutive_failures=0,
            # An import job that went back to MAPPING meanwhile keeps the word that says why.
            last_error=case(
                (import_jobs.c.status == ImportJobStatus.MAPPING, import_jobs.c.last_error),
                else_=None,
            ),
            **values,
        )
    )


def _run(row: Row[Any]) -> Run:
    values = row._asdict()
    values.pop("heartbeat_at")
    return Run(
        **{
            **values,
            "status": RunStatus(row.status),
            "trigger": Trigger(row.trigger),
            "warnings": tuple(row.warnings),
        }
    )
