"""`keys`: access keys of the control API."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from impler_pipelines.cli.access import speak, store
from impler_pipelines.cli.output import AsJson, plain_json, print_table

if TYPE_CHECKING:
    from impler_pipelines.store.projects import AccessKey

app = typer.Typer(no_args_is_help=True, help="Access keys of the control API.")

KeyId = Annotated[str, typer.Argument(help="The access key's id, as `keys list` shows it.")]
_MOST_GRACE_HOURS = 24 * 365


@app.command("create")
def create_key(
    project: Annotated[str, typer.Option(help="The project's name; it is made if it is new.")],
    as_json: AsJson = False,
) -> None:
    """Make an access key and print it, this once."""
    from impler_pipelines.store.projects import create_access_key

    if not project.strip():
        raise typer.BadParameter("a project needs a name", param_hint="--project")
    speak()
    with store() as connection:
        access_key = create_access_key(connection, project)
    if as_json:
        typer.echo(json.dumps({"accessKey": access_key}))
    else:
        typer.echo(f"Access key of project {project} (it is not shown again):\n{access_key}")


@app.command("list")
def list_keys(
    project: Annotated[str | None, typer.Option(help="This project's; otherwise all.")] = None,
    as_json: AsJson = False,
) -> None:
    """List access keys, newest first: how each begins, never the key itself."""
    from impler_pipelines.store.projects import find_project, list_access_keys

    with store() as connection:
        project_id = None if project is None else find_project(connection, project)
        found = list_access_keys(connection, project_id=project_id)
    if as_json:
        typer.echo(json.dumps([_key_json(key) for key in found], ensure_ascii=False))
        return
    header = ["id", "project", "begins", "created", "last used", "ends or ended"]
    rows: list[list[Any]] = [
        [k.id, k.project, k.prefix and f"{k.prefix}…", k.created_at, k.last_used_at, k.revoked_at]
        for k in found
    ]
    print_table(f"{len(found)} access keys (times in UTC)", header, rows)


@app.command("revoke")
def revoke_key(key_id: KeyId, as_json: AsJson = False) -> None:
    """Let an access key end now: requests with it get 401."""
    from impler_pipelines.store.projects import revoke_access_key

    speak()
    with store() as connection:
        ended = revoke_access_key(connection, key_id)
    if as_json:
        typer.echo(json.dumps(_key_json(ended), ensure_ascii=False))
    else:
        typer.echo(f"Access key {ended.id} of project {ended.project} {_end_of(ended)}.")


@app.command("rotate")
def rotate_key(
    key_id: KeyId,
    grace_hours: Annotated[
        float,
        typer.Option(
            min=0, max=_MOST_GRACE_HOURS, help="For so long the old key is valid beside the new."
        ),
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Make an access key in place of another, for the same project, and print it, this once."""
    from impler_pipelines.store.projects import rotate_access_key

    speak()
    with store() as connection:
        former, access_key = rotate_access_key(
            connection, key_id, grace=dt.timedelta(hours=grace_hours)
        )
    if as_json:
        document = {"accessKey": access_key, "replaces": _key_json(former)}
        typer.echo(json.dumps(document, ensure_ascii=False))
    else:
        typer.echo(
            f"New access key of project {former.project} (it is not shown again):\n{access_key}\n"
            f"The old one, {former.id}, {_end_of(former)}."
        )


def _key_json(key: AccessKey) -> dict[str, Any]:
    shown = plain_json(key)
    del shown["projectId"]
    return shown


def _end_of(key: AccessKey) -> str:
    end = key.revoked_at or dt.datetime.max.replace(tzinfo=dt.UTC)
    verb = "ends" if end > dt.datetime.now(dt.UTC) else "ended"
    return f"{verb} at {end:%Y-%m-%d %H:%M} UTC"
