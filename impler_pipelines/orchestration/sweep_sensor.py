"""The sensor that keeps Dagster's own data, and what failed runs left, from growing for ever.

It needs the store and Dagster's storage, not the webserver.
"""

from __future__ import annotations

import time

from dagster import (
    DefaultSensorStatus,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from impler_pipelines import logs
from impler_pipelines.orchestration.history import DagsterHistory
from impler_pipelines.orchestration.names import SWEEP_SENSOR
from impler_pipelines.orchestration.runtime import Runtime, utc_now
from impler_pipelines.orchestration.sweeping import Bound, Progress, Sweeper

INTERVAL_SECONDS = 60


def build_sweep_sensor(runtime: Runtime) -> SensorDefinition:
    """Build ``sweep_history``."""
    history: DagsterHistory | None = None

    @sensor(
        name=SWEEP_SENSOR,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
    )
    def sweep_history(context: SensorEvaluationContext) -> SensorResult:
        """Delete old runs, ticks, compute logs and artifacts, as the IMPLER_KEEP_… settings say."""
        nonlocal history
        history = history or DagsterHistory.on_kept_connections(context.instance)
        sweeper = Sweeper(runtime, history, utc_now(), Bound())
        begun = time.perf_counter()
        progress = sweeper.sweep(Progress.read(context.cursor))
        reason = "; ".join(sweeper.done) or "Nothing is old enough to be deleted."
        if sweeper.done:
            logs.note("history.swept", did=reason, seconds=time.perf_counter() - begun)
        return SensorResult(skip_reason=SkipReason(reason), cursor=progress.as_cursor())

    return sweep_history
