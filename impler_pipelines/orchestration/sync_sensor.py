"""The sensor that makes Dagster converge to the store, and lets Dagster's toggles flow back.

Each tick, in this order, and at most one reload a tick:

1. definitions that differ from the snapshot: reload the code location; when the webserver has it,
   the steps below find the new jobs there, though this process still has the old snapshot
2. runs that silently ended or were cancelled, due times that no tick claimed, import jobs that
   are past their end
3. runs asked for: launched, unless a Dagster run carries their tag already
4. once a minute: schedules switched in Dagster flow back
5. schedules whose import job changed its state: started or stopped
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

from dagster import (
    DefaultSensorStatus,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from impler_pipelines.errors import DagsterUnavailable
from impler_pipelines.orchestration.names import SYNC_SENSOR
from impler_pipelines.orchestration.runtime import Runtime, utc_now
from impler_pipelines.orchestration.sync_log import tick_told
from impler_pipelines.orchestration.synchronizing import Synchronizer
from impler_pipelines.store.sync import Definition

# The daemon looks every five seconds and would find an interval of five just short of over.
INTERVAL_SECONDS = 4
SWEEP_INTERVAL = dt.timedelta(seconds=60)


def build_sync_sensor(
    runtime: Runtime, snapshot: Callable[[], Mapping[str, Definition]]
) -> SensorDefinition:
    """Build ``sync_import_jobs``; ``snapshot`` gives the definitions that this process loaded."""

    @sensor(
        name=SYNC_SENSOR,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
    )
    def sync_import_jobs(context: SensorEvaluationContext) -> SensorResult:
        """Keep Dagster in step with the import jobs, every few seconds.

        New and changed import jobs get their job and schedule, runs that were asked for are
        launched, pauses switch schedules and schedules pause import jobs. Switched off, first runs
        and runs asked for through the API wait. A tick requests no runs by itself: what it did is
        its reason to skip.
        """
        sync = Synchronizer(runtime, utc_now())
        try:
            with tick_told(runtime, sync):
                cursor = _synchronize(sync, snapshot(), context.cursor)
        except DagsterUnavailable as error:
            # At start the daemon ticks before the webserver is up. What is left waits for a tick.
            # Told by tick_told. Not by context.log: each tick that uses it leaves a file for ever.
            sync.done.append(f"{error} The rest waits for the next tick.")
            cursor = context.cursor
        reason = "; ".join(sync.done) or "Everything is in step."
        return SensorResult(skip_reason=SkipReason(reason), cursor=cursor)

    return sync_import_jobs


def _synchronize(
    sync: Synchronizer, snapshot: Mapping[str, Definition], cursor: str | None
) -> str | None:
    """Take the steps; returns the cursor, which is when schedules were last swept."""
    sync.reload_if_changed(snapshot)
    sync.settle_silent_runs()
    sync.end_cancelled_runs()
    sync.settle_time()
    sync.launch_runs()
    sweep_due = cursor is None or sync.now >= dt.datetime.fromisoformat(cursor) + SWEEP_INTERVAL
    if sweep_due:
        sync.adopt_toggles()
        sync.end_abandoned_runs()
    sync.switch_schedules()
    return sync.now.isoformat() if sweep_due else cursor
