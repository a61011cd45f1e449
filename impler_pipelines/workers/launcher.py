"""Dagster's launcher of runs on warm workers: Celery's, which believes the store before the broker.

Whether a run that has begun is alive is known by its sign of life in the store. A broker that was
restarted and has forgotten what became of a task fails no run, and one that can't be reached
neither.
"""

from __future__ import annotations

from typing import Any

from dagster import DagsterRun, DagsterRunStatus
from dagster_celery.launcher import (  # type: ignore[attr-defined]  # its own, of its signatures
    CeleryRunLauncher,
    CheckRunHealthResult,
    LaunchRunContext,
    WorkerStatus,
)
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from impler_pipelines.workers.celery_settings import TASK_CLASS, celery_settings

_BROKER_IS_AWAY = (OperationalError, RedisError)


class WarmWorkerLauncher(CeleryRunLauncher):
    """The ``run_launcher`` of ``deploy/celery/dagster.yaml``; its configuration is Celery's."""

    def __init__(self, *, config_source: dict[str, Any] | None = None, **options: Any) -> None:
        super().__init__(config_source=celery_settings() | (config_source or {}), **options)

    def app_args(self) -> dict[str, Any]:
        """The arguments of the Celery app."""
        return {**super().app_args(), "task_cls": TASK_CLASS}

    def launch_run(self, context: LaunchRunContext) -> None:
        """Send the run to a worker. If the broker is away it is launched again when it is back."""
        try:
            super().launch_run(context)
        except _BROKER_IS_AWAY:
            self._instance.report_engine_event(
                "The broker can't be reached. The run is launched again when it can.",
                context.dagster_run,
                cls=type(self),
            )

    def terminate(self, run_id: str) -> bool:
        """Interrupt the run where it is, as Dagster's own launcher does, and let its worker go on.

        A task that has not begun never will. False for a run that has no task.
        """
        run = self._instance.get_run_by_id(run_id)
        if run is None or DAGSTER_CELERY_TASK_ID_TAG not in run.tags:
            return False
        task = self.celery.AsyncResult(run.tags[DAGSTER_CELERY_TASK_ID_TAG])
        task.revoke(terminate=True, signal="SIGINT")
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """How the run's task is, as far as the broker can tell.

        * FAILED where its process died
        * NOT_FOUND where it has not begun, and the broker knows nothing of it (any more)
        * else RUNNING
        """
        task_id = run.tags.get(DAGSTER_CELERY_TASK_ID_TAG, run.run_id)  # which is no task's
        try:
            state = self.celery.AsyncResult(task_id).state
        except _BROKER_IS_AWAY:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        if state == "FAILURE":
            return CheckRunHealthResult(WorkerStatus.FAILED, "The worker's process has died.")
        if state == "PENDING" and run.status is DagsterRunStatus.STARTING:
            return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "The broker has lost its task.")
        return CheckRunHealthResult(WorkerStatus.RUNNING)
