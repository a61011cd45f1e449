"""The sensor that tells operators of failed Dagster runs. What a project is told is ``store``'s.

It is there when ``IMPLER_FAILURE_WEBHOOK_URL`` is set. It tells what Dagster knows, too: runs whose
process did not start, or was lost, and which the store goes on with.
"""

from __future__ import annotations

from typing import Any

from dagster import (
    DefaultSensorStatus,
    RunFailureSensorContext,
    SensorDefinition,
    run_failure_sensor,
)

from impler_pipelines import logs
from impler_pipelines.errors import PipelineError
from impler_pipelines.model import Run
from impler_pipelines.orchestration.names import (
    FAILURE_SENSOR,
    IMPORT_JOB_TAG,
    RUN_ID_TAG,
    TEMPLATE_TAG,
)
from impler_pipelines.orchestration.runtime import Runtime
from impler_pipelines.store import runs

INTERVAL_SECONDS = 30
_TIMEOUT_SECONDS = 10.0
_SETTING = "IMPLER_FAILURE_WEBHOOK_URL"


def build_failure_sensor(runtime: Runtime) -> SensorDefinition:
    """Build ``tell_operators``."""

    @run_failure_sensor(
        name=FAILURE_SENSOR,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
    )
    def tell_operators(context: RunFailureSensorContext) -> None:
        """POST each failed Dagster run to IMPLER_FAILURE_WEBHOOK_URL, once, as JSON.

        `text` is a sentence that chat systems show. A message that is not taken is not tried again:
        the tick then fails and says why.
        """
        import requests

        tags = context.dagster_run.tags
        with runtime.transaction() as connection:
            run = runs.find_run(connection, tags.get(RUN_ID_TAG, ""))
        message = _message(context, run, runtime.settings.dagster_webserver_url)
        with requests.Session() as session:
            session.trust_env = False
            try:
                answer = session.post(
                    runtime.settings.failure_webhook_url, json=message, timeout=_TIMEOUT_SECONDS
                )
            except requests.RequestException as error:  # whose words hold the address, a secret
                raise PipelineError(f"{_SETTING}: no answer ({type(error).__name__}).") from None
        if not answer.ok:
            raise PipelineError(f"{_SETTING}: answered with HTTP status {answer.status_code}.")
        logs.note("failure.told", dagster_run_id=context.dagster_run.run_id)

    return tell_operators


def _message(context: RunFailureSensorContext, run: Run | None, dagster_url: str) -> dict[str, Any]:
    dagster_run, tags = context.dagster_run, context.dagster_run.tags
    url = f"{dagster_url}/runs/{dagster_run.run_id}"
    error = run.error if run and run.error else context.failure_event.message
    goes_on = run is not None and run.status in runs.ACTIVE
    more = " It is run again by itself." if goes_on else ""
    return {
        "text": f"A run of {dagster_run.job_name} failed: {error}{more} {url}",
        "dagsterRunId": dagster_run.run_id,
        "job": dagster_run.job_name,
        "runId": tags.get(RUN_ID_TAG),
        "importJobId": tags.get(IMPORT_JOB_TAG),
        "templateId": tags.get(TEMPLATE_TAG),
        "error": error,
        "runsAgain": goes_on,
        "url": url,
    }
