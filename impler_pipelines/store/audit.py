"""The audit log: who changed what, one row for each change that someone asked for.

A row is written in the transaction of its change: there is none without the other.

* what follows from a change by itself has no row of its own: the first run of a new import job,
  runs that a pause cancels, a schedule's ticks; an edit of a template that unmaps import jobs
* what changes nothing has none: a pause of what is paused, a run that was queued already
* it holds ids, states and names of fields: no secret, no address, no user's id, no feed's value
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, case, delete, insert, select

from impler_pipelines import logs
from impler_pipelines.store.tables import audit_log, import_jobs, projects

_SOMEONE = "system"  # whoever has not said who they are
_IDS = ("template_id", "import_job_id", "run_id", "access_key_id", "page_id")


@dataclass(frozen=True)
class AuditEntry:
    """One row. ``actor`` is the id of the access key that a request came with, or ``cli``,
    ``dagster`` (its schedule's switch, a run started or cancelled there), ``supervisor``.

    ``session_user``: a session that the key had made has done it, for this user of the host app,
    whose import job it is. The row itself holds no user's id.
    """

    at: dt.datetime
    project: str | None
    actor: str
    request_id: str | None
    action: str
    template_id: str | None
    import_job_id: str | None
    run_id: str | None
    access_key_id: str | None
    page_id: str | None
    outcome: dict[str, Any]
    session_user: str | None

    @property
    def objects(self) -> dict[str, str]:
        """The ids of what was changed, by kind: ``import_job``, ``run`` and so on."""
        found = {name.removesuffix("_id"): getattr(self, name) for name in _IDS}
        return {kind: identifier for kind, identifier in found.items() if identifier}


def tell(connection: Connection, action: str, *, project_id: str, **fields: Any) -> None:
    """Tell of a change: a row of the audit log now, a line of the log once it is committed.

    ``fields`` are ids, named as the log's columns, and the outcome; None is left out.
    """
    logs.note(action, project_id=project_id, **fields)
    record(connection, action, project_id=project_id, **fields)


def record(connection: Connection, action: str, *, project_id: str, **fields: Any) -> None:
    """The row alone, of a change that the log is told by other lines."""
    ids = {name: fields.pop(name, None) for name in _IDS}
    connection.execute(
        insert(audit_log).values(
            project_id=project_id,
            actor=logs.bound_value("access_key_id") or logs.bound_value("by") or _SOMEONE,
            by_session=logs.bound_value("by") == "session",
            request_id=logs.bound_value("request_id"),
            action=action,
            outcome={name: _plain(value) for name, value in fields.items() if value is not None},
            **ids,
        )
    )


def list_audit(
    connection: Connection,
    *,
    limit: int,
    project_id: str | None = None,
    import_job_id: str | None = None,
) -> list[AuditEntry]:
    """What was done, newest first; of one project or import job if given."""
    shown = [c for c in audit_log.c if c.name in AuditEntry.__dataclass_fields__]
    query = (
        select(
            *shown,
            projects.c.name.label("project"),
            case((audit_log.c.by_session, import_jobs.c.external_user_id)).label("session_user"),
        )
        .outerjoin(projects, projects.c.id == audit_log.c.project_id)
        .outerjoin(import_jobs, import_jobs.c.id == audit_log.c.import_job_id)
        .order_by(audit_log.c.id.desc())
        .limit(limit)
    )
    if project_id is not None:
        query = query.where(audit_log.c.project_id == project_id)
    if import_job_id is not None:
        query = query.where(audit_log.c.import_job_id == import_job_id)
    return [AuditEntry(**row._asdict()) for row in connection.execute(query)]


def sweep_audit(connection: Connection, *, before: dt.datetime) -> int:
    """Delete the rows from before then; returns how many."""
    return connection.execute(delete(audit_log).where(audit_log.c.at < before)).rowcount


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    return (
        value if isinstance(value, bool | int | float | list) else logs.without_secrets(str(value))
    )
