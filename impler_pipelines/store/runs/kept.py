"""Which executions in Dagster are still needed, and which found nothing new. It changes nothing."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, select

from impler_pipelines.model import RunStatus
from impler_pipelines.store.runs.asked import ACTIVE
from impler_pipelines.store.tables import runs


def active_ids(connection: Connection) -> frozenset[str]:
    """The ids of Runs that are queued or running, and those of their Dagster runs."""
    rows = connection.execute(
        select(runs.c.id, runs.c.dagster_run_id).where(runs.c.status.in_(ACTIVE))
    )
    return frozenset(found for row in rows for found in row if found is not None)


def unchanged_dagster_runs(
    connection: Connection, dagster_run_ids: Collection[str]
) -> frozenset[str]:
    """Those of the Dagster runs whose Run ended as UNCHANGED."""
    query = select(runs.c.dagster_run_id).where(
        runs.c.dagster_run_id.in_(dagster_run_ids), runs.c.status == RunStatus.UNCHANGED
    )
    return frozenset(connection.scalars(query))
