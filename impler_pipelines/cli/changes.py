"""`audit`: who changed what."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from impler_pipelines.cli.access import store
from impler_pipelines.cli.output import AsJson, plain_json, print_table

if TYPE_CHECKING:
    from impler_pipelines.store.audit import AuditEntry


def audit(
    project: Annotated[str | None, typer.Option(help="Of this project.")] = None,
    import_job: Annotated[str | None, typer.Option(help="Of the import job of this id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    as_json: AsJson = False,
) -> None:
    """Show who changed what, newest first: by API, command line or Dagster."""
    from impler_pipelines.store.audit import list_audit
    from impler_pipelines.store.projects import find_project

    with store() as connection:
        project_id = None if project is None else find_project(connection, project)
        found = list_audit(connection, limit=limit, project_id=project_id, import_job_id=import_job)
    if as_json:
        typer.echo(json.dumps([plain_json(entry) for entry in found], ensure_ascii=False))
        return
    header = ["at", "project", "who", "did", "to", "outcome"]
    rows: list[list[Any]] = [
        [e.at, e.project, _who(e), e.action, _in_words(e.objects), _in_words(e.outcome)]
        for e in found
    ]
    print_table(f"{len(found)} changes (times in UTC)", header, rows)


def _who(entry: AuditEntry) -> str:
    return f"{entry.session_user}, by {entry.actor}" if entry.session_user else entry.actor


def _in_words(fields: dict[str, Any]) -> list[str]:
    return [f"{name} {value}" for name, value in fields.items()]
