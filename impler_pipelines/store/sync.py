"""What the sync sensor asks of the store: definitions, runs to launch, schedules to switch."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select, union, update

from impler_pipelines import logs
from impler_pipelines.model import (
    ImportJobStatus,
    RunStatus,
    ScheduleState,
    SqlDestination,
    Trigger,
)
from impler_pipelines.scheduling import Timing
from impler_pipelines.store.destinations import public_tables
from impler_pipelines.store.due_times import timing_of_row
from impler_pipelines.store.import_jobs import LIVE, pause_import_job, resume_import_job
from impler_pipelines.store.runs import (
    DEAD_AFTER_SECONDS,
    HEARTBEAT_SECONDS,
    cancel_run,
    find_run,
)
from impler_pipelines.store.runs.telling import audit_run, ids_of
from impler_pipelines.store.tables import import_jobs, runs, templates

# A scheduled run is launched by its tick; if the daemon died in between, the sensor does it.
_TICK_GRACE = dt.timedelta(seconds=60)
# A run this long without a sign of life is compared with what Dagster knows of it.
_SILENCE = dt.timedelta(seconds=HEARTBEAT_SECONDS + 5)
# A process finds out by itself that its Run was cancelled, unless it waits for someone else.
_CANCELLED = (dt.timedelta(seconds=75), dt.timedelta(seconds=15))
_DEATH = dt.timedelta(seconds=DEAD_AFTER_SECONDS)


@dataclass(frozen=True)
class Definition:
    """What Dagster's definitions of one import job are built from. Equal means: no reload.

    ``scheduled``: it has been active, so it has a schedule, be it stopped; ``timing`` None while
    it has neither interval nor cron. ``destinations`` are the template's, with URLs that hold
    neither user nor password.
    """

    job_id: str
    template_id: str
    template_name: str
    external_user_id: str
    url: str
    timing: Timing | None
    scheduled: bool
    destinations: tuple[SqlDestination, ...]


@dataclass(frozen=True)
class Launch:
    """A Run to launch in Dagster, with what its tags carry.

    ``from_failed_op``: it was asked for again after it failed, and nothing was edited since it
    began (``started_at``), so that it may go on from there.
    """

    run_id: str
    job_id: str
    template_id: str
    external_user_id: str
    url: str
    trigger: Trigger
    request_id: str | None = None
    asked_by: str | None = None
    access_key_id: str | None = None
    of_upload: bool = False
    from_failed_op: bool = False
    started_at: dt.datetime | None = None


@dataclass(frozen=True)
class Silent:
    """An active Run not heard of for a while; ``dead`` when too long for a living process.

    ``attempts_before``: so many it had when it was last asked for again.
    """

    run_id: str
    dagster_run_id: str
    dead: bool
    attempts_before: int = 0


def live_definitions(connection: Connection) -> dict[str, Definition]:
    """Every live import job by id, but those of uploaded files: one Dagster job is for them all."""
    return _definitions(connection)


def changed_definitions(
    connection: Connection, *, since: dt.datetime
) -> dict[str, Definition | None]:
    """Those of import jobs that were changed, or whose template was, at ``since`` or later.

    None for those that are not among the live ones: deleted, or of uploaded files.
    """
    of_templates = select(templates.c.id).where(templates.c.updated_at >= since)
    changed = union(
        select(import_jobs.c.id).where(import_jobs.c.updated_at >= since),
        select(import_jobs.c.id).where(import_jobs.c.template_id.in_(of_templates)),
    )
    ids = list(connection.scalars(changed))
    live = _definitions(connection, import_jobs.c.id == func.any(ids)) if ids else {}
    return {job_id: live.get(job_id) for job_id in ids}


def _definitions(connection: Connection, *where: ColumnElement[bool]) -> dict[str, Definition]:
    listed = (LIVE, import_jobs.c.upload.is_(None), *where)
    tables = public_tables(connection, select(import_jobs.c.template_id).where(*listed))
    query: Select[Any] = (
        select(
            import_jobs.c.id,
            import_jobs.c.template_id,
            templates.c.name,
            import_jobs.c.external_user_id,
            import_jobs.c.url,
            import_jobs.c.interval,
            import_jobs.c.cron,
            import_jobs.c.timezone,
            import_jobs.c.ends_on,
            import_jobs.c.activated_at,
        )
        .join(templates, templates.c.id == import_jobs.c.template_id)
        .where(*listed)
    )
    return {
        row.id: Definition(
            job_id=row.id,
            template_id=row.template_id,
            template_name=row.name,
            external_user_id=row.external_user_id,
            url=row.url,
            timing=timing_of_row(row),
            scheduled=row.activated_at is not None,
            destinations=tables.get(row.template_id, ()),
        )
        for row in connection.execute(query)
    }


def runs_to_launch(connection: Connection, *, now: dt.datetime) -> list[Launch]:
    """Queued Runs that no Dagster run is known for, oldest first."""
    query = (
        select(
            runs.c.id,
            import_jobs.c.id.label("job_id"),
            import_jobs.c.template_id,
            import_jobs.c.external_user_id,
            import_jobs.c.url,
            runs.c.trigger,
            runs.c.request_id,
            runs.c.asked_by,
            runs.c.access_key_id,
            runs.c.upload.is_not(None).label("of_upload"),
            _goes_on().label("from_failed_op"),
            runs.c.started_at,
        )
        .join(import_jobs, import_jobs.c.id == runs.c.import_job_id)
        .join(templates, templates.c.id == import_jobs.c.template_id)
        .where(
            runs.c.status == RunStatus.QUEUED,
            runs.c.dagster_run_id.is_(None),
            or_(runs.c.trigger != Trigger.SCHEDULE, runs.c.created_at < now - _TICK_GRACE),
        )
        .order_by(runs.c.created_at, runs.c.id)
    )
    return [
        Launch(
            row.id,
            row.job_id,
            row.template_id,
            row.external_user_id,
            row.url,
            Trigger(row.trigger),
            row.request_id,
            row.asked_by,
            row.access_key_id,
            row.of_upload,
            row.from_failed_op,
            row.started_at,
        )
        for row in connection.execute(query)
    ]


def _goes_on() -> ColumnElement[bool]:
    return func.coalesce(
        and_(
            runs.c.retried_after == runs.c.attempts,  # none has begun since it was asked for again
            import_jobs.c.updated_at <= runs.c.started_at,
            templates.c.updated_at <= runs.c.started_at,
        ),
        False,
    )


def note_launched(connection: Connection, run_id: str, dagster_run_id: str) -> None:
    """Record which Dagster run executes a Run, unless it says so itself already."""
    noted = connection.execute(
        update(runs)
        .where(runs.c.id == run_id, runs.c.dagster_run_id.is_(None))
        .values(dagster_run_id=dagster_run_id)
    ).rowcount
    launched = find_run(connection, run_id) if noted else None
    if launched is not None:
        logs.note("run.launched", **ids_of(launched))


def silent_runs(connection: Connection, *, now: dt.datetime) -> list[Silent]:
    """Launched Runs that are active in the store but gave no sign of life for a while."""
    quiet = or_(
        and_(runs.c.status == RunStatus.RUNNING, runs.c.heartbeat_at < now - _SILENCE),
        and_(runs.c.status == RunStatus.QUEUED, runs.c.created_at < now - _SILENCE),
    )
    dead = func.coalesce(runs.c.heartbeat_at < now - _DEATH, False)
    before = func.coalesce(runs.c.retried_after, 0)
    query = select(runs.c.id, runs.c.dagster_run_id, dead, before).where(
        quiet, runs.c.dagster_run_id.is_not(None)
    )
    return [Silent(*row) for row in connection.execute(query)]


def cancelled_dagster_runs(connection: Connection, *, now: dt.datetime) -> list[str]:
    """The ids of the Dagster runs whose Run was cancelled a moment ago."""
    longest, shortest = _CANCELLED
    query = select(runs.c.dagster_run_id).where(
        runs.c.status == RunStatus.CANCELLED,
        runs.c.ended_at.between(now - longest, now - shortest),
        runs.c.dagster_run_id.is_not(None),
    )
    return [run_id for run_id in connection.scalars(query) if run_id]


def adopt_cancellation(
    connection: Connection, run_id: str, *, dagster_run_id: str, now: dt.datetime
) -> None:
    """Let a Run end whose Dagster run someone cancelled there, unless it has ended otherwise."""
    with logs.bound(by="dagster"):
        reason = "Cancelled in Dagster."
        if not cancel_run(
            connection, run_id, reason=reason, now=now, dagster_run_id=dagster_run_id
        ):
            return
        cancelled = find_run(connection, run_id)
        if cancelled is not None:
            audit_run(connection, "run.cancelled", cancelled)


def beating_dagster_runs(connection: Connection, *, now: dt.datetime) -> set[str]:
    """The ids of the Dagster runs whose process gave a sign of life lately."""
    query = select(runs.c.dagster_run_id).where(
        runs.c.status == RunStatus.RUNNING, runs.c.heartbeat_at >= now - _DEATH
    )
    return {run_id for run_id in connection.scalars(query) if run_id}


def schedules_to_switch(connection: Connection) -> dict[str, bool]:
    """Import job id → whether its schedule must run, where that is not what was last agreed on.

    A schedule that Dagster has no state of runs, since that is its default status.
    """
    wanted = import_jobs.c.status == ImportJobStatus.RUNNING
    query = select(import_jobs.c.id, wanted.label("wanted")).where(
        LIVE,
        import_jobs.c.activated_at.is_not(None),
        func.coalesce(import_jobs.c.schedule_synced, True) != wanted,
    )
    return {row.id: row.wanted for row in connection.execute(query)}


def note_switched(connection: Connection, job_id: str, *, running: bool) -> None:
    """Record the running state that store and Dagster agree on."""
    connection.execute(
        update(import_jobs).where(import_jobs.c.id == job_id).values(schedule_synced=running)
    )


def adopt_schedule_states(
    connection: Connection, states: Mapping[str, ScheduleState], *, now: dt.datetime
) -> dict[str, str]:
    """Let what a data engineer switched in Dagster flow back; import job id → what was done.

    * the store changed since the last agreement: it wins, ``schedules_to_switch`` has it
    * only Dagster changed: a stopped schedule pauses its import job, a started one resumes it
    * the import job is in no state for that: Dagster is set back by ``schedules_to_switch``
    * a schedule that runs though nobody has started it since the pause: the same. Dagster's daemon
      writes back the state that it had read before a tick, and so undoes a stop that came meanwhile
    """
    wanted = import_jobs.c.status == ImportJobStatus.RUNNING
    agreed = func.coalesce(import_jobs.c.schedule_synced, True)
    shown = (import_jobs.c.id, import_jobs.c.status, import_jobs.c.paused_at)
    query = select(*shown, agreed.label("agreed")).where(
        LIVE,
        import_jobs.c.id.in_(states),
        import_jobs.c.activated_at.is_not(None),
        agreed == wanted,
    )
    done = {}
    for row in connection.execute(query.order_by(import_jobs.c.id).with_for_update()).all():
        state = states[row.id]
        if state.running == row.agreed:
            continue
        if row.status == ImportJobStatus.RUNNING:
            with logs.bound(by="dagster"):
                pause_import_job(connection, row.id, now=now)
            done[row.id] = "paused"
        elif row.status == ImportJobStatus.PAUSED and _started_since(state, row.paused_at):
            with logs.bound(by="dagster"):
                resume_import_job(connection, row.id, now=now)
            done[row.id] = "resumed"
        note_switched(connection, row.id, running=state.running)
    return done


def _started_since(state: ScheduleState, moment: dt.datetime) -> bool:
    return state.started_at is not None and state.started_at > moment
