"""`import`: import jobs, their runs and rejects."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from impler_pipelines.cli.access import speak, store
from impler_pipelines.cli.output import AsJson, errors, fail, print_table
from impler_pipelines.settings import Settings

if TYPE_CHECKING:
    from impler_pipelines.model import ImportJob, Run

app = typer.Typer(no_args_is_help=True, help="Import jobs: list, run, pause, resume, delete.")

JobId = Annotated[str, typer.Argument(help="The import job's id.")]


@app.command("list")
def list_jobs(
    user: Annotated[str | None, typer.Option(help="Only this user's (externalUserId).")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    as_json: AsJson = False,
) -> None:
    """List the live import jobs of this installation, newest first."""
    from impler_pipelines.store.import_jobs import list_import_jobs

    with store() as connection:
        found = list_import_jobs(connection, limit=limit, external_user_id=user)
    if as_json:
        typer.echo(json.dumps([_job_json(job) for job in found], ensure_ascii=False))
        return
    rows = [
        [job.id, job.external_user_id, job.status, job.next_run, job.total_records, job.last_error]
        for job in found
    ]
    header = ["id", "user", "status", "next run", "records", "last error"]
    print_table(f"{len(found)} import jobs", header, rows)


@app.command("run")
def run_job(job_id: JobId, as_json: AsJson = False) -> None:
    """Run one import job now, in this process; no daemon is needed."""
    from impler_pipelines.control_api.schemas.runs import RunRead
    from impler_pipelines.orchestration.foreground import run_in_foreground

    speak()
    with _run_progress() as report:
        finished = run_in_foreground(Settings.load(), job_id, report)
    document = RunRead.model_validate(finished).model_dump(mode="json", by_alias=True)
    if as_json:
        typer.echo(json.dumps(document, ensure_ascii=False))
    else:
        counts = ("records", "valid", "invalid", "inserted", "updated", "unchanged", "deleted")
        known = [f"{document[name]:,} {name}" for name in counts if document[name] is not None]
        typer.echo("  ".join([str(finished.status), *known]))
    if finished.error:
        fail(finished.error)


@app.command("runs")
def list_runs(
    job_id: JobId,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 20,
    as_json: AsJson = False,
) -> None:
    """List an import job's runs, newest first: what each loaded, and why it failed."""
    from impler_pipelines.control_api.schemas.runs import RunRead
    from impler_pipelines.store import runs
    from impler_pipelines.store.import_jobs import lock_import_job

    with store() as connection:
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
    print_table(f"{len(found)} runs of {job_id}", header, rows)


@app.command("rejects")
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

    with store() as connection:
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


@app.command("pause")
def pause_job(job_id: JobId, as_json: AsJson = False) -> None:
    """Pause an import job."""
    from impler_pipelines.store.import_jobs import pause_import_job

    _change(pause_import_job, job_id, as_json)


@app.command("resume")
def resume_job(job_id: JobId, as_json: AsJson = False) -> None:
    """Resume a paused import job."""
    from impler_pipelines.store.import_jobs import resume_import_job

    _change(resume_import_job, job_id, as_json)


@app.command("delete")
def delete_job(job_id: JobId, as_json: AsJson = False) -> None:
    """Delete an import job; rows that it has loaded stay."""
    from impler_pipelines.store.import_jobs import terminate_import_job

    _change(terminate_import_job, job_id, as_json)


def _rows_in_words(run: Run) -> str:
    counts = ("valid", "invalid", "inserted", "updated", "deleted")
    return ", ".join(f"{number} {name}" for name in counts if (number := getattr(run, name)))


def _change(transition: Any, job_id: str, as_json: bool) -> None:
    from impler_pipelines.store.projects import database_time

    speak()
    with store() as connection:
        job = transition(connection, job_id, now=database_time(connection))
    if as_json:
        typer.echo(json.dumps(_job_json(job), ensure_ascii=False))
    else:
        typer.echo(f"Import job {job.id} is {job.status}.")


def _job_json(job: ImportJob) -> dict[str, Any]:
    from impler_pipelines.control_api.views import import_job_summary

    return import_job_summary(job, None).model_dump(mode="json", by_alias=True)


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
    with Progress(*columns, console=errors, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("starting", total=len(ops), done="")

        def report(op: str, done: int, unit: str) -> None:
            progress.update(task, description=op, completed=ops.index(op), done=f"{done:,} {unit}")

        yield report
        progress.update(task, description="done", completed=len(ops))
