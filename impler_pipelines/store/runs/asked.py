"""Runs as they are asked for, read and cancelled. What an attempt does is for ``attempts``.

A Run is the identity of a load; executions in Dagster are its attempts. Changes lock the import
job's row first and the Run's row second, always in that order.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, ScalarSelect, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from impler_pipelines import logs
from impler_pipelines.errors import NotFound, StateConflict
from impler_pipelines.model import ImportJobStatus, Run, RunStatus, Trigger
from impler_pipelines.store.codec import UPLOAD, encode
from impler_pipelines.store.engine import new_id
from impler_pipelines.store.runs.telling import audit_run, tell_asked, tell_ended
from impler_pipelines.store.tables import import_jobs, runs

ACTIVE = (RunStatus.QUEUED, RunStatus.RUNNING)


def enqueue_run(
    connection: Connection,
    job_id: str,
    *,
    trigger: Trigger,
    due_at: dt.datetime,
    now: dt.datetime,
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
            created_at=now,
            request_id=logs.bound_value("request_id"),
            asked_by=None if trigger is Trigger.SCHEDULE else logs.bound_value("by"),
            access_key_id=logs.bound_value("access_key_id"),
            upload=upload_as_mapped(import_jobs.c.id == job_id),
        )
        .on_conflict_do_nothing(index_elements=["import_job_id", "due_at"])
        .returning(runs.c.id)
    )
    run = None if run_id is None else find_run(connection, run_id)
    if run is not None:
        tell_asked(run)
    return run


def upload_as_mapped(*where: ColumnElement[bool]) -> ScalarSelect[Any]:
    """The file of an import job, with its mapping for a run to keep; null for a feed."""
    mappings = func.jsonb_build_object("mappings", import_jobs.c.mappings)
    return select(import_jobs.c.upload.concat(mappings)).where(*where).scalar_subquery()


def run_now(connection: Connection, job_id: str, *, now: dt.datetime) -> Run:
    """Ask for a run by hand. One that is queued already is the answer; one running is waited for.

    Raises ``StateConflict`` unless the import job is mapped and not deleted.
    """
    run, is_new = _queued_or_new(connection, job_id, now=now)
    if is_new:
        audit_run(connection, "run.asked", run)
    return run


def _queued_or_new(connection: Connection, job_id: str, *, now: dt.datetime) -> tuple[Run, bool]:
    status = lock_status(connection, job_id)
    if status in (ImportJobStatus.MAPPING, ImportJobStatus.TERMINATED):
        raise StateConflict(
            f"An import job that is {status} can't run: map its required columns first."
            if status is ImportJobStatus.MAPPING
            else "A deleted import job can't run.",
            status=status,
        )
    queued = connection.execute(
        select(runs).where(
            runs.c.import_job_id == job_id,
            runs.c.status == RunStatus.QUEUED,
            runs.c.rejects_of.is_(None),  # a part of a feed is not what is asked for
        )
    ).first()
    if queued is not None:
        # Whoever asks now wants the feed as it is now, not what a failed attempt had fetched.
        anew = update(runs).where(runs.c.id == queued.id).values(retried_after=None)
        return _run(connection.execute(anew.returning(runs)).one()), False
    return ask_for_run(connection, job_id, trigger=Trigger.MANUAL, now=now), True


def confirm_deletions(connection: Connection, run: Run, *, now: dt.datetime) -> Run:
    """Ask for a run that may delete as many rows as ``run`` was stopped from deleting.

    One that is queued already is let do so. Raises ``StateConflict`` unless ``run`` was stopped for
    that, and is the last one that looked at the feed.
    """
    if run.deletions_held is None:
        raise StateConflict(
            "This run was not stopped from deleting rows: there is nothing to confirm.",
            status=run.status,
        )
    lock_status(connection, run.import_job_id)
    if has_begun_since(connection, run):
        raise StateConflict(
            "Another run has looked at the feed since: confirm what the last one was stopped for,"
            " if it was.",
            status=run.status,
        )
    new, _ = _queued_or_new(connection, run.import_job_id, now=now)
    connection.execute(
        update(runs).where(runs.c.id == new.id).values(deletions_confirmed=run.deletions_held)
    )
    audit_run(
        connection,
        "run.deletions_confirmed",
        new,
        stopped_run_id=run.id,
        deletions=run.deletions_held,
    )
    return replace(new, deletions_confirmed=run.deletions_held)


def retry_rejects(connection: Connection, run: Run, *, now: dt.datetime) -> Run:
    """Ask for a run of the records alone that ``run`` rejected, as the import job is mapped now.

    Raises ``StateConflict`` unless it is the last one that loaded and has rejects: after a later
    load its records may be older than the rows.
    """
    status = lock_status(connection, run.import_job_id)
    if status in (ImportJobStatus.MAPPING, ImportJobStatus.TERMINATED):
        raise StateConflict(f"An import job that is {status} can't run.", status=status)
    if run.status is not RunStatus.SUCCESS or not run.invalid:
        raise StateConflict("This run has no rejects to run again.", status=run.status)
    newest = connection.scalar(
        select(runs.c.id)
        .where(runs.c.import_job_id == run.import_job_id, runs.c.status == RunStatus.SUCCESS)
        .order_by(runs.c.created_at.desc(), runs.c.id.desc())
        .limit(1)
    )
    if newest != run.id:
        raise StateConflict(
            "The feed was loaded again since: run the rejects of the last load again.",
            status=run.status,
        )
    if has_active_run(connection, run.import_job_id):
        raise StateConflict("A run of this import job is queued or running: wait for its end.")
    new = ask_for_run(connection, run.import_job_id, trigger=Trigger.MANUAL, now=now)
    connection.execute(
        update(runs).where(runs.c.id == new.id).values(rejects_of=run.id, upload=_upload_of(run))
    )
    audit_run(connection, "run.rejects_retried", new, rejects_of=run.id, rejects=run.invalid)
    return replace(new, rejects_of=run.id, upload=run.upload)


def _upload_of(run: Run) -> object:
    return None if run.upload is None else encode(UPLOAD, run.upload)


def ask_for_run(connection: Connection, job_id: str, *, trigger: Trigger, now: dt.datetime) -> Run:
    """A new run that is due now. The caller holds the import job's lock."""
    due_at = now
    while True:  # another run can be due at this very moment
        run = enqueue_run(connection, job_id, trigger=trigger, due_at=due_at, now=now)
        if run is not None:
            return run
        due_at += dt.timedelta(microseconds=1)


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


