"""Processes that run an import job, or send its pages, and are killed at a chosen moment of it.

They are forked from a server that has imported everything, so that fifty of them take a minute or
two. A moment is the end of an op, or the n-th statement or commit on any database.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import dataclass
from typing import Any

from dagster import DagsterInstance, HookContext, success_hook
from sqlalchemy import Engine, event

from impler_pipelines.orchestration.jobs import build_job
from impler_pipelines.orchestration.names import RUN_ID_TAG
from impler_pipelines.orchestration.runtime import Runtime
from impler_pipelines.orchestration.sending import Sender
from impler_pipelines.settings import Settings

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        "impler_pipelines_tests.orchestration.killed",
        "impler_pipelines.orchestration.fetching",
        "impler_pipelines.orchestration.extracting",
        "impler_pipelines.orchestration.mapping_rows",
        "impler_pipelines.orchestration.loading",
        "impler_pipelines.orchestration.outgoing",
        # What Dagster imports when an instance is opened and a run begins.
        *("alembic.command", "mako.template", "rich.console", "rich.traceback", "structlog"),
        *("tqdm", "watchdog.observers"),
    ]
)
_PATIENCE_SECONDS = 120.0


@dataclass(frozen=True)
class Moment:
    """When a process kills itself: at the end of an op, or before its n-th statement or commit."""

    op: str | None = None
    statement: int | None = None


NEVER = Moment()


def in_a_process(settings: Settings, job_id: str, run_id: str, moment: Moment = NEVER) -> int:
    """Execute a Run in a process; the number of statements it made, or -9 if it was killed."""
    return _forked(_run, settings, moment, job_id, run_id)


def sent_in_a_process(settings: Settings, moment: Moment = NEVER) -> int:
    """Send what is due to webhooks in a process, likewise."""
    return _forked(_send, settings, moment)


def _forked(work: Any, settings: Settings, moment: Moment, *arguments: str) -> int:
    mine, theirs = _FORKS.Pipe(duplex=False)
    process = _FORKS.Process(target=work, args=(settings, moment, theirs, *arguments))
    process.start()
    theirs.close()
    try:
        process.join(_PATIENCE_SECONDS)
        assert process.exitcode in (0, -signal.SIGKILL), f"it ended with {process.exitcode}"
        return int(mine.recv()) if process.exitcode == 0 else -signal.SIGKILL
    finally:
        mine.close()
        process.close()


def _run(settings: Settings, moment: Moment, made: Any, job_id: str, run_id: str) -> None:
    @success_hook
    def op_ends(context: HookContext) -> None:
        if context.op.name == moment.op:
            _die()

    count = _count_statements(moment)
    runtime = Runtime(settings, retry_waits=(0.0, 0.0, 0.0))
    with DagsterInstance.ephemeral() as instance:
        build_job(runtime, job_id).with_hooks({op_ends}).execute_in_process(
            instance=instance, raise_on_error=False, tags={RUN_ID_TAG: run_id}
        )
    made.send(len(count))


def _send(settings: Settings, moment: Moment, made: Any) -> None:
    count = _count_statements(moment)
    Sender(Runtime(settings), 60).send_due()
    made.send(len(count))


def _count_statements(moment: Moment) -> list[str]:
    seen: list[str] = []

    def note(words: str) -> None:
        if len(seen) == moment.statement:
            _die()
        seen.append(words)

    @event.listens_for(Engine, "before_cursor_execute")
    def before(_: Any, __: Any, statement: str, *___: Any) -> None:
        note(statement)

    @event.listens_for(Engine, "commit")
    def commit(_: Any) -> None:
        note("COMMIT")

    return seen


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
