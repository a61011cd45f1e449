"""Dagster runs that were launched and not begun: whether a process for one can still come.

Dagster asks a launcher for the health of runs that have started alone. One whose task was lost on
its way to a worker would wait for the end of ``start_timeout_seconds``.
"""

from __future__ import annotations

import datetime as dt

from dagster import DagsterInstance, DagsterRunStatus

from impler_pipelines.orchestration.runtime import utc_now

# The launcher notes where it has put a run a moment after it has put it there.
_LAUNCHES_FOR = dt.timedelta(seconds=15)
_NEVER_BEGINS = frozenset({"NOT_FOUND", "FAILED", "SUCCESS"})


def is_forgotten(instance: DagsterInstance, dagster_run_id: str) -> bool:
    """Whether no process will begin the run; False where the launcher can't tell."""
    launcher = instance.run_launcher
    record = instance.get_run_record_by_id(dagster_run_id)
    if record is None or not launcher.supports_check_run_worker_health:
        return False
    if record.update_timestamp > utc_now() - _LAUNCHES_FOR:
        return False
    health = launcher.check_run_worker_health(record.dagster_run).status.value
    run = instance.get_run_by_id(dagster_run_id)  # it may have begun, and ended, meanwhile
    starting = run is not None and run.status is DagsterRunStatus.STARTING
    return starting and health in _NEVER_BEGINS
