"""Templates with their columns and destinations, and who owns which destination table."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.engine import make_url

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
from impler_pipelines.store.tables import destinations, import_jobs, table_owners, templates

MAX_TABLE_NAME = 63  # bytes, PostgreSQL's limit for an identifier


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
    return get_template(connection, box, project_id=project_id, template_id=template_id)


def get_template(
    connection: Connection, box: SecretBox, *, project_id: str, template_id: str
) -> Template:
    """One template of the project. Raises ``NotFound`` for another project's or a deleted one."""
    row = connection.execute(
        select(templates).where(
            templates.c.id == template_id,
            templates.c.project_id == project_id,
            templates.c.deleted_at.is_(None),
        )
    ).one_or_none()
    if row is None:
        raise NotFound("template", template_id)
    return _templates_of(connection, box, [row])[0]


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
    get_template(connection, box, project_id=project_id, template_id=template_id)
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
    return get_template(connection, box, project_id=project_id, template_id=template_id)


def delete_template(
    connection: Connection,
    box: SecretBox,
    *,
    project_id: str,
    template_id: str,
    now: dt.datetime,
) -> Template:
    """Hide a template. Raises ``StateConflict`` while it has live import jobs."""
    template = get_template(connection, box, project_id=project_id, template_id=template_id)
    connection.execute(
        select(templates.c.id).where(templates.c.id == template_id).with_for_update()
    )
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
    """The template's destinations in order, their URLs opened."""
    return _destinations(connection, box, [template_id])[template_id]


def columns_of(connection: Connection, template_id: str) -> tuple[Column, ...]:
    """The template's columns, also of a deleted one: its import jobs can still be read."""
    stored = connection.scalar(select(templates.c.columns).where(templates.c.id == template_id))
    columns: tuple[Column, ...] = COLUMNS.validate_python(stored or [])
    return columns


def _older_than(columns: Any, before: tuple[dt.datetime, str]) -> Any:
    created_at, identifier = before
    return (columns.created_at < created_at) | (
        (columns.created_at == created_at) & (columns.id < identifier)
    )


def _templates_of(
    connection: Connection, box: SecretBox, rows: Sequence[Row[Any]]
) -> list[Template]:
    found = _destinations(connection, box, [row.id for row in rows])
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


def _destinations(
    connection: Connection, box: SecretBox, template_ids: Sequence[str]
) -> dict[str, tuple[SqlDestination, ...]]:
    found: dict[str, tuple[SqlDestination, ...]] = dict.fromkeys(template_ids, ())
    query = select(destinations).where(destinations.c.template_id.in_(found))
    for row in connection.execute(query.order_by(destinations.c.position)):
        secret = row.url_secret
        destination = SqlDestination(
            id=row.id,
            table=row.table_name,
            mode=LoadMode(row.mode),
            url=box.open(secret, what="URL of the destination") if secret else None,
        )
        found[row.template_id] += (destination,)
    return found


def _replace_destinations(
    connection: Connection,
    box: SecretBox,
    template_id: str,
    project_id: str,
    specs: Sequence[DestinationSpec],
) -> None:
    stored = {
        row.id: row.url_secret
        for row in connection.execute(
            select(destinations).where(destinations.c.template_id == template_id)
        )
    }
    connection.execute(delete(destinations).where(destinations.c.template_id == template_id))
    for position, spec in enumerate(specs):
        field = f"destinations.{position}"
        if spec.id is not None and spec.id not in stored:
            raise RequestInvalid.of(f"{field}._id", "this template has no destination of that id")
        secret = stored[spec.id] if spec.id and spec.keep_url else None
        url = box.open(secret, what="URL of the destination") if secret else spec.url
        connection.execute(
            insert(destinations).values(
                id=spec.id or new_id(),
                template_id=template_id,
                position=position,
                type="sql",
                table_name=_claim_table(connection, template_id, project_id, spec, url, field),
                mode=spec.mode,
                url_secret=secret or (box.seal(url) if url else None),
            )
        )


def _claim_table(
    connection: Connection,
    template_id: str,
    project_id: str,
    spec: DestinationSpec,
    url: str | None,
    field: str,
) -> str:
    """Make the template the owner of its table; a default name that is taken gets a suffix."""
    database = _database_identity(url)
    if spec.table is not None:
        if not _claim(connection, database, spec.table, template_id, project_id):
            raise RequestInvalid.of(
                f"{field}.table", f"the table {spec.table!r} belongs to another template"
            )
        return spec.table
    for number in range(1, 10_000):
        suffix = "" if number == 1 else f"_{number}"
        name = spec.default_table[: MAX_TABLE_NAME - len(suffix)] + suffix
        if _claim(connection, database, name, template_id, project_id):
            return name
    raise RequestInvalid.of(f"{field}.table", f"{spec.default_table!r} is taken: name another one")


def _claim(
    connection: Connection, database: str, table: str, template_id: str, project_id: str
) -> bool:
    key = {"database": database, "table_name": table.lower()}
    connection.execute(
        upsert(table_owners).values(**key, template_id=template_id).on_conflict_do_nothing()
    )
    owner = connection.execute(
        select(templates.c.id, templates.c.project_id, templates.c.deleted_at)
        .join(table_owners, table_owners.c.template_id == templates.c.id)
        .where(table_owners.c.database == database, table_owners.c.table_name == table.lower())
        .with_for_update()
    ).one()
    if owner.id == template_id:
        return True
    if owner.deleted_at is None or owner.project_id != project_id:
        return False
    # A deleted template of the same project leaves its table to the one that takes its place.
    connection.execute(
        update(table_owners)
        .where(table_owners.c.database == database, table_owners.c.table_name == table.lower())
        .values(template_id=template_id)
    )
    return True


def _database_identity(url: str | None) -> str:
    """Tells databases apart by where they are, not by who logs in."""
    if url is None:
        return "default"
    parsed = make_url(url)
    place = f"{parsed.get_backend_name()}|{parsed.host}|{parsed.port}|{parsed.database}"
    return hashlib.sha256(place.lower().encode()).hexdigest()[:32]
