"""The sensor that sends what waits for webhooks. It needs the store and the receivers alone."""

from __future__ import annotations

from dagster import (
    DefaultSensorStatus,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from impler_pipelines.orchestration.names import SEND_SENSOR
from impler_pipelines.orchestration.runtime import Runtime

INTERVAL_SECONDS = 4
_SECONDS_A_TICK = 20.0  # and one more try: well below what the daemon waits for a tick


def build_send_sensor(runtime: Runtime) -> SensorDefinition:
    """Build ``send_webhooks``."""

    @sensor(
        name=SEND_SENSOR,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
    )
    def send_webhooks(_: SensorEvaluationContext) -> SensorResult:
        """Send pages of loaded rows to the templates' webhooks, every few seconds.

        A page that its receiver does not take is tried again later, and the pages behind it wait.
        Switched off, pages wait in the store until it is on again; nothing is lost.
        """
        # Most installations have no webhook: an HTTP client is loaded when there is.
        from impler_pipelines.orchestration.sending import Sender

        sent = Sender(runtime, _SECONDS_A_TICK).send_due()
        waits = not (sent.taken or sent.failed or sent.dead)
        return SensorResult(skip_reason=SkipReason("Nothing is due." if waits else f"{sent}."))

    return send_webhooks