def has_begun_since(connection: Connection, run: Run) -> bool:
    """Whether another run of the import job has begun or ended since: it may have loaded a newer
    feed, cancelled or not."""
    since = runs.c.created_at > run.created_at
    if run.ended_at is not None:  # an earlier one may have been executed again
        since = or_(since, runs.c.ended_at > run.ended_at)
    query = select(runs.c.id).where(
        runs.c.import_job_id == run.import_job_id,
        runs.c.id != run.id,
        runs.c.started_at.is_not(None),
        since,
    )
    return connection.execute(query.limit(1)).first() is not None


def has_active_run(connection: Connection, job_id: str) -> bool:
    """Whether a run of the import job is queued or running."""
    query = select(runs.c.id).where(runs.c.import_job_id == job_id, runs.c.status.in_(ACTIVE))
    return connection.execute(query.limit(1)).first() is not None


def cancel_queued_runs(
    connection: Connection,
    job_id: str,
    *,
    reason: str,
    now: dt.datetime,
    trigger: Trigger | None = None,
) -> int:
    """Cancel what has not begun, of one trigger or any. The caller holds the import job's lock."""
    where = [runs.c.import_job_id == job_id, runs.c.status == RunStatus.QUEUED]
    if trigger is not None:
        where.append(runs.c.trigger == trigger)
    return _cancel(connection, where, reason, now)


def cancel_active_runs(
    connection: Connection, job_id: str, *, reason: str, now: dt.datetime
) -> int:
    """Cancel what is queued or under way. The caller holds the import job's lock."""
    where = [runs.c.import_job_id == job_id, runs.c.status.in_(ACTIVE)]
    return _cancel(connection, where, reason, now)


def may_begin(status: ImportJobStatus, trigger: Trigger) -> bool:
    """Whether a Run of that trigger may begin, as far as its import job's state goes.

    COMPLETED is no reason against it: the run was due before the end, and begins after it.
    """
    if status in (ImportJobStatus.MAPPING, ImportJobStatus.TERMINATED):
        return False
    paused = status is ImportJobStatus.PAUSED and trigger is not Trigger.MANUAL
    unscheduled = status is ImportJobStatus.SCHEDULING and trigger is Trigger.SCHEDULE
    return not paused and not unscheduled


def lock_status(connection: Connection, job_id: str) -> ImportJobStatus:
    """The import job's state, its row locked. Raises ``NotFound``."""
    status = connection.scalar(
        select(import_jobs.c.status).where(import_jobs.c.id == job_id).with_for_update()
    )
    if status is None:
        raise NotFound("import job", job_id)
    return ImportJobStatus(status)


def _cancel(
    connection: Connection, where: list[ColumnElement[bool]], reason: str, now: dt.datetime
) -> int:
    ended = connection.execute(
        update(runs)
        .where(*where)
        .values(status=RunStatus.CANCELLED, ended_at=now, error=reason)
        .returning(runs)
    ).all()
    for row in ended:
        tell_ended(connection, _run(row))
    return len(ended)


def _run(row: Row[Any]) -> Run:
    values = row._asdict()
    values.pop("heartbeat_at")
    return Run(
        **{
            **values,
            "status": RunStatus(row.status),
            "trigger": Trigger(row.trigger),
            "error_cause": row.error_cause if row.error is not None else None,
            "warnings": tuple(row.warnings),
            "upload": UPLOAD.validate_python(row.upload) if row.upload else None,
        }
    )
