"""One run of an import job in the calling process, for the command line. It needs no daemon."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from dagster import ExecuteInProcessResult, Failure

from impler_pipelines.errors import PipelineError, StateConflict
from impler_pipelines.model import ImportJobStatus, Run
from impler_pipelines.orchestration.instance import dagster_instance
from impler_pipelines.orchestration.jobs import build_job
from impler_pipelines.orchestration.names import fetching_host
from impler_pipelines.orchestration.runtime import Runtime, utc_now
from impler_pipelines.settings import Settings
from impler_pipelines.store import runs
from impler_pipelines.store.import_jobs import lock_import_job
from impler_pipelines.store.webhook_pages import lines_due

_log = logging.getLogger(__name__)
_SENDING_SECONDS = 300.0


def run_in_foreground(
    settings: Settings, import_job_id: str, report: Callable[[str, int, str], None]
) -> Run:
    """Run the import job once and return its Run, failed or not.

    ``report(op, done, unit)`` is called as the ops go on. Where ``make run`` has set up Dagster's
    instance the run is recorded there, too. Raises ``NotFound`` for an unknown id and
    ``StateConflict`` for a deleted one.
    """
    runtime = Runtime(settings, report=report)
    with runtime.transaction() as connection:
        job = lock_import_job(connection, import_job_id)
    if job.status is ImportJobStatus.TERMINATED:
        raise StateConflict("A deleted import job can't run.", status=job.status)
    with dagster_instance(settings) as instance:
        result = build_job(runtime, import_job_id).execute_in_process(
            instance=instance,
            raise_on_error=False,
            tags=fetching_host(job.url),
            # The caller reports progress and the Run's error; Dagster would print tracebacks.
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
    _tell_of_the_unexpected(result)
    with runtime.transaction() as connection:
        run = runs.find_run_of(connection, result.run_id)
    if run is None:
        raise PipelineError(_first_failure(result) or "The run did not begin.")
    _send_pages(runtime, import_job_id)
    return run


def _send_pages(runtime: Runtime, import_job_id: str) -> None:
    """Try what now waits for webhooks; what they do not take waits for the daemon."""
    with runtime.transaction() as connection:
        if not lines_due(connection, now=utc_now(), import_job_id=import_job_id):
            return
    from impler_pipelines.orchestration.sending import Sender

    Sender(runtime, _SENDING_SECONDS).send_due(import_job_id)


def _tell_of_the_unexpected(result: ExecuteInProcessResult) -> None:
    """Log what is no error of ours, with its traceback: Dagster's instance may keep nothing."""
    for error in _failures(result):
        if error.cls_name != Failure.__name__:
            for line in filter(str.strip, error.to_string().splitlines()):  # long texts are cut
                _log.error("%s", line)


def _first_failure(result: ExecuteInProcessResult) -> str | None:
    return next((error.message.strip() for error in _failures(result)), None)


def _failures(result: ExecuteInProcessResult) -> list[Any]:
    """Dagster's descriptions of the errors that ops failed with."""
    failed = (event for event in result.all_events if event.is_step_failure)
    return [event.step_failure_data.error for event in failed if event.step_failure_data.error]
