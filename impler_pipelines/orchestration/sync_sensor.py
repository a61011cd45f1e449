"""The sensor that makes Dagster converge to the store, and lets Dagster's toggles flow back.

Each tick, in this order, and at most one reload a tick:

1. definitions that differ from the snapshot: reload the code location; when the webserver has it,
   the steps below find the new jobs there, though this process still has the old snapshot. Once a
   minute all are compared, otherwise those changed lately. A reload that took long is followed by a
   pause; what comes meanwhile is reloaded at once after it
2. runs that silently ended or were cancelled, due times that no tick claimed, import jobs that
   are past their end
3. runs asked for: launched, unless a Dagster run carries their tag already
4. once a minute: schedules switched in Dagster flow back
5. schedules whose import job changed its state: started or stopped
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import partial

from dagster import (
    DefaultSensorStatus,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from impler_pipelines.errors import DagsterUnavailable
from impler_pipelines.orchestration.launched_runs import is_forgotten
from impler_pipelines.orchestration.names import SYNC_SENSOR
from impler_pipelines.orchestration.runtime import Runtime
from impler_pipelines.orchestration.snapshot import Snapshot
from impler_pipelines.orchestration.sync_cursor import SyncCursor
from impler_pipelines.orchestration.sync_log import tick_told
from impler_pipelines.orchestration.synchronizing import Synchronizer

# The daemon looks every five seconds and would find an interval of five just short of over.
INTERVAL_SECONDS = 4


def build_sync_sensor(runtime: Runtime, snapshot: Callable[[], Snapshot]) -> SensorDefinition:
    """Build ``sync_import_jobs``; ``snapshot`` gives what this process has loaded."""

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
        sync = Synchronizer(runtime, runtime.now(), partial(is_forgotten, context.instance))
        before = SyncCursor.read(context.cursor)
        swept_at = before.swept_at
        try:
            with tick_told(runtime, sync):
                swept_at = _synchronize(sync, snapshot(), before)
        except DagsterUnavailable as error:
            # At start the daemon ticks before the webserver is up. What is left waits for a tick.
            # Told by tick_told. Not by context.log: each tick that uses it leaves a file for ever.
            sync.done.append(f"{error} The rest waits for the next tick.")
        after = SyncCursor(swept_at, sync.reload or before.reload)
        said = list(sync.done)
        if sync.waits_for_reload:
            said.append(f"The next reload waits a moment: {sync.waits_for_reload}")
        reason = "; ".join(said) or "Everything is in step."
        return SensorResult(skip_reason=SkipReason(reason), cursor=after.write())

    return sync_import_jobs


def _synchronize(sync: Synchronizer, snapshot: Snapshot, cursor: SyncCursor) -> dt.datetime | None:
    """Take the steps; returns when definitions and schedules were last compared whole."""
    sweep_is_due = cursor.sweep_is_due(sync.now)
    sync.reload_if_changed(snapshot, whole=sweep_is_due, wait=cursor.reload_waits(sync.now))
    sync.settle_silent_runs()
    sync.end_cancelled_runs()
    sync.settle_time()
    sync.launch_runs()
    if sweep_is_due:
        sync.adopt_toggles()
        sync.end_abandoned_runs()
    sync.switch_schedules()
    return sync.now if sweep_is_due else cursor.swept_at
