"""What Dagster's definitions of import jobs are built from: of all, or of what has changed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select, union

from impler_pipelines.model import SqlDestination
from impler_pipelines.scheduling import Timing
from impler_pipelines.store.destinations import public_tables
from impler_pipelines.store.due_times import timing_of_row
from impler_pipelines.store.import_jobs import LIVE
from impler_pipelines.store.tables import import_jobs, templates


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
