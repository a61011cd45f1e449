"""The state of an import job, decided here alone. It knows no request and no Dagster.

* MAPPING     a required column has no path
* SCHEDULING  mapped, but neither interval nor cron
* RUNNING     on schedule; the first time, the first run is asked for
* PAUSED      paused by its user or in Dagster, and otherwise RUNNING
* COMPLETED   ``ends_on`` is past and no due time up to it is left; a later end makes it go on
* TERMINATED  deleted; final, readable by id alone

An import job of uploaded files has no schedule: mapped, it is RUNNING until its file is loaded, and
then COMPLETED; the next file makes it RUNNING again.

Every change holds the row's lock, against ticks that claim and runs that start. Locks are taken
in one order: a template's row, import jobs by id, a Run's row.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Connection, Row, case, or_, select, update

from impler_pipelines import logs
from impler_pipelines.model import Column, ImportJobStatus, Trigger
from impler_pipelines.scheduling import next_run
from impler_pipelines.store import runs
from impler_pipelines.store.codec import COLUMNS, MAPPINGS
from impler_pipelines.store.due_times import timing_of_row
from impler_pipelines.store.import_job_rows import LIVE, read_row, write_row
from impler_pipelines.store.tables import import_jobs, templates

# What is paused here is forgotten: nobody could see the pause there, or take it back.
_BEYOND_PAUSE = (ImportJobStatus.SCHEDULING, ImportJobStatus.COMPLETED)
_OF_UPLOADS = (ImportJobStatus.RUNNING, ImportJobStatus.COMPLETED)
_ON_SCHEDULE = (ImportJobStatus.RUNNING, ImportJobStatus.PAUSED)


def settle(
    connection: Connection, row: Row[Any], *, now: dt.datetime, reschedule: bool = False
) -> Row[Any]:
    """Bring status and ``next_run`` of a locked row in line with mapping, schedule, pause and end.

    Returns the row as it is then.

    * an import job that stays RUNNING keeps ``next_run``, overdue or not, so that no due time is
      lost to an edit; ``reschedule`` (the schedule is another one) computes it from ``now``
    * the first time it becomes RUNNING its first run is asked for, unless its creator said
      otherwise; once only, since ``activated_at`` is set in the same transaction
    * what leaves the schedule takes its queued runs along: all of them to MAPPING, those of the
      schedule to SCHEDULING
    * where it stops or starts to run, Dagster has not agreed to that yet; also where it did both
      since Dagster last agreed, so that it wins over a schedule that was switched there meanwhile
    """
    before = ImportJobStatus(row.status)
    if before is ImportJobStatus.TERMINATED:
        return row
    if row.upload is not None:
        return _settle_upload(connection, row, now=now)
    status = _status_of(connection, row, now=now, reschedule=reschedule)
    values: dict[str, Any] = {"status": status, "next_run": None, **_unagreed(row, status)}
    if before is ImportJobStatus.MAPPING is not status:
        values["last_error"] = None  # it said which columns were not mapped
    if status in _BEYOND_PAUSE:
        values["paused_at"] = None
    if status is ImportJobStatus.RUNNING:
        values["next_run"] = _kept_next_run(row, reschedule=reschedule) or _next_run(row, now)
        if row.activated_at is None:
            values["activated_at"] = now
            if row.run_on_activation:
                runs.ask_for_run(connection, row.id, trigger=Trigger.FIRST, now=now)
    elif status is not before:
        _cancel_queued(connection, row.id, status, now=now)
    settled = write_row(connection, row, **values)
    if status is ImportJobStatus.COMPLETED and status is not before:
        logs.note("import_job.completed", by="end", import_job_id=row.id, ends_on=row.ends_on)
    return settled


def _settle_upload(connection: Connection, row: Row[Any], *, now: dt.datetime) -> Row[Any]:
    """The state of an import job of uploaded files. A file that is mapped is run once.

    The runs of earlier files, which keep their mappings, do not mind one that is not mapped yet.
    """
    before = ImportJobStatus(row.status)
    values: dict[str, Any] = {}
    if _unmapped(connection, row) or not row.mappings:
        status = ImportJobStatus.MAPPING
        if before is not status and row.upload["asked"]:
            _cancel_queued(connection, row.id, status, now=now)
    else:
        asked = row.upload["asked"]
        status = before if asked and before in _OF_UPLOADS else ImportJobStatus.RUNNING
        values["last_error"] = row.last_error if asked else None
        if not asked:
            values["upload"] = row.upload | {"asked": True}
            runs.ask_for_run(connection, row.id, trigger=Trigger.MANUAL, now=now)
    return write_row(connection, row, status=status, **values)


def settle_template(connection: Connection, template_id: str, *, now: dt.datetime) -> None:
    """Settle every live import job of a template whose columns changed, and say why it stopped."""
    query = select(import_jobs.c.id).where(import_jobs.c.template_id == template_id, LIVE)
    for job_id in connection.scalars(query.order_by(import_jobs.c.id)).all():
        before = read_row(connection, job_id, lock=True)
        settled = settle(connection, before, now=now)
        if settled.status != ImportJobStatus.MAPPING:
            continue
        if before.status == ImportJobStatus.MAPPING and before.last_error is None:
            continue  # never mapped so far: nothing has stopped
        missing = ", ".join(column.key for column in _unmapped(connection, before))
        logs.note("import_job.unmapped", import_job_id=job_id, columns=missing)
        write_row(
            connection,
            settled,
            last_error=f"The template now requires columns that are not mapped: {missing}.",
            last_error_internal=False,
            last_error_cause=None,
            updated_at=now,
        )


def complete_ended_import_jobs(connection: Connection, *, now: dt.datetime) -> int:
    """Mark import jobs whose ``ends_on`` is past as COMPLETED. Returns how many.

    One with a due time up to its end that no tick has claimed yet is left until one does.
    """
    query = (
        select(import_jobs.c.id)
        .where(
            import_jobs.c.status.in_(_ON_SCHEDULE),
            import_jobs.c.ends_on < now,
            or_(import_jobs.c.next_run.is_(None), import_jobs.c.next_run > import_jobs.c.ends_on),
        )
        .order_by(import_jobs.c.id)
        .with_for_update(skip_locked=True)
    )
    ended = connection.scalars(query).all()
    if ended:
        connection.execute(
            update(import_jobs)
            .where(import_jobs.c.id.in_(ended))
            .values(
                status=ImportJobStatus.COMPLETED,
                next_run=None,
                paused_at=None,
                schedule_synced=case(
                    (import_jobs.c.status == ImportJobStatus.RUNNING, True),
                    else_=import_jobs.c.schedule_synced,
                ),
                updated_at=now,
            )
        )
    for job_id in ended:
        logs.note("import_job.completed", by="end", import_job_id=job_id)
    return len(ended)


def _unmapped(connection: Connection, row: Row[Any]) -> list[Column]:
    """The template's required columns that no path is mapped to and no default fills."""
    stored = connection.execute(
        select(templates.c.columns).where(templates.c.id == row.template_id)
    )
    columns = COLUMNS.validate_python(stored.scalar_one())
    mapped = {mapping.key for mapping in MAPPINGS.validate_python(row.mappings)}
    return [c for c in columns if c.is_required and c.key not in mapped and not c.default_value]


