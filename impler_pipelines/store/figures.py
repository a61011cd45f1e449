"""The figures of one moment that metrics show: what is there, what waits, what is late.

Each comes from an index over what is live, so that history does not make a scrape slower.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from impler_pipelines.model import ImportJobStatus, RunStatus
from impler_pipelines.store.import_jobs import LIVE
from impler_pipelines.store.runs import ACTIVE
from impler_pipelines.store.sync_ticks import SyncTick, last_tick
from impler_pipelines.store.tables import import_jobs, runs
from impler_pipelines.store.tallies import Totals, read_tallies
from impler_pipelines.store.webhook_pages import count_pages


@dataclass(frozen=True)
class Figures:
    """Moments are those of the oldest: None where there is none of the kind.

    ``oldest_unsynced``: the oldest change to an import job that no tick has carried to Dagster.
    """

    import_jobs: Mapping[str, int]
    failing: int
    most_failures: int
    active_runs: Mapping[str, int]
    oldest_queued: dt.datetime | None
    oldest_running: dt.datetime | None
    oldest_due: dt.datetime | None
    tick: SyncTick | None
    oldest_unsynced: dt.datetime | None
    totals: Totals
    webhook_pages: Mapping[str, int]


def read_figures(connection: Connection) -> Figures:
    """Every figure, as the store has it now."""
    jobs = import_jobs.c
    failing = func.count().filter(jobs.consecutive_failures > 0)
    by_status = connection.execute(
        select(jobs.status, func.count(), failing, func.max(jobs.consecutive_failures))
        .where(LIVE)
        .group_by(jobs.status)
    ).all()
    active = {
        row[0]: row
        for row in connection.execute(
            select(
                runs.c.status,
                func.count(),
                func.min(runs.c.created_at),
                func.min(runs.c.started_at),
            )
            .where(runs.c.status.in_(ACTIVE))
            .group_by(runs.c.status)
        )
    }
    queued, running = active.get(RunStatus.QUEUED), active.get(RunStatus.RUNNING)
    tick = last_tick(connection)
    return Figures(
        import_jobs={status: number for status, number, _, _ in by_status},
        failing=sum(failing for _, _, failing, _ in by_status),
        most_failures=max((most for _, _, _, most in by_status), default=0),
        active_runs={status: row[1] for status, row in active.items()},
        oldest_queued=queued[2] if queued else None,
        oldest_running=running[3] if running else None,
        oldest_due=connection.scalar(
            select(func.min(jobs.next_run)).where(jobs.status == ImportJobStatus.RUNNING)
        ),
        tick=tick,
        oldest_unsynced=_oldest_change(connection, after=tick.in_step_at if tick else None),
        totals=read_tallies(connection),
        webhook_pages=count_pages(connection),
    )


def _oldest_change(connection: Connection, *, after: dt.datetime | None) -> dt.datetime | None:
    query = select(func.min(import_jobs.c.updated_at))
    if after is not None:
        query = query.where(import_jobs.c.updated_at > after)
    oldest: dt.datetime | None = connection.scalar(query)
    return oldest
