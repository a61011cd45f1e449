"""The sensor that keeps Dagster's own data, and what failed runs left, from growing for ever.

It needs the store and Dagster's storage, not the webserver.
"""

from __future__ import annotations

from dagster import (
    DefaultSensorStatus,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from impler_pipelines.orchestration.history import DagsterHistory
from impler_pipelines.orchestration.names import SWEEP_SENSOR
from impler_pipelines.orchestration.runtime import Runtime, utc_now
from impler_pipelines.orchestration.sweeping import Bound, Progress, Sweeper

INTERVAL_SECONDS = 60


def build_sweep_sensor(runtime: Runtime) -> SensorDefinition:
    """Build ``sweep_history``."""

    @sensor(
        name=SWEEP_SENSOR,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
    )
    def sweep_history(context: SensorEvaluationContext) -> SensorResult:
        """Delete old runs, ticks, compute logs and artifacts, as the IMPLER_KEEP_… settings say."""
        sweeper = Sweeper(runtime, DagsterHistory(context.instance), utc_now(), Bound())
        progress = sweeper.sweep(Progress.read(context.cursor))
        reason = "; ".join(sweeper.done) or "Nothing is old enough to be deleted."
        return SensorResult(skip_reason=SkipReason(reason), cursor=progress.as_cursor())

    return sweep_history
