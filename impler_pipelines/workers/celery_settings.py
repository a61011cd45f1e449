"""What launcher and workers have to agree on, as Celery's settings. Values alone."""

from __future__ import annotations

from typing import Any

TASK_CLASS = "impler_pipelines.workers.tasks:RunTask"

# A worker's task is then given to another one: in vain if its run has begun.
_REDELIVERED_AFTER_SECONDS = 900
_KNOWN_FOR_SECONDS = 6 * 3600  # start_timeout_seconds in deploy/celery/dagster.yaml


def celery_settings() -> dict[str, Any]:
    """For the broker that ``IMPLER_BROKER_URL`` names.

    A task is a Dagster run. It is acknowledged when it is over, so that one whose worker's host
    went away before the run began is not lost; Dagster ignores a run that comes twice. A process
    that dies in a run fails the task at once, and the Run is launched anew by the sensor, as with
    any launcher.

    Of a task is kept that it was sent, and that it failed: what became of its run is in Dagster
    and the store.
    """
    return {
        "task_acks_late": True,
        "task_reject_on_worker_lost": False,
        "task_ignore_result": True,
        "task_store_errors_even_if_ignored": True,
        "worker_prefetch_multiplier": 1,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_send_task_events": False,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "result_expires": _KNOWN_FOR_SECONDS,
        "broker_connection_retry_on_startup": True,
        "broker_transport_options": {
            "visibility_timeout": _REDELIVERED_AFTER_SECONDS,
            "max_retries": 3,
            "interval_start": 0,
            "interval_step": 0.2,
            "interval_max": 0.5,
        },
        "result_backend_transport_options": {
            "retry_policy": {
                "max_retries": 3,
                "interval_start": 0,
                "interval_step": 0.2,
                "interval_max": 0.5,
            },
        },
    }
