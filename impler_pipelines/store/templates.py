"""Templates with their columns. Where their rows go is for ``destinations``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from impler_pipelines.errors import NotFound, StateConflict
from impler_pipelines.model import Column, ImportJobStatus, Template, TemplateMode
from impler_pipelines.store import audit
from impler_pipelines.store.codec import COLUMNS, encode
from impler_pipelines.store.destinations import (
    DestinationSpec,
    replace_destinations,
    shown_destinations,
)
from impler_pipelines.store.engine import new_id
from impler_pipelines.store.secrets import SecretBox
from impler_pipelines.store.tables import import_jobs, templates


def create_template(
    connection: Connection,
    box: SecretBox,
    *,
    project_id: str,
    name: str,
    mode: TemplateMode,
    columns: Sequence[Column],
    destination_specs: Sequence[DestinationSpec],
    now: dt.datetime,
) -> Template:
    """Store a new template. Raises ``RequestInvalid`` for a table that another template owns."""
    template_id = new_id()
    connection.execute(
        insert(templates).values(
            id=template_id,
            project_id=project_id,
            name=name,
            mode=mode,
            columns=encode(COLUMNS, tuple(columns)),
            created_at=now,
            updated_at=now,
        )
    )
    replace_destinations(
        connection,
        box,
        template_id=template_id,
        project_id=project_id,
        specs=destination_specs,
    )
    _tell(connection, "template.created", project_id, template_id, mode=mode)
    return get_template(connection, box, project_id=project_id, template_id=template_id)


def get_template(
    connection: Connection, box: SecretBox, *, project_id: str, template_id: str
) -> Template:
    """One template of the project. Raises ``NotFound`` for another project's or a deleted one."""
    return _templates_of(connection, box, [_row(connection, project_id, template_id)])[0]


def list_templates(
    connection: Connection,
    box: SecretBox,
    *,
    project_id: str,
    limit: int,
    before: tuple[dt.datetime, str] | None = None,
) -> list[Template]:
    """The project's templates, newest first, behind ``before``: ``(created_at, id)``."""
    query = (
        select(templates)
        .where(templates.c.project_id == project_id, templates.c.deleted_at.is_(None))
        .order_by(templates.c.created_at.desc(), templates.c.id.desc())
        .limit(limit)
    )
    if before:
        query = query.where(_older_than(templates.c, before))
    return _templates_of(connection, box, connection.execute(query).all())


def update_template(
    connection: Connection,
    box: SecretBox,
    *,
    project_id: str,
    template_id: str,
    now: dt.datetime,
    name: str | None = None,
    mode: TemplateMode | None = None,
    columns: Sequence[Column] | None = None,
    destination_specs: Sequence[DestinationSpec] | None = None,
) -> Template:
    """Change what is given. The caller settles the template's import jobs afterwards."""
    _row(connection, project_id, template_id, lock=True)
    values: dict[str, Any] = {"updated_at": now}
    if name is not None:
        values["name"] = name
    if mode is not None:
        values["mode"] = mode
    if columns is not None:
        values["columns"] = encode(COLUMNS, tuple(columns))
    connection.execute(update(templates).where(templates.c.id == template_id).values(values))
    if destination_specs is not None:
        replace_destinations(
            connection,
            box,
            template_id=template_id,
            project_id=project_id,
            specs=destination_specs,
        )
    given = {"name": name, "mode": mode, "columns": columns, "destinations": destination_specs}
    fields = sorted(field for field, value in given.items() if value is not None)
    _tell(connection, "template.edited", project_id, template_id, fields=",".join(fields))
    return get_template(connection, box, project_id=project_id, template_id=template_id)


def delete_template(
    connection: Connection, box: SecretBox, *, project_id: str, template_id: str, now: dt.datetime
) -> Template:
    """Hide a template. Raises ``StateConflict`` while it has live import jobs."""
    row = _row(connection, project_id, template_id, lock=True)
    template = _templates_of(connection, box, [row])[0]
    live = connection.scalar(
        select(func.count())
        .select_from(import_jobs)
        .where(
            import_jobs.c.template_id == template_id,
            import_jobs.c.status != ImportJobStatus.TERMINATED,
        )
    )
    if live:
        raise StateConflict(
            f"Template {template.name!r} has {live} live import job(s): delete them first."
        )
    connection.execute(
        update(templates).where(templates.c.id == template_id).values(deleted_at=now)
    )
    _tell(connection, "template.deleted", project_id, template_id)
    return template


def columns_of(connection: Connection, template_id: str) -> tuple[Column, ...]:
    """The template's columns, also of a deleted one: its import jobs can still be read."""
    stored = connection.scalar(select(templates.c.columns).where(templates.c.id == template_id))
    columns: tuple[Column, ...] = COLUMNS.validate_python(stored or [])
    return columns


def _tell(
    connection: Connection, event: str, project_id: str, template_id: str, **fields: str
) -> None:
    audit.tell(connection, event, project_id=project_id, template_id=template_id, **fields)


def _row(
    connection: Connection, project_id: str, template_id: str, *, lock: bool = False
) -> Row[Any]:
    query = select(templates).where(
        templates.c.id == template_id,
        templates.c.project_id == project_id,
        templates.c.deleted_at.is_(None),
    )
    row = connection.execute(query.with_for_update(key_share=True) if lock else query).one_or_none()
    if row is None:
        raise NotFound("template", template_id)
    return row


def _older_than(columns: Any, before: tuple[dt.datetime, str]) -> Any:
    created_at, identifier = before
    return (columns.created_at < created_at) | (
        (columns.created_at == created_at) & (columns.id < identifier)
    )


def _templates_of(
    connection: Connection, box: SecretBox, rows: Sequence[Row[Any]]
) -> list[Template]:
    found = shown_destinations(connection, box, [row.id for row in rows])
    return [
        Template(
            id=row.id,
            project_id=row.project_id,
            name=row.name,
            mode=TemplateMode(row.mode),
            columns=COLUMNS.validate_python(row.columns),
            destinations=found[row.id],
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
        for row in rows
    ]
