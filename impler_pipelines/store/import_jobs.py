"""Import jobs: reading them, and every change of their state in one place.

States (``settle`` decides them; the row's lock makes each change atomic against runs that start):

* MAPPING     a required column has no path
* SCHEDULING  mapped, but neither interval nor cron
* RUNNING     on schedule; the first time, the first run is asked for
* PAUSED      paused by its user or in Dagster, and otherwise RUNNING
* COMPLETED   ``ends_on`` is past; a later one makes it RUNNING again
* TERMINATED  deleted; final, readable by id alone
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, func, insert, select, update

from impler_pipelines.errors import FieldProblem, NotFound, RequestInvalid, StateConflict
from impler_pipelines.model import (
    Column,
    FieldMapping,
    Filter,
    Heading,
    ImportJob,
    ImportJobStatus,
    Interval,
    SourceAuth,
    Trigger,
)
from impler_pipelines.scheduling import Timing, next_run, phase_of
from impler_pipelines.store import runs
from impler_pipelines.store.codec import COLUMNS, FILTERS, HEADINGS, INTERVAL, MAPPINGS, encode
from impler_pipelines.store.engine import new_id
from impler_pipelines.store.secrets import SecretBox
from impler_pipelines.store.tables import import_jobs, templates

LIVE = import_jobs.c.status != ImportJobStatus.TERMINATED


@dataclass(frozen=True)
class NewImportJob:
    """What a host app sends to create an import job, already checked field by field."""

    external_user_id: str
    url: str
    auth: SourceAuth | None
    extra: dict[str, Any]
    headings: tuple[Heading, ...]
    record_path: str | None
    mappings: tuple[FieldMapping, ...]
    interval: Interval | None
    cron: str | None
    timezone: str
    ends_on: dt.datetime | None
    filters: tuple[Filter, ...]
    run_now: bool = True


def timing_of(job: ImportJob) -> Timing:
    """When the import job is due: its interval or cron, with the phase derived from its id."""
    return Timing(
        interval=job.interval,
        cron=job.cron,
        timezone=job.timezone,
        ends_on=job.ends_on,
        phase_minutes=phase_of(job.id, job.interval) if job.interval else 0,
    )


def create_import_job(
    connection: Connection,
    box: SecretBox,
    new: NewImportJob,
    *,
    project_id: str,
    template_id: str,
    now: dt.datetime,
) -> ImportJob:
    """Store a new import job and settle its first state. The template must be the project's.

    Raises ``NotFound`` for a template that was deleted while the feed was being read.
    """
    # The lock keeps the template from being deleted, or its columns changed, in between.
    template = connection.scalar(
        select(templates.c.id)
        .where(templates.c.id == template_id, templates.c.deleted_at.is_(None))
        .with_for_update(read=True)
    )
    if template is None:
        raise NotFound("template", template_id)
    job_id = new_id()
    connection.execute(
        insert(import_jobs).values(
            id=job_id,
            project_id=project_id,
            template_id=template_id,
            external_user_id=new.external_user_id,
            url=new.url,
            auth_secret=box.seal_auth(new.auth) if new.auth else None,
            extra=new.extra,
            headings=encode(HEADINGS, new.headings),
            record_path=new.record_path,
            mappings=encode(MAPPINGS, new.mappings),
            status=ImportJobStatus.MAPPING,
            interval=encode(INTERVAL, new.interval) if new.interval else None,
            cron=new.cron,
            timezone=new.timezone,
            ends_on=new.ends_on,
            filters=encode(FILTERS, new.filters),
            run_on_activation=new.run_now,
            created_at=now,
            updated_at=now,
        )
    )
    return settle(connection, job_id, now=now)


def get_import_job(connection: Connection, *, project_id: str, job_id: str) -> ImportJob:
    """One import job of the project, deleted ones included. Raises ``NotFound``."""
    return _one(
        connection,
        job_id,
        select(import_jobs).where(
            import_jobs.c.id == job_id, import_jobs.c.project_id == project_id
        ),
    )


def get_live_import_job(
    connection: Connection,
    *,
    project_id: str,
    job_id: str,
    external_user_id: str | None = None,
    for_update: bool = False,
) -> ImportJob:
    """One import job that is not deleted, of that user if one is named. Raises ``NotFound``."""
    query = select(import_jobs).where(
        import_jobs.c.id == job_id, import_jobs.c.project_id == project_id, LIVE
    )
    if external_user_id is not None:
        query = query.where(import_jobs.c.external_user_id == external_user_id)
    return _one(connection, job_id, query.with_for_update() if for_update else query)


def list_import_jobs(
    connection: Connection,
    *,
    limit: int,
    project_id: str | None = None,
    external_user_id: str | None = None,
    before: tuple[dt.datetime, str] | None = None,
) -> list[ImportJob]:
    """Live import jobs, newest first, without their headings."""
    columns = [c for c in import_jobs.c if c is not import_jobs.c.headings]
    query = select(*columns).where(LIVE).limit(limit)
    query = query.order_by(import_jobs.c.created_at.desc(), import_jobs.c.id.desc())
    if project_id is not None:
        query = query.where(import_jobs.c.project_id == project_id)
    if external_user_id is not None:
        query = query.where(import_jobs.c.external_user_id == external_user_id)
    if before:
        created_at, identifier = before
        query = query.where(
            (import_jobs.c.created_at < created_at)
            | ((import_jobs.c.created_at == created_at) & (import_jobs.c.id < identifier))
        )
    return [_import_job(row) for row in connection.execute(query)]


def lock_import_job(connection: Connection, job_id: str) -> ImportJob:
    """The import job by id alone, its row locked until the transaction ends."""
    return _one(
        connection, job_id, select(import_jobs).where(import_jobs.c.id == job_id).with_for_update()
    )


def update_import_job(
    connection: Connection,
    job_id: str,
    *,
    now: dt.datetime,
    changes: Mapping[str, Any],
    reschedule: bool = False,
    box: SecretBox | None = None,
) -> ImportJob:
    """Change the named fields of ``ImportJob`` (and ``auth``), then settle the state.

    ``reschedule`` recomputes ``next_run`` from ``now``: after a change of interval, cron, time
    zone or end.
    """
    encoders: dict[str, Callable[[Any], Any]] = {
        "headings": lambda v: encode(HEADINGS, v),
        "mappings": lambda v: encode(MAPPINGS, v),
        "filters": lambda v: encode(FILTERS, v),
        "interval": lambda v: encode(INTERVAL, v) if v else None,
    }
    values = {
        name: encoders[name](value) if name in encoders else value
        for name, value in changes.items()
        if name != "auth"
    }
    if "auth" in changes:
        auth = changes["auth"]
        values["auth_secret"] = box.seal_auth(auth) if auth and box else None
    lock_import_job(connection, job_id)
    connection.execute(
        update(import_jobs).where(import_jobs.c.id == job_id).values(**values, updated_at=now)
    )
    return settle(connection, job_id, now=now, reschedule=reschedule)


def settle(
    connection: Connection, job_id: str, *, now: dt.datetime, reschedule: bool = False
) -> ImportJob:
    """Bring status and ``next_run`` in line with mapping, schedule, pause and end.

    The first time an import job becomes active its first run is asked for, unless its creator
    said otherwise; once only, since ``activated_at`` is set in the same transaction.
    """
    job = lock_import_job(connection, job_id)
    if job.status is ImportJobStatus.TERMINATED:
        return job
    status = _status_of(connection, job, now)
    values: dict[str, Any] = {"status": status, "next_run": None}
    if status is ImportJobStatus.RUNNING:
        keep = job.next_run if job.status is status and not reschedule else None
        values["next_run"] = keep or next_run(timing_of(job), now)
        if job.activated_at is None:
            values["activated_at"] = now
            if job.run_on_activation:
                runs.enqueue_run(connection, job_id, trigger=Trigger.FIRST, due_at=now)
    elif status is ImportJobStatus.MAPPING and job.status is not status:
        runs.cancel_queued_runs(connection, job_id, now=now)
    connection.execute(update(import_jobs).where(import_jobs.c.id == job_id).values(values))
    return lock_import_job(connection, job_id)


def settle_template(connection: Connection, template_id: str, *, now: dt.datetime) -> None:
    """Settle every live import job of a template whose columns changed, and say why it stopped."""
    ids = connection.scalars(
        select(import_jobs.c.id)
        .where(import_jobs.c.template_id == template_id, LIVE)
        .order_by("id")
    ).all()
    for job_id in ids:
        before = lock_import_job(connection, job_id)
        after = settle(connection, job_id, now=now)
        newly_unmapped = after.status is ImportJobStatus.MAPPING is not before.status
        if newly_unmapped and before.status is not ImportJobStatus.MAPPING:
            missing = ", ".join(c.key for c in unmapped_required(connection, after))
            connection.execute(
                update(import_jobs)
                .where(import_jobs.c.id == job_id)
                .values(
                    last_error=f"The template now requires columns that are not mapped: {missing}.",
                    updated_at=now,
                )
            )


def pause_import_job(connection: Connection, job_id: str, *, now: dt.datetime) -> ImportJob:
    """Pause: queued runs are cancelled and none starts after the commit. No-op when paused."""
    job = lock_import_job(connection, job_id)
    if job.status is ImportJobStatus.PAUSED:
        return job
    if job.status is not ImportJobStatus.RUNNING:
        raise StateConflict(
            f"Only a running import job can be paused; this one is {job.status}.",
            status=job.status,
        )
    runs.cancel_queued_runs(connection, job_id, now=now)
    return update_import_job(connection, job_id, now=now, changes={"paused_at": now})


def resume_import_job(connection: Connection, job_id: str, *, now: dt.datetime) -> ImportJob:
    """Resume: ``next_run`` is recomputed from ``now``. Raises ``StateConflict`` unless paused."""
    job = lock_import_job(connection, job_id)
    if job.status is not ImportJobStatus.PAUSED:
        raise StateConflict(
            f"Only a paused import job can be resumed; this one is {job.status}.",
            status=job.status,
        )
    return update_import_job(
        connection, job_id, now=now, changes={"paused_at": None}, reschedule=True
    )


def terminate_import_job(connection: Connection, job_id: str, *, now: dt.datetime) -> ImportJob:
    """Delete: hidden from lists, queued runs cancelled; a running one stops before it loads."""
    job = lock_import_job(connection, job_id)
    if job.status is ImportJobStatus.TERMINATED:
        raise NotFound("import job", job_id)
    runs.cancel_queued_runs(connection, job_id, now=now)
    connection.execute(
        update(import_jobs)
        .where(import_jobs.c.id == job_id)
        .values(status=ImportJobStatus.TERMINATED, next_run=None, updated_at=now)
    )
    return lock_import_job(connection, job_id)


def postpone(connection: Connection, job_id: str, *, until: dt.datetime) -> None:
    """Let the next run wait until the source wants to be asked again."""
    connection.execute(
        update(import_jobs)
        .where(import_jobs.c.id == job_id, import_jobs.c.next_run < until)
        .values(next_run=until)
    )


def overdue_import_jobs(connection: Connection, *, before: dt.datetime) -> list[str]:
    """Ids of running import jobs whose due time has passed without a tick that claimed it."""
    query = select(import_jobs.c.id).where(
        import_jobs.c.status == ImportJobStatus.RUNNING, import_jobs.c.next_run < before
    )
    return list(connection.scalars(query))


def complete_ended_import_jobs(connection: Connection, *, now: dt.datetime) -> int:
    """Mark import jobs whose ``ends_on`` is past as COMPLETED. Returns how many."""
    return connection.execute(
        update(import_jobs)
        .where(import_jobs.c.status == ImportJobStatus.RUNNING, import_jobs.c.ends_on < now)
        .values(status=ImportJobStatus.COMPLETED, next_run=None, updated_at=now)
    ).rowcount


def unmapped_required(connection: Connection, job: ImportJob) -> list[Column]:
    """The template's required columns that no path is mapped to and no default fills."""
    columns = COLUMNS.validate_python(
        connection.execute(
            select(templates.c.columns).where(templates.c.id == job.template_id)
        ).scalar_one()
    )
    mapped = {mapping.key for mapping in job.mappings}
    return [c for c in columns if c.is_required and c.key not in mapped and not c.default_value]