def _status_of(
    connection: Connection, row: Row[Any], *, now: dt.datetime, reschedule: bool
) -> ImportJobStatus:
    if _unmapped(connection, row):
        return ImportJobStatus.MAPPING
    if row.interval is None and row.cron is None:
        return ImportJobStatus.SCHEDULING
    unclaimed = _kept_next_run(row, reschedule=reschedule)
    if row.ends_on is not None and row.ends_on < now and unclaimed is None:
        return ImportJobStatus.COMPLETED
    return ImportJobStatus.PAUSED if row.paused_at else ImportJobStatus.RUNNING


def _unagreed(row: Row[Any], status: ImportJobStatus) -> dict[str, bool]:
    """What Dagster agreed to last, where that is to be the opposite of what is wanted now."""
    ran, runs_now = (one == ImportJobStatus.RUNNING for one in (row.status, status))
    return {"schedule_synced": ran} if row.activated_at and ran is not runs_now else {}


def _kept_next_run(row: Row[Any], *, reschedule: bool) -> dt.datetime | None:
    """The due time that stays: of the schedule that the import job is on, and not after its end."""
    if reschedule or row.status != ImportJobStatus.RUNNING or row.next_run is None:
        return None
    ended = row.ends_on is not None and row.next_run > row.ends_on
    kept: dt.datetime | None = None if ended else row.next_run
    return kept


def _next_run(row: Row[Any], now: dt.datetime) -> dt.datetime | None:
    timing = timing_of_row(row)
    return None if timing is None else next_run(timing, now)


def _cancel_queued(
    connection: Connection, job_id: str, status: ImportJobStatus, *, now: dt.datetime
) -> None:
    if status is ImportJobStatus.MAPPING:
        reason = "The template requires columns that are not mapped."
        runs.cancel_queued_runs(connection, job_id, reason=reason, now=now)
    elif status is ImportJobStatus.SCHEDULING:
        reason = "The import job has no schedule any more."
        runs.cancel_queued_runs(
            connection, job_id, reason=reason, now=now, trigger=Trigger.SCHEDULE
        )
