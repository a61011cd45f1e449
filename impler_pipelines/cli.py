"""The command line. It reads arguments, calls a room, prints; it decides nothing itself.

Heavy rooms are imported inside the commands, so that ``--help`` answers at once.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from impler_pipelines import logs
from impler_pipelines.errors import PipelineError, SettingInvalid, WebPageFound
from impler_pipelines.settings import Settings

if TYPE_CHECKING:
    from rich.progress import Progress
    from sqlalchemy import Connection

    from impler_pipelines.model import ImportJob, Run
    from impler_pipelines.store.audit import AuditEntry
    from impler_pipelines.store.projects import AccessKey

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Automated data import: a feed in, typed rows out, on a schedule.",
)
keys = typer.Typer(no_args_is_help=True, help="Access keys of the control API.")
jobs = typer.Typer(no_args_is_help=True, help="Import jobs: list, run, pause, resume, delete.")
app.add_typer(keys, name="keys")
app.add_typer(jobs, name="import")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
JobId = Annotated[str, typer.Argument(help="The import job's id.")]
KeyId = Annotated[str, typer.Argument(help="The access key's id, as `keys list` shows it.")]
_MOST_GRACE_HOURS = 24 * 365
_console = Console()
_errors = Console(stderr=True)


@app.command()
def run(
    demo: Annotated[
        bool, typer.Option("--demo", help="Also serve a sample feed with a demo import job.")
    ] = False,
    only: Annotated[
        str | None,
        typer.Option(help="These parts alone: database,code-server,webserver,daemon,api."),
    ] = None,
) -> None:
    """Run the whole stack in the foreground until Ctrl-C."""
    from impler_pipelines.supervisor.stack import run_stack

    parts = only.split(",") if only else None
    raise typer.Exit(run_stack(_settings(), demo=demo, only=parts))


@app.command()
def demo() -> None:
    """Show it working: a sample feed becomes rows, in a temporary place, and all stops again."""
    from impler_pipelines.supervisor.demo import run_demo

    raise typer.Exit(run_demo())


@app.command()
def env() -> None:
    """Print the environment that a plain `dagster dev` needs, as lines for a .env file."""
    from impler_pipelines.supervisor.parts import stack_environment

    for name, value in stack_environment(_settings()).items():
        typer.echo(f"{name}={value}")


@keys.command("create")
def create_key(
    project: Annotated[str, typer.Option(help="The project's name; it is made if it is new.")],
    as_json: AsJson = False,
) -> None:
    """Make an access key and print it, this once."""
    from impler_pipelines.store.projects import create_access_key

    if not project.strip():
        raise typer.BadParameter("a project needs a name", param_hint="--project")
    _speak()
    with _store() as connection:
        access_key = create_access_key(connection, project)
    if as_json:
        typer.echo(json.dumps({"accessKey": access_key}))
    else:
        typer.echo(f"Access key of project {project} (it is not shown again):\n{access_key}")


@keys.command("list")
def list_keys(
    project: Annotated[str | None, typer.Option(help="This project's; otherwise all.")] = None,
    as_json: AsJson = False,
) -> None:
    """List access keys, newest first: how each begins, never the key itself."""
    from impler_pipelines.store.projects import find_project, list_access_keys

    with _store() as connection:
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
    _print_table(f"{len(found)} access keys (times in UTC)", header, rows)


@keys.command("revoke")
def revoke_key(key_id: KeyId, as_json: AsJson = False) -> None:
    """Let an access key end now: requests with it get 401."""
    from impler_pipelines.store.projects import revoke_access_key

    _speak()
    with _store() as connection:
        ended = revoke_access_key(connection, key_id)
    if as_json:
        typer.echo(json.dumps(_key_json(ended), ensure_ascii=False))
    else:
        typer.echo(f"Access key {ended.id} of project {ended.project} {_end_of(ended)}.")


@keys.command("rotate")
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

    _speak()
    with _store() as connection:
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


@app.command()
def audit(
    project: Annotated[str | None, typer.Option(help="Of this project.")] = None,
    import_job: Annotated[str | None, typer.Option(help="Of the import job of this id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    as_json: AsJson = False,
) -> None:
    """Show who changed what, newest first: by API, command line or Dagster."""
    from impler_pipelines.store.audit import list_audit
    from impler_pipelines.store.projects import find_project

    with _store() as connection:
        project_id = None if project is None else find_project(connection, project)
        found = list_audit(connection, limit=limit, project_id=project_id, import_job_id=import_job)
    if as_json:
        typer.echo(json.dumps([_plain_json(entry) for entry in found], ensure_ascii=False))
        return
    header = ["at", "project", "who", "did", "to", "outcome"]
    rows: list[list[Any]] = [
        [e.at, e.project, _who(e), e.action, _in_words(e.objects), _in_words(e.outcome)]
        for e in found
    ]
    _print_table(f"{len(found)} changes (times in UTC)", header, rows)


@app.command()
def headings(
    url: Annotated[str, typer.Argument(help="The feed's address.")],
    record_path: Annotated[
        str | None, typer.Option(help="The record path, where the detected one is wrong.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a feed's headings with samples, and the record path that was detected."""
    reading = _read(url, record_path)
    found = [
        {"path": h.path, "samples": list(h.samples), "count": h.count, "repeated": h.repeated}
        for h in reading.headings
    ]
    if as_json:
        document = {
            "format": reading.format,
            "recordPath": reading.record_path,
            "recordCount": reading.record_count,
            "headings": found,
            "warnings": list(reading.warnings),
        }
        typer.echo(json.dumps(document, ensure_ascii=False))
        return
    rows = [[h["path"], h["count"], "yes" if h["repeated"] else "", h["samples"]] for h in found]
    title = f"{reading.record_count} records at {reading.record_path} ({reading.format})"
    _print_table(title, ["heading", "records", "repeated", "samples"], rows)
    for warning in reading.warnings:
        _errors.print(f"[yellow]warning:[/] {warning}", highlight=False)


