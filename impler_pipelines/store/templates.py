"""Templates with their columns and destinations. Which table is whose is for ``table_claims``.

Destinations come with URLs that hold neither user nor password, so that templates can be read
without the key; only ``destinations_of``, for runs, opens them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update

from impler_pipelines.errors import NotFound, RequestInvalid, StateConflict
from impler_pipelines.model import (
    Column,
    ImportJobStatus,
    LoadMode,
    SqlDestination,
    Template,
    TemplateMode,
)
from impler_pipelines.store.codec import COLUMNS, encode
from impler_pipelines.store.engine import new_id
from impler_pipelines.store.secrets import SecretBox
from impler_pipelines.store.table_claims import TableClaims, public_url_of
from impler_pipelines.store.tables import destinations, import_jobs, templates


@dataclass(frozen=True)
class DestinationSpec:
    """A destination as a developer asks for it.

    ``table`` None takes ``default_table``, with a suffix where that is taken. ``keep_url`` keeps
    the stored URL of the destination ``id``, which is never returned and so can't be sent back.
    """

    default_table: str
    id: str | None = None
    table: str | None = None
    mode: LoadMode = LoadMode.UPSERT
    url: str | None = None
    keep_url: bool = False


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
    _replace_destinations(connection, box, template_id, project_id, destination_specs)
    return get_template(connection, project_id=project_id, template_id=template_id)


def get_template(connection: Connection, *, project_id: str, template_id: str) -> Template:
    """One template of the project. Raises ``NotFound`` for another project's or a deleted one."""
    return _templates_of(connection, [_row(connection, project_id, template_id)])[0]


def list_templates(
    connection: Connection,
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
    return _templates_of(connection, connection.execute(query).all())


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
        _replace_destinations(connection, box, template_id, project_id, destination_specs)
    return get_template(connection, project_id=project_id, template_id=template_id)


def delete_template(
    connection: Connection, *, project_id: str, template_id: str, now: dt.datetime
) -> Template:
    """Hide a template. Raises ``StateConflict`` while it has live import jobs."""
    row = _row(connection, project_id, template_id, lock=True)
    template = _templates_of(connection, [row])[0]
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
    return template


def destinations_of(
    connection: Connection, box: SecretBox, template_id: str
) -> tuple[SqlDestination, ...]:
    """The template's destinations in order, their URLs whole. Raises ``SecretUnreadable``."""
    return tuple(
        _destination(row, box.open(row.url_secret, what="URL of the destination"))
        if row.url_secret
        else _destination(row, None)
        for row in _destination_rows(connection, [template_id])
    )


def public_destinations(
    connection: Connection, template_ids: Select[tuple[str]]
) -> dict[str, tuple[SqlDestination, ...]]:
    """The destinations of many templates in order; their URLs hold neither user nor password."""
    query = select(destinations).where(destinations.c.template_id.in_(template_ids))
    found: dict[str, tuple[SqlDestination, ...]] = {}
    for row in connection.execute(query.order_by(destinations.c.position)):
        found[row.template_id] = (
            *found.get(row.template_id, ()),
            _destination(row, row.public_url),
        )
    return found


def columns_of(connection: Connection, template_id: str) -> tuple[Column, ...]:
    """The template's columns, also of a deleted one: its import jobs can still be read."""
    stored = connection.scalar(select(templates.c.columns).where(templates.c.id == template_id))
    columns: tuple[Column, ...] = COLUMNS.validate_python(stored or [])
    return columns


def _row(
    connection: Connection, project_id: str, template_id: str, *, lock: bool = False
) -> Row[Any]:
    query = select(templates).where(
        templates.c.id == template_id,
        templates.c.project_id == project_id,
        templates.c.deleted_at.is_(None),
    )
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFound("template", template_id)
    return row


def _older_than(columns: Any, before: tuple[dt.datetime, str]) -> Any:
    created_at, identifier = before
    return (columns.created_at < created_at) | (
        (columns.created_at == created_at) & (columns.id < identifier)
    )


def _templates_of(connection: Connection, rows: Sequence[Row[Any]]) -> list[Template]:
    found: dict[str, tuple[SqlDestination, ...]] = {row.id: () for row in rows}
    for row in _destination_rows(connection, list(found)):
        found[row.template_id] += (_destination(row, row.public_url),)
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


def _destination_rows(connection: Connection, template_ids: Sequence[str]) -> Sequence[Row[Any]]:
    query = select(destinations).where(destinations.c.template_id.in_(template_ids))
    return connection.execute(query.order_by(destinations.c.position)).all()


def _destination(row: Row[Any], url: str | None) -> SqlDestination:
    return SqlDestination(id=row.id, table=row.table_name, mode=LoadMode(row.mode), url=url)


def _replace_destinations(
    connection: Connection,
    box: SecretBox,
    template_id: str,
    project_id: str,
    specs: Sequence[DestinationSpec],
) -> None:
    stored = {row.id: row for row in _destination_rows(connection, [template_id])}
    connection.execute(delete(destinations).where(destinations.c.template_id == template_id))
    claims = TableClaims(connection, template_id=template_id, project_id=project_id)
    for position, spec in enumerate(specs):
        field = f"destinations.{position}"
        if spec.id is not None and spec.id not in stored:
            raise RequestInvalid.of(f"{field}._id", "this template has no destination of that id")
        kept = stored[spec.id] if spec.id and spec.keep_url else None
        public_url = kept.public_url if kept else public_url_of(spec.url)
        connection.execute(
            insert(destinations).values(
                id=spec.id or new_id(),
                template_id=template_id,
                position=position,
                type="sql",
                table_name=claims.claim(
                    public_url, spec.table, default=spec.default_table, field=f"{field}.table"
                ),
                mode=spec.mode,
                url_secret=kept.url_secret if kept else box.seal(spec.url) if spec.url else None,
                public_url=public_url,
            )
        )
