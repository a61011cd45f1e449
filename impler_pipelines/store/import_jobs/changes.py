"""Import jobs: made, read, listed, changed, paused, resumed and deleted.

``states`` decides what state each change leads to; transitions return the import job whole.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, select

from impler_pipelines import scheduling
from impler_pipelines.errors import NotFound, StateConflict
from impler_pipelines.model import (
    FieldMapping,
    Filter,
    Heading,
    ImportJob,
    ImportJobStatus,
    Interval,
    SourceAuth,
)
from impler_pipelines.scheduling import Timing
from impler_pipelines.store import runs
from impler_pipelines.store.codec import FILTERS, HEADINGS, INTERVAL, MAPPINGS, encode
from impler_pipelines.store.engine import new_id
from impler_pipelines.store.import_job_rows import (
    LIVE,
    read_row,
    select_import_jobs,
    to_import_job,
    write_row,
)
from impler_pipelines.store.import_jobs.states import settle
from impler_pipelines.store.import_jobs.telling import host_of, tell
from impler_pipelines.store.secrets import SecretBox
from impler_pipelines.store.tables import import_jobs, templates


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


def timing_of(job: ImportJob) -> Timing | None:
    """When the import job is due, or None before it has an interval or cron."""
    return scheduling.timing_of(
        job.id,
        interval=job.interval,
        cron=job.cron,
        timezone=job.timezone,
        ends_on=job.ends_on,
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
        .where(
            templates.c.id == template_id,
            templates.c.project_id == project_id,
            templates.c.deleted_at.is_(None),
        )
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
    settled = settle(connection, read_row(connection, job_id, headings=True), now=now)
    job = to_import_job(settled)
    return tell(connection, "import_job.created", job, feed_host=host_of(new.url))


def get_import_job(connection: Connection, *, project_id: str, job_id: str) -> ImportJob:
    """One import job of the project, deleted ones included. Raises ``NotFound``."""
    return _whole(connection, job_id, import_jobs.c.project_id == project_id)


def list_import_jobs(
    connection: Connection,
    *,
    limit: int,
    project_id: str | None = None,
    external_user_id: str | None = None,
    template_id: str | None = None,
    before: tuple[dt.datetime, str] | None = None,
) -> list[ImportJob]:
    """Live import jobs, newest first, without their headings."""
    query = select_import_jobs().where(LIVE).limit(limit)
    query = query.order_by(import_jobs.c.created_at.desc(), import_jobs.c.id.desc())
    if project_id is not None:
        query = query.where(import_jobs.c.project_id == project_id)
    if external_user_id is not None:
        query = query.where(import_jobs.c.external_user_id == external_user_id)
    if template_id is not None:
        query = query.where(import_jobs.c.template_id == template_id)
    if before:
        created_at, identifier = before
        query = query.where(
            (import_jobs.c.created_at < created_at)
            | ((import_jobs.c.created_at == created_at) & (import_jobs.c.id < identifier))
        )
    return [to_import_job(row) for row in connection.execute(query)]


def lock_import_job(connection: Connection, job_id: str) -> ImportJob:
    """The import job by id alone, locked until the transaction ends. Raises ``NotFound``."""
    return _whole(connection, job_id, lock=True)


def update_import_job(
    connection: Connection,
    job_id: str,
    *,
    now: dt.datetime,
    changes: Mapping[str, Any],
    box: SecretBox | None = None,
) -> ImportJob:
    """Change the named fields of ``ImportJob`` (and ``auth``, with ``box``); settle the state.

    ``next_run`` is computed from ``now`` where interval, cron or time zone become others, and
    otherwise stays. Raises ``StateConflict`` for a deleted import job.
    """
    row = _locked(connection, job_id)
    changed = _change(connection, row, now=now, changes=changes, box=box)
    event = "import_job.mapped" if changes.keys() == {"mappings"} else "import_job.edited"
    return tell(connection, event, changed, fields=",".join(sorted(changes)))


def _change(
    connection: Connection,
    before: Row[Any],
    *,
    now: dt.datetime,
    changes: Mapping[str, Any],
    box: SecretBox | None = None,
) -> ImportJob:
    if before.status == ImportJobStatus.TERMINATED:
        raise StateConflict("This import job was deleted: make a new one.", status=before.status)
    values = _stored(changes, box)
    changed = write_row(connection, before, **values, updated_at=now)
    reschedule = any(
        before._mapping[name] != values.get(name, before._mapping[name]) for name in _RHYTHM
    )
    return to_import_job(settle(connection, changed, now=now, reschedule=reschedule))


def pause_import_job(connection: Connection, job_id: str, *, now: dt.datetime) -> ImportJob:
    """Pause: queued runs are cancelled and none starts after the commit. No-op when paused.

    Raises ``StateConflict`` in any other state than RUNNING.
    """
    row = _locked(connection, job_id)
    status = ImportJobStatus(row.status)
    if row.upload is not None:
        raise StateConflict("Uploaded files have no schedule to pause.", status=status)
    if status is ImportJobStatus.PAUSED:
        return to_import_job(row)
    if status is not ImportJobStatus.RUNNING:
        raise StateConflict(
            f"Only a running import job can be paused; this one is {status}.", status=status
        )
    reason = "The import job was paused before the run started."
    runs.cancel_queued_runs(connection, job_id, reason=reason, now=now)
    paused = _change(connection, row, now=now, changes={"paused_at": now})
    return tell(connection, "import_job.paused", paused)


def resume_import_job(connection: Connection, job_id: str, *, now: dt.datetime) -> ImportJob:
    """Resume: ``next_run`` is computed from ``now``. Raises ``StateConflict`` unless paused."""
    row = _locked(connection, job_id)
    status = ImportJobStatus(row.status)
    if status is not ImportJobStatus.PAUSED:
        raise StateConflict(
            f"Only a paused import job can be resumed; this one is {status}.", status=status
        )
    resumed = _change(connection, row, now=now, changes={"paused_at": None})
    return tell(connection, "import_job.resumed", resumed)


def terminate_import_job(connection: Connection, job_id: str, *, now: dt.datetime) -> ImportJob:
    """Delete: hidden from lists, its runs cancelled; one under way stops before it loads.

    Raises ``NotFound`` for one that is deleted already.
    """
    row = _locked(connection, job_id)
    if row.status == ImportJobStatus.TERMINATED:
        raise NotFound("import job", job_id)
    runs.cancel_active_runs(connection, job_id, reason="The import job was deleted.", now=now)
    gone = write_row(
        connection, row, status=ImportJobStatus.TERMINATED, next_run=None, updated_at=now
    )
    return tell(connection, "import_job.deleted", to_import_job(gone))


def deleted_import_jobs(
    connection: Connection, job_ids: Collection[str], *, before: dt.datetime
) -> frozenset[str]:
    """Those of the import jobs that were deleted before that moment."""
    query = select(import_jobs.c.id).where(
        import_jobs.c.id.in_(job_ids),
        import_jobs.c.status == ImportJobStatus.TERMINATED,
        import_jobs.c.updated_at < before,
    )
    return frozenset(connection.scalars(query))


def _whole(
    connection: Connection, job_id: str, *where: ColumnElement[bool], lock: bool = False
) -> ImportJob:
    return to_import_job(read_row(connection, job_id, *where, headings=True, lock=lock))


def _locked(connection: Connection, job_id: str) -> Row[Any]:
    return read_row(connection, job_id, headings=True, lock=True)


def _stored(changes: Mapping[str, Any], box: SecretBox | None) -> dict[str, Any]:
    """The columns' values for changes of fields."""
    values = {
        name: _ENCODERS[name](value) if name in _ENCODERS else value
        for name, value in changes.items()
        if name != "auth"
    }
    if "auth" in changes:
        auth = changes["auth"]
        if auth is not None and box is None:
            raise ValueError("a secret is stored sealed: give the box")
        values["auth_secret"] = box.seal_auth(auth) if auth is not None and box else None
    return values


_RHYTHM = ("interval", "cron", "timezone")
_ENCODERS: dict[str, Callable[[Any], Any]] = {
    "headings": lambda value: encode(HEADINGS, value),
    "mappings": lambda value: encode(MAPPINGS, value),
    "filters": lambda value: encode(FILTERS, value),
    "interval": lambda value: encode(INTERVAL, value) if value else None,
}
