"""Import jobs that keep failing: when they count so, how long they wait, who is told. It runs none.

* An import job is failing from its third failed run in a row until its first success.
* While it is failing the time between its runs doubles with each failure, up to a day. It never
  stops: there is always a next run, and edits, a resume and runs by hand are as ever.
* The project's webhook is told once that it is failing, and once that it has recovered.

Called with the import job's lock held, in the transaction that ends its run.
"""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

from sqlalchemy import Connection, Row

from impler_pipelines import logs
from impler_pipelines.model import ImportJobStatus
from impler_pipelines.scheduling import next_run, next_runs
from impler_pipelines.store.due_times import move_next_run, postpone, timing_of_row
from impler_pipelines.store.events import leave_event
from impler_pipelines.store.import_job_rows import read_row, write_row

FAILING_AFTER = 3
LONGEST_WAIT = dt.timedelta(days=1)
_MOST_DOUBLINGS = 12  # of a minute: three days


def note_failure(connection: Connection, job_id: str, run_id: str, *, now: dt.datetime) -> None:
    """A run has failed, and is counted: back off, and tell of it, if it was one too many."""
    row = read_row(connection, job_id)
    if row.consecutive_failures < FAILING_AFTER or row.upload is not None:
        return
    _back_off(connection, row, now=now)
    if row.failing_since is None:
        _become(connection, "import_job.failing", row, run_id, since=now, now=now)


def note_recovery(connection: Connection, job_id: str, run_id: str, *, now: dt.datetime) -> None:
    """A run of a failing import job has succeeded: it is back on its schedule."""
    row = read_row(connection, job_id)
    is_overdue = row.next_run is not None and row.next_run <= now
    if row.status == ImportJobStatus.RUNNING and not is_overdue:
        move_next_run(connection, row, after=now)
    _become(connection, "import_job.recovered", row, run_id, since=None, now=now)


def back_off(between: dt.timedelta, failures: int) -> dt.timedelta:
    """The time between the runs of a schedule that has failed so often in a row.

    Twice as long from the third failure, four times from the fourth, and so on up to a day; a
    schedule that is slower than that stays as it is.
    """
    doublings = min(max(failures - FAILING_AFTER + 1, 0), _MOST_DOUBLINGS)
    return max(between, min(between * (1 << doublings), LONGEST_WAIT))


def _back_off(connection: Connection, row: Row[Any], *, now: dt.datetime) -> None:
    """Let the next run be later. The last runs before the end of a schedule are not put off."""
    timing = timing_of_row(row)
    ahead = next_runs(timing, now, 2) if timing else []
    if timing is None or len(ahead) < 2:
        return
    between = ahead[1] - ahead[0]
    wait = back_off(between, row.consecutive_failures)
    while wait > between and next_run(timing, now + wait - between) is None:
        wait /= 2
    if wait > between:
        postpone(connection, row.id, until=now + wait - between)


def _become(
    connection: Connection,
    event: str,
    row: Row[Any],
    run_id: str,
    *,
    since: dt.datetime | None,
    now: dt.datetime,
) -> None:
    row = write_row(connection, row, failing_since=since)
    logs.note(
        event,
        level=logging.WARNING if since else logging.INFO,
        import_job_id=row.id,
        run_id=run_id,
        consecutive_failures=row.consecutive_failures,
        next_run=row.next_run,
    )
    leave_event(connection, event, row, run_id, now=now)