@jobs.command("list")
def list_jobs(
    user: Annotated[str | None, typer.Option(help="Only this user's (externalUserId).")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    as_json: AsJson = False,
) -> None:
    """List the live import jobs of this installation, newest first."""
    from impler_pipelines.store.import_jobs import list_import_jobs

    with _store() as connection:
        found = list_import_jobs(connection, limit=limit, external_user_id=user)
    if as_json:
        typer.echo(json.dumps([_job_json(job) for job in found], ensure_ascii=False))
        return
    rows = [
        [job.id, job.external_user_id, job.status, job.next_run, job.total_records, job.last_error]
        for job in found
    ]
    header = ["id", "user", "status", "next run", "records", "last error"]
    _print_table(f"{len(found)} import jobs", header, rows)


@jobs.command("run")
def run_job(job_id: JobId, as_json: AsJson = False) -> None:
    """Run one import job now, in this process; no daemon is needed."""
    from impler_pipelines.control_api.schemas.runs import RunRead
    from impler_pipelines.orchestration.foreground import run_in_foreground

    _speak()
    with _run_progress() as report:
        finished = run_in_foreground(_settings(), job_id, report)
    document = RunRead.model_validate(finished).model_dump(mode="json", by_alias=True)
    if as_json:
        typer.echo(json.dumps(document, ensure_ascii=False))
    else:
        counts = ("records", "valid", "invalid", "inserted", "updated", "unchanged", "deleted")
        known = [f"{document[name]:,} {name}" for name in counts if document[name] is not None]
        typer.echo("  ".join([str(finished.status), *known]))
    if finished.error:
        _fail(finished.error)


@jobs.command("runs")
def list_runs(
    job_id: JobId,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 20,
    as_json: AsJson = False,
) -> None:
    """List an import job's runs, newest first: what each loaded, and why it failed."""
    from impler_pipelines.control_api.schemas.runs import RunRead
    from impler_pipelines.store import runs
    from impler_pipelines.store.import_jobs import lock_import_job

    with _store() as connection:
        job = lock_import_job(connection, job_id)
        found = runs.list_runs(connection, job_id=job.id, limit=limit)
    if as_json:
        shown = [
            RunRead.model_validate(run).model_dump(mode="json", by_alias=True) for run in found
        ]
        typer.echo(json.dumps(shown, ensure_ascii=False))
        return
    header = ["run", "status", "ended", "rows", "error"]
    rows = [[r.id, r.status, r.ended_at, _rows_in_words(r), r.error] for r in found]
    _print_table(f"{len(found)} runs of {job_id}", header, rows)


@jobs.command("rejects")
def print_rejects(
    job_id: JobId,
    run_id: Annotated[
        str | None, typer.Argument(help="Of the last run that loaded, unless given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print a run's rejects as CSV: the values as the feed has them, and every reason."""
    from impler_pipelines.control_api.rejects_csv import csv_pieces
    from impler_pipelines.control_api.schemas.runs import RejectRead
    from impler_pipelines.errors import NotFound
    from impler_pipelines.model import RunStatus
    from impler_pipelines.store import runs

    with _store() as connection:
        if run_id is None:
            found = runs.list_runs(connection, job_id=job_id, limit=500)
            run_id = next((run.id for run in found if run.status is RunStatus.SUCCESS), None)
            if run_id is None:
                raise NotFound("run that loaded of import job", job_id)
        run = runs.get_run(connection, job_id=job_id, run_id=run_id)
        batches = runs.reject_batches(connection, run.id)
        if as_json:
            shown = [
                RejectRead.model_validate(one).model_dump(by_alias=True)
                for batch in batches
                for one in batch
            ]
            typer.echo(json.dumps(shown, ensure_ascii=False))
            return
        for piece in csv_pieces(runs.reject_fields(connection, run.id), batches):
            typer.echo(piece, nl=False)


@jobs.command("pause")
def pause_job(job_id: JobId, as_json: AsJson = False) -> None:
    """Pause an import job."""
    from impler_pipelines.store.import_jobs import pause_import_job

    _change(pause_import_job, job_id, as_json)


@jobs.command("resume")
def resume_job(job_id: JobId, as_json: AsJson = False) -> None:
    """Resume a paused import job."""
    from impler_pipelines.store.import_jobs import resume_import_job

    _change(resume_import_job, job_id, as_json)


@jobs.command("delete")
def delete_job(job_id: JobId, as_json: AsJson = False) -> None:
    """Delete an import job; rows that it has loaded stay."""
    from impler_pipelines.store.import_jobs import terminate_import_job

    _change(terminate_import_job, job_id, as_json)


def _rows_in_words(run: Run) -> str:
    counts = ("valid", "invalid", "inserted", "updated", "deleted")
    return ", ".join(f"{number} {name}" for name in counts if (number := getattr(run, name)))


def main() -> None:
    """Run the command line; errors of ours end it with one line and status 1 (2 for settings)."""
    try:
        app()
    except SettingInvalid as error:
        _fail(str(error), status=2)
    except PipelineError as error:
        _fail(str(error))


def _speak() -> None:
    """What is done here is logged beside what the others do, where there is such a place."""
    settings = _settings()
    kept = settings.home / "logs"
    file = kept / "cli.log" if kept.is_dir() else None
    logs.configure("cli", form=settings.log_format, level=settings.log_level, file=file)
    logs.bind(by="cli")


def _change(transition: Any, job_id: str, as_json: bool) -> None:
    from impler_pipelines.store.projects import database_time

    _speak()
    with _store() as connection:
        job = transition(connection, job_id, now=database_time(connection))
    if as_json:
        typer.echo(json.dumps(_job_json(job), ensure_ascii=False))
    else:
        typer.echo(f"Import job {job.id} is {job.status}.")


def _read(url: str, record_path: str | None) -> Any:
    from impler_pipelines.extraction import read_feed
    from impler_pipelines.orchestration.limits import feed_limits, fetch_policy
    from impler_pipelines.sources import check_url, fetch, split_userinfo
    from impler_pipelines.sources.discovery import find_announced_feeds

    settings = _settings()
    address, auth = split_userinfo(url)
    check_url(address)
    with tempfile.TemporaryDirectory() as directory, _progress() as progress:
        path = Path(directory) / "feed"
        fetching = progress.add_task("fetching", total=None, unit="bytes")
        with path.open("wb") as into:
            fetched = fetch(
                address,
                into,
                policy=fetch_policy(settings),
                auth=auth,
                on_progress=lambda done, total: progress.update(
                    fetching, completed=done, total=total
                ),
            )
        reading = progress.add_task("reading", total=None, unit="records")
        try:
            return read_feed(
                path,
                content_type=fetched.content_type,
                record_path=record_path,
                limits=feed_limits(settings),
                on_progress=lambda done: progress.update(reading, completed=done),
            )
        except WebPageFound:
            with path.open("rb") as page:
                announced = find_announced_feeds(page, fetched.url, fetched.content_type)
            for feed in announced:
                _errors.print(f"announced: {feed.url} {feed.title}", highlight=False, markup=False)
            raise


@contextmanager
def _progress() -> Iterator[Progress]:
    """A progress display on a terminal; silent where the output is not one."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description:16}"),
        TextColumn("{task.completed:,} {task.fields[unit]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=_errors, disable=not sys.stderr.isatty()) as progress:
        yield progress


@contextmanager
def _run_progress() -> Iterator[Callable[[str, int, str], None]]:
    """A bar over the four ops, with what the present one has done so far."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    ops = ("fetch_feed", "extract_records", "map_columns", "load_rows")
    columns = (
        TextColumn("{task.description:16}"),
        BarColumn(),
        TextColumn("{task.fields[done]:>20}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=_errors, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("starting", total=len(ops), done="")

        def report(op: str, done: int, unit: str) -> None:
            progress.update(task, description=op, completed=ops.index(op), done=f"{done:,} {unit}")

        yield report
        progress.update(task, description="done", completed=len(ops))


def _print_table(title: str, header: list[str], rows: list[list[Any]]) -> None:
    table = Table(title=title, title_justify="left")
    for name in header:
        table.add_column(name, overflow="fold", no_wrap=name == "id")
    for row in rows:
        table.add_row(*[_cell(value) for value in row])
    _console.print(table)


def _cell(value: Any) -> str:
    from rich.markup import escape

    if value is None:
        return ""
    if isinstance(value, list):
        return "\n".join(escape(sample[:60]) for sample in value)
    return escape(f"{value:%Y-%m-%d %H:%M}" if hasattr(value, "strftime") else str(value))


def _in_words(fields: dict[str, Any]) -> list[str]:
    return [f"{name} {value}" for name, value in fields.items()]


def _key_json(key: AccessKey) -> dict[str, Any]:
    shown = _plain_json(key)
    del shown["projectId"]
    return shown


def _who(entry: AuditEntry) -> str:
    return f"{entry.session_user}, by {entry.actor}" if entry.session_user else entry.actor


def _end_of(key: AccessKey) -> str:
    end = key.revoked_at or dt.datetime.max.replace(tzinfo=dt.UTC)
    verb = "ends" if end > dt.datetime.now(dt.UTC) else "ended"
    return f"{verb} at {end:%Y-%m-%d %H:%M} UTC"


def _plain_json(record: Any) -> dict[str, Any]:
    """A record of the store as the API would show it: camelCase names, times in UTC."""
    from pydantic.alias_generators import to_camel

    return {
        to_camel(name): _json_value(value) for name, value in dataclasses.asdict(record).items()
    }


def _json_value(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, dict):
        return {name: _json_value(inner) for name, inner in value.items()}
    return value


def _job_json(job: ImportJob) -> dict[str, Any]:
    from impler_pipelines.control_api.views import import_job_summary

    return import_job_summary(job, None).model_dump(mode="json", by_alias=True)


@contextmanager
def _store() -> Iterator[Connection]:
    from impler_pipelines.store.engine import open_store, transaction

    engine = open_store(_settings().store_url, pool_size=1)
    try:
        with transaction(engine) as connection:
            yield connection
    finally:
        engine.dispose()


def _settings() -> Settings:
    return Settings.load()


def _fail(message: str, *, status: int = 1) -> NoReturn:
    _errors.print(f"[red]error:[/] {message}", highlight=False, soft_wrap=True)
    raise SystemExit(status)
