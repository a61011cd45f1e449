"""The origins of pages that may show a project's widget. It does not check what one is."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select, update

from impler_pipelines.store import audit
from impler_pipelines.store.tables import projects, templates


def origins_of(connection: Connection, project_id: str) -> list[str]:
    """The project's origins, in the order that they were given in."""
    return list(
        connection.execute(
            select(projects.c.origins).where(projects.c.id == project_id)
        ).scalar_one()
    )


def set_origins(connection: Connection, project_id: str, origins: Sequence[str]) -> None:
    """Let pages of these origins show the project's widget, and no others."""
    before = connection.execute(
        select(projects.c.origins).where(projects.c.id == project_id).with_for_update()
    ).scalar_one()
    if before == list(origins):
        return
    connection.execute(
        update(projects).where(projects.c.id == project_id).values(origins=list(origins))
    )
    audit.tell(connection, "project_origins.set", project_id=project_id, origins=" ".join(origins))


def origins_of_template(connection: Connection, template_id: str) -> list[str] | None:
    """Those of the template's project; None where there is no such template, or not any more."""
    found = connection.execute(
        select(projects.c.origins)
        .join(templates, templates.c.project_id == projects.c.id)
        .where(templates.c.id == template_id, templates.c.deleted_at.is_(None))
    ).scalar_one_or_none()
    return None if found is None else list(found)
