"""Attempts at a Run: begun, or refused, and kept alive. A Dagster run is one attempt."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select, update

from impler_pipelines import logs
from impler_pipelines.errors import RunCancelled, StateConflict
from impler_pipelines.model import ImportJobStatus, Run, RunStatus, Trigger
from impler_pipelines.store.codec import storable
from impler_pipelines.store.runs.asked import (
    ask_for_run,
    find_run_of,
    get_run,
    lock_status,
    may_begin,
)
from impler_pipelines.store.runs.telling import audit_run, tell_begun
from impler_pipelines.store.tables import runs
from impler_pipelines.store.tallies import Tally, add_tallies

DONE = (RunStatus.SUCCESS, RunStatus.UNCHANGED)
HEARTBEAT_SECONDS = 5.0
DEAD_AFTER_SECONDS = 120.0

# What only a load finds out; an earlier attempt's numbers say nothing about the one that begins.
_FOUND_BY_LOADING = (
    "deletions_held",
    "filtered",
    "valid",
    "invalid",
    "inserted",
    "updated",
    "unchanged",
    "deleted",
)


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
    * ``reexecution`` (it has a parent run in Dagster) takes the Run over at once, whatever sign of
      life the process before it gave last: Dagster knows that it is over
    * a Run that is CANCELLED, or done and not executed again: ``RunCancelled``
    * an import job that is deleted or, unless the Run is MANUAL, paused: ``RunCancelled``
    * another process of the import job that is alive, or required columns that are not mapped:
      ``StateConflict``

    Nothing is changed when it raises: what must not start any more was cancelled by the change
    that forbids it.
    """
    status = lock_status(connection, job_id)
    if status is ImportJobStatus.TERMINATED:
        raise RunCancelled("The import job was deleted.")
    run = _known_run(connection, job_id, run_id, dagster_run_id)
    if run is not None:
        if run.status is RunStatus.RUNNING and run.dagster_run_id == dagster_run_id:
            beat(connection, run.id, dagster_run_id=dagster_run_id, now=now)
            return run
        _refuse_ended(run, reexecution=reexecution)
    _refuse_state(status, run)
    taken_over = run.id if run and reexecution else None
    _refuse_second_run(connection, job_id, run.id if run else None, taken_over, now)
    if run is None:
        with logs.bound(by=logs.bound_value("by") or "dagster"):
            run = ask_for_run(connection, job_id, trigger=Trigger.MANUAL, now=now)
            audit_run(connection, "run.asked", run)
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
            error_cause=None,
            **dict.fromkeys(_FOUND_BY_LOADING),
        )
    )
    begun = get_run(connection, job_id=job_id, run_id=run.id)
    tell_begun(connection, begun, now=now)
    return begun


def beat(connection: Connection, run_id: str, *, dagster_run_id: str, now: dt.datetime) -> bool:
    """Say that the process of this attempt is alive. False where the Run has ended, or another
    attempt has taken it over."""
    running = _running(run_id, dagster_run_id)
    return bool(connection.execute(update(runs).where(*running).values(heartbeat_at=now)).rowcount)


def note_progress(
    connection: Connection, run_id: str, values: Mapping[str, Any], *, dagster_run_id: str
) -> None:
    """Record what an op has found out: ``http_status``, ``bytes``, ``records``, ``warnings``.

    A Run that has ended meanwhile stays as it ended, one that was taken over is left alone.
    """
    running = _running(run_id, dagster_run_id)
    connection.execute(update(runs).where(*running).values(**storable(dict(values))))
    add_tallies(connection, Tally("fetched_bytes", "", values.get("bytes") or 0))


def _known_run(
    connection: Connection, job_id: str, run_id: str | None, dagster_run_id: str
) -> Run | None:
    if run_id is not None:
        return get_run(connection, job_id=job_id, run_id=run_id)
    return find_run_of(connection, dagster_run_id)


def _refuse_ended(run: Run, *, reexecution: bool) -> None:
    if run.status is RunStatus.CANCELLED:
        raise RunCancelled(f"The run was cancelled. {run.error or ''}".rstrip())
    if run.status in DONE and not reexecution:
        raise RunCancelled("The run was launched twice, and is done already.")


def _refuse_state(status: ImportJobStatus, run: Run | None) -> None:
    if status is ImportJobStatus.MAPPING:
        if run is not None and run.own_mappings is not None:
            return  # the file that is not mapped is a later one
        raise StateConflict(
            "An import job that is MAPPING can't run: map its required columns first.",
            status=status,
        )
    if not may_begin(status, run.trigger if run else Trigger.MANUAL):
        raise RunCancelled(f"The import job is {status}.")


def _refuse_second_run(
    connection: Connection,
    job_id: str,
    run_id: str | None,
    taken_over: str | None,
    now: dt.datetime,
) -> None:
    """One run at a time: while a process of this import job is alive, no other may start."""
    query = select(runs.c.id).where(
        runs.c.import_job_id == job_id,
        runs.c.status == RunStatus.RUNNING,
        runs.c.heartbeat_at > now - dt.timedelta(seconds=DEAD_AFTER_SECONDS),
    )
    alive = set(connection.scalars(query)) - {taken_over}
    if run_id in alive:
        raise StateConflict("The run was launched twice, and is being executed already.")
    if alive:
        raise StateConflict(f"Run {min(alive)} of this import job is still running.")


def _running(run_id: str, dagster_run_id: str) -> tuple[ColumnElement[bool], ...]:
    return (
        runs.c.id == run_id,
        runs.c.status == RunStatus.RUNNING,
        runs.c.dagster_run_id == dagster_run_id,
    )
