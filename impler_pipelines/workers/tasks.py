"""A Dagster run as a task of Celery's: known to the broker before it is sent, begun where it fits.

What is done in it is Dagster's own.
"""

from __future__ import annotations

import logging
import os
import signal
from functools import cache
from typing import Any

from celery import Task
from celery.exceptions import Reject
from celery.utils import uuid
from sqlalchemy import Engine

from impler_pipelines import logs
from impler_pipelines.errors import StateConflict

SENT = "SENT"
_RUN_ID = "pipeline_run_id"  # so Dagster 1.13 writes it into a task


class RunTask(Task):  # type: ignore[misc]  # Celery has no types
    """The class of all tasks of launcher and workers."""

    def apply_async(
        self, args: Any = None, kwargs: Any = None, task_id: str | None = None, **options: Any
    ) -> Any:
        """Send it. That it was sent is noted first, so that a broker without its data is found."""
        task_id = task_id or uuid()
        self.backend.store_result(task_id, None, SENT)
        return super().apply_async(args, kwargs, task_id=task_id, **options)

    def __call__(self, execute_job_args_packed: dict[str, Any]) -> Any:
        """Execute the run, unless another process has it: by this task, which came twice, or by
        another, where two daemons launched it.

        Where the store's tables are of another version of the code it is given back for another
        worker, and this one stops: its other runs are finished first.
        """
        from impler_pipelines.store.execution_locks import taken
        from impler_pipelines.store.migrations import refuse_other_revision

        try:
            run_id = execute_job_args_packed[_RUN_ID]
            with taken(_locks(), run_id, if_fit=refuse_other_revision) as ours:
                return super().__call__(execute_job_args_packed) if ours else None
        except StateConflict as error:
            logs.note("worker.outdated", level=logging.ERROR, error=error)
            os.kill(os.getppid(), signal.SIGTERM)
            raise Reject(str(error), requeue=True) from error


@cache
def _locks() -> Engine:
    from impler_pipelines.settings import Settings
    from impler_pipelines.store.engine import open_for_locks

    return open_for_locks(Settings.load().store_url)