def check_mappings(
    mappings: Sequence[FieldMapping],
    *,
    columns: Sequence[Column],
    headings: Sequence[Heading] | None,
    field: str = "mappings",
) -> None:
    """Raise ``RequestInvalid`` for unknown or repeated keys, and for paths the feed lacks.

    ``headings`` None leaves the paths unchecked.
    """
    keys = {column.key for column in columns}
    paths = None if headings is None else {heading.path for heading in headings}
    problems, seen = [], set()
    for index, mapping in enumerate(mappings):
        if mapping.key not in keys:
            problems.append(
                FieldProblem(f"{field}.{index}.key", f"the template has no column {mapping.key!r}")
            )
        elif mapping.key in seen:
            problems.append(
                FieldProblem(f"{field}.{index}.key", f"{mapping.key!r} is mapped twice")
            )
        if paths is not None and mapping.path not in paths:
            problems.append(
                FieldProblem(f"{field}.{index}.path", f"the feed has no {mapping.path!r}")
            )
        seen.add(mapping.key)
    if problems:
        raise RequestInvalid(problems)


def _status_of(connection: Connection, job: ImportJob, now: dt.datetime) -> ImportJobStatus:
    if unmapped_required(connection, job):
        return ImportJobStatus.MAPPING
    if job.interval is None and job.cron is None:
        return ImportJobStatus.SCHEDULING
    if job.ends_on is not None and job.ends_on < now:
        return ImportJobStatus.COMPLETED
    paused_at = connection.scalar(select(import_jobs.c.paused_at).where(import_jobs.c.id == job.id))
    return ImportJobStatus.PAUSED if paused_at else ImportJobStatus.RUNNING


