"""Runs: asked for, attempted, ended; and their rejects.

A Run is the identity of a load; executions in Dagster are its attempts.
"""

from impler_pipelines.store.runs.asked import (
    ACTIVE,
    ask_for_run,
    cancel_active_runs,
    cancel_queued_runs,
    confirm_deletions,
    enqueue_run,
    find_run,
    find_run_of,
    get_run,
    has_active_run,
    list_runs,
    lock_status,
    retry_rejects,
    run_now,
)
from impler_pipelines.store.runs.attempts import (
    DEAD_AFTER_SECONDS,
    DONE,
    HEARTBEAT_SECONDS,
    beat,
    begin_attempt,
    note_progress,
)
from impler_pipelines.store.runs.controls import cancel_by_request, retry_failed
from impler_pipelines.store.runs.endings import (
    begin_load,
    cancel_run,
    fail_run,
    give_back,
    record_load,
    record_unchanged,
    refuse_if_unwanted,
)
from impler_pipelines.store.runs.kept import (
    active_ids,
    sweep_rejects,
    sweep_runs,
    unchanged_dagster_runs,
)
from impler_pipelines.store.runs.rejects import (
    list_rejects,
    reject_batches,
    reject_fields,
    reject_places,
    replace_rejects,
)

__all__ = [
    "ACTIVE",
    "DEAD_AFTER_SECONDS",
    "DONE",
    "HEARTBEAT_SECONDS",
    "active_ids",
    "ask_for_run",
    "beat",
    "begin_attempt",
    "begin_load",
    "cancel_active_runs",
    "cancel_by_request",
    "cancel_queued_runs",
    "cancel_run",
    "confirm_deletions",
    "enqueue_run",
    "fail_run",
    "find_run",
    "find_run_of",
    "get_run",
    "give_back",
    "has_active_run",
    "list_rejects",
    "list_runs",
    "lock_status",
    "note_progress",
    "record_load",
    "record_unchanged",
    "refuse_if_unwanted",
    "reject_batches",
    "reject_fields",
    "reject_places",
    "replace_rejects",
    "retry_failed",
    "retry_rejects",
    "run_now",
    "sweep_rejects",
    "sweep_runs",
    "unchanged_dagster_runs",
]
