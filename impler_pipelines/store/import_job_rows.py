"""Rows of import jobs: read, locked, written, made into the model's ``ImportJob``.

Headings can be large, so they are read only where someone looks at them.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, select, update

from impler_pipelines.errors import NotFound
from impler_pipelines.model import ImportJob, ImportJobStatus
from impler_pipelines.store.codec import FILTERS, HEADINGS, INTERVAL, MAPPINGS, UPLOAD
from impler_pipelines.store.tables import import_jobs

LIVE = import_jobs.c.status != ImportJobStatus.TERMINATED
_UNSHOWN = {"auth_secret", "feed_state"}
_WHOLE = tuple(c for c in import_jobs.c if c.name not in _UNSHOWN)
_LIGHT = tuple(c for c in _WHOLE if c.name != "headings")


def select_import_jobs(*, headings: bool = False) -> Select[Any]:
    """A query of what ``to_import_job`` takes; without headings unless asked for."""
    return select(*(_WHOLE if headings else _LIGHT))


def read_row(
    connection: Connection,
    job_id: str,
    *where: ColumnElement[bool],
    headings: bool = False,
    lock: bool = False,
) -> Row[Any]:
    """One import job's row, locked until the transaction ends if asked for.

    Raises ``NotFound`` unless it fulfils ``where``.
    """
    query = select_import_jobs(headings=headings).where(import_jobs.c.id == job_id, *where)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFound("import job", job_id)
    return row


def write_row(connection: Connection, row: Row[Any], **values: Any) -> Row[Any]:
    """Change columns of a row that is locked; returns it as it is now, with headings if it had."""
    columns = _WHOLE if "headings" in row._mapping else _LIGHT
    written = update(import_jobs).where(import_jobs.c.id == row.id).values(values)
    return connection.execute(written.returning(*columns)).one()


def to_import_job(row: Row[Any]) -> ImportJob:
    """The model's import job; ``headings`` is empty where the row was read without them."""
    return ImportJob(
        id=row.id,
        project_id=row.project_id,
        template_id=row.template_id,
        external_user_id=row.external_user_id,
        url=row.url,
        extra=row.extra,
        headings=HEADINGS.validate_python(row._mapping.get("headings", ())),
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
        failing_since=row.failing_since,
        last_error=row.last_error,
        last_error_internal=row.last_error_internal,
        last_error_cause=row.last_error_cause if row.last_error is not None else None,
        last_run=row.last_run,
        created_at=row.created_at,
        updated_at=row.updated_at,
        upload=UPLOAD.validate_python(row.upload) if row.upload else None,
    )