def _one(connection: Connection, job_id: str, query: Select[Any]) -> ImportJob:
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("import job", job_id)
    return _import_job(row)


def _import_job(row: Row[Any]) -> ImportJob:
    values = row._asdict()
    return ImportJob(
        id=row.id,
        project_id=row.project_id,
        template_id=row.template_id,
        external_user_id=row.external_user_id,
        url=row.url,
        extra=row.extra,
        headings=HEADINGS.validate_python(values.get("headings", ())),
        record_path=row.record_path,
        mappings=MAPPINGS.validate_python(row.mappings),
        status=ImportJobStatus(row.status),
        interval=INTERVAL.validate_python(row.interval),
        cron=row.cron,
        timezone=row.timezone,
        next_run=row.next_run,
        ends_on=row.ends_on,
        filters=FILTERS.validate_python(row.filters),
        run_on_activation=row.run_on_activation,
        activated_at=row.activated_at,
        total_records=row.total_records,
        valid_records=row.valid_records,
        invalid_records=row.invalid_records,
        consecutive_failures=row.consecutive_failures,
        last_error=row.last_error,
        last_run=row.last_run,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def count_import_jobs(connection: Connection) -> dict[str, int]:
    """How many import jobs there are by status, for metrics."""
    query = select(import_jobs.c.status, func.count().label("number")).group_by(
        import_jobs.c.status
    )
    return {row.status: row.number for row in connection.execute(query)}
