"""What is told of a Run: log lines, counters, and rows of the audit log. It changes no Run.

Called in the transaction of the change, so both say what was committed, once.
"""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

from sqlalchemy import Connection, select

from impler_pipelines import logs
from impler_pipelines.model import Run, RunStatus, Trigger
from impler_pipelines.store import audit
from impler_pipelines.store.tables import import_jobs
from impler_pipelines.store.tallies import Tally, add_tallies, observation

_COUNTS = (
    "http_status",
    "bytes",
    "records",
    "filtered",
    "valid",
    "invalid",
    "inserted",
    "updated",
    "unchanged",
    "deleted",
)


def ids_of(run: Run) -> dict[str, Any]:
    """The ids that every line on a Run carries; a request's own id comes before the Run's."""
    return {
        "run_id": run.id,
        "import_job_id": run.import_job_id,
        "dagster_run_id": run.dagster_run_id,
        "request_id": logs.bound_value("request_id") or run.request_id,
    }


def audit_run(connection: Connection, action: str, run: Run, **outcome: Any) -> None:
    """Someone did this to a Run: a row of the audit log, beside the lines that tell of it."""
    owner = select(import_jobs.c.project_id, import_jobs.c.template_id)
    row = connection.execute(owner.where(import_jobs.c.id == run.import_job_id)).one()
    audit.record(
        connection,
        action,
        project_id=row.project_id,
        template_id=row.template_id,
        import_job_id=run.import_job_id,
        run_id=run.id,
        **outcome,
    )


def tell_asked(run: Run) -> None:
    """A Run was asked for, or claimed by a tick of its schedule."""
    event = "run.claimed" if run.trigger is Trigger.SCHEDULE else "run.asked"
    logs.note(event, **ids_of(run), trigger=run.trigger, due_at=run.due_at)


def tell_begun(connection: Connection, run: Run, *, now: dt.datetime) -> None:
    """An attempt has begun."""
    late = max((now - run.due_at).total_seconds(), 0.0) if run.due_at else None
    attempt = run.attempts
    logs.note("run.begun", **ids_of(run), trigger=run.trigger, attempt=attempt, late_seconds=late)
    add_tallies(connection, Tally("run_attempts", run.trigger, 1))
    if attempt == 1 and late is not None:
        add_tallies(connection, *observation("run_start_delay_seconds", run.trigger, late))


def tell_given_back(run: Run) -> None:
    """The process of a Run was lost; it waits to be launched again."""
    logs.note("run.given_back", level=logging.WARNING, **ids_of(run), attempts=run.attempts)


def tell_ended(connection: Connection, run: Run) -> None:
    """A Run has ended, in whatever way; what it counted is told for the way it ended."""
    seconds = None
    if run.started_at and run.ended_at:
        seconds = max((run.ended_at - run.started_at).total_seconds(), 0.0)
    logs.note(
        "run.ended",
        level=logging.WARNING if run.status is RunStatus.FAILED else logging.INFO,
        **ids_of(run),
        status=run.status,
        trigger=run.trigger,
        attempts=run.attempts,
        seconds=seconds,
        **{name: getattr(run, name) for name in _COUNTS},
        error=run.error,
    )
    add_tallies(connection, Tally("runs_ended", run.status, 1))
    if seconds is not None:
        add_tallies(connection, *observation("run_duration_seconds", run.status, seconds))
    if run.status is RunStatus.SUCCESS:
        add_tallies(
            connection,
            Tally("records", "valid", run.valid or 0),
            Tally("records", "rejected", run.invalid or 0),
            Tally("records", "filtered", run.filtered or 0),
            *(
                Tally("rows", change, getattr(run, change) or 0)
                for change in ("inserted", "updated", "unchanged", "deleted")
            ),
        )
