"""One Dagster run's work on one Run: begun in the store, kept alive, and ended there by any error.

The one place where errors of the other rooms become Dagster's: terminal ones fail at once,
transient ones are retried in the run with growing waits, a cancelled run ends without outputs.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from types import TracebackType
from typing import Any, Self

from dagster import (
    DagsterExecutionInterruptedError,
    DagsterRun,
    Failure,
    HookContext,
    OpExecutionContext,
    RetryRequested,
    failure_hook,
)
from sqlalchemy import Connection

from impler_pipelines.errors import (
    DeletionsHeld,
    DestinationRefused,
    DestinationUnavailable,
    FeedRefused,
    FeedUnavailable,
    PipelineError,
    RunCancelled,
    StoreUnavailable,
    TransientError,
)
from impler_pipelines.model import FeedState, ImportPlan, Run, RunStatus, Trigger
from impler_pipelines.orchestration.failures import asked_pause, told, waits_too_long, without_cause
from impler_pipelines.orchestration.names import (
    FETCHING_HOST_TAG,
    IMPORT_JOB_TAG,
    MANUAL_JOB,
    RUN_ID_TAG,
    fetched_by,
    import_job_id_of_job,
    run_tags,
)
from impler_pipelines.orchestration.op_log import OpLog
from impler_pipelines.orchestration.reporting import CAUSE, failed, retrying
from impler_pipelines.orchestration.runtime import Runtime, utc_now
from impler_pipelines.store import plans, runs
from impler_pipelines.store.due_times import postpone

_FIRST_OP = "fetch_feed"
_LAST_OP = "load_rows"
_OF_DESTINATIONS = {kind.__name__ for kind in (DestinationRefused, DestinationUnavailable)}


class Attempt:
    """Used as ``with Attempt(context) as attempt: plan = attempt.begin()`` in every op."""

    def __init__(self, context: OpExecutionContext) -> None:
        self._context = context
        self.runtime: Runtime = context.resources.runtime
        self._run: Run | None = None
        self._plan: ImportPlan | None = None
        self._heartbeat: _Heartbeat | None = None
        self._log = OpLog(self.runtime, context.op.name)

    @cached_property
    def import_job_id(self) -> str:
        """The import job, from the Dagster job's name, which is right however a run was started."""
        name = self._context.job_name
        found = import_job_id_of_job(name)
        if name == MANUAL_JOB:
            found = self._context.run.tags.get(IMPORT_JOB_TAG)
            if found is None:
                raise PipelineError(
                    "This job runs when a file is uploaded (POST /v1/uploads/{templateId}). To run"
                    " a file again, execute an earlier run of it again."
                )
        if found is None:
            raise PipelineError(f"{name!r} is not the job of an import job.")
        return found

    @property
    def run(self) -> Run:
        """The Run, known once ``begin`` has returned."""
        if self._run is None:
            raise PipelineError("The run has not begun.")
        return self._run

    @property
    def run_id(self) -> str:
        """The Run's id, known once ``begin`` has returned."""
        return self.run.id

    def begin(self) -> ImportPlan:
        """Begin or join the Run, start its heartbeat and read what it needs from the store."""
        dagster_run = self._context.run
        known_run_id = dagster_run.tags.get(RUN_ID_TAG)
        with self.runtime.transaction() as connection:
            self._run = runs.begin_attempt(
                connection,
                job_id=self.import_job_id,
                run_id=known_run_id,
                dagster_run_id=dagster_run.run_id,
                reexecution=dagster_run.parent_run_id is not None,
                now=self.runtime.time_in(connection),
            )
        self._log.begun(self.run)
        self._heartbeat = _Heartbeat(self.runtime, self.run.id, dagster_run.run_id)
        with self.runtime.transaction() as connection:
            plan = plans.load_plan(
                connection,
                self.runtime.secrets,
                self.import_job_id,
                default_destination=self.runtime.destination_name,
            )
        if self.run.own_mappings is not None:
            plan = replace(plan, mappings=self.run.own_mappings)
        self._plan = plan
        if known_run_id is None and self._context.op.name == _FIRST_OP:
            self._tag(plan)
        return plan

    def known_feed(self, plan: ImportPlan) -> FeedState:
        """The validators to ask with: none where the rows would come out otherwise, or are gone."""
        from impler_pipelines.orchestration.places import all_rows_stand

        known = plan.feed_state
        if known.fingerprint != plan.fingerprint or not all_rows_stand(self.runtime, plan):
            return FeedState()
        return known

    def report(self, done: int, unit: str) -> None:
        """Tell how far the op is; called between batches, where a Run that is cancelled stops.

        Raises ``RunCancelled`` within seconds after the Run, or its import job, has ended.
        """
        if self._heartbeat and self._heartbeat.unheard:
            with self.runtime.transaction() as connection:
                runs.refuse_if_unwanted(
                    connection,
                    job_id=self.import_job_id,
                    run_id=self.run_id,
                    dagster_run_id=self.dagster_run_id,
                )
        self.runtime.report(self._context.op.name, done, unit)

    def say(self, words: str) -> None:
        """Write a line into the Dagster run's log."""
        self._context.log.info(words)

    @property
    def dagster_run_id(self) -> str:
        """The Dagster run that this attempt is."""
        return self._context.run_id

    def path(self, name: str) -> str:
        """Where an artifact of this attempt lies, below the Run's directory.

        Apart from other attempts': the process of one that counts as dead may only be slow.
        """
        return f"{self.run_id}/{self.dagster_run_id}/{name}"

    def note(self, **values: Any) -> None:
        """Record what an op has found out in the Run's row."""
        with self.runtime.transaction() as connection:
            runs.note_progress(connection, self.run_id, values, dagster_run_id=self.dagster_run_id)

    def leave_host(self) -> None:
        """Let the queue start another run on the same host: this one asks it for nothing more."""
        if FETCHING_HOST_TAG in self._context.run.tags:
            self._context.instance.add_run_tags(
                self.dagster_run_id, fetched_by(self.dagster_run_id)
            )

    def end_unchanged(self, feed_state: FeedState) -> None:
        """End the Run as UNCHANGED and drop its artifacts."""
        with self.runtime.transaction() as connection:
            runs.record_unchanged(
                connection,
                job_id=self.import_job_id,
                run_id=self.run_id,
                dagster_run_id=self.dagster_run_id,
                feed_state=feed_state,
                now=self.runtime.time_in(connection),
            )
        self.runtime.artifacts.remove(self.run_id)

    def _tag(self, plan: ImportPlan) -> None:
        """A run started in the UI has no tags of ours yet; its re-executions inherit these."""
        tags = run_tags(
            run_id=self.run_id,
            import_job_id=plan.import_job_id,
            external_user_id=plan.external_user_id,
            template_id=plan.template_id,
            url=plan.url,
            trigger=self.run.trigger if self.run else Trigger.MANUAL,
        )
        self._context.instance.add_run_tags(self._context.run_id, tags)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if self._heartbeat:
            self._heartbeat.stop()
        try:
            return self._end(error)
        finally:
            self._log.ended()

    def _end(self, error: BaseException | None) -> bool:
        """True where the error has been dealt with; raises Dagster's word for one of ours."""
        if isinstance(error, RunCancelled):
            self._cancel(str(error))
            # Dagster's way to end a run as canceled, from within.
            self._context.instance.report_run_canceling(self._context.run, message=str(error))
            raise DagsterExecutionInterruptedError(str(error)) from None
        if isinstance(error, DagsterExecutionInterruptedError):
            self._drop_if_cancelled()
        if isinstance(error, FeedRefused | FeedUnavailable) and self._run and error.status:
            self.note(http_status=error.status)
        if isinstance(error, DeletionsHeld):
            self.note(deletions_held=error.rows)
        if isinstance(error, TransientError) and self._may_retry(error):
            wait = self._wait_seconds(error)
            self._context.log.warning(self._announcement(error, wait))
            self._log.retried(error, attempt=self._context.retry_number + 1, wait_seconds=wait)
            most = len(self.runtime.retry_waits)
            bare = without_cause(error).with_traceback(None)
            raise RetryRequested(max_retries=most, seconds_to_wait=wait) from bare
        if isinstance(error, TransientError):
            self._postpone(error)
        if isinstance(error, PipelineError):
            tries = self._context.retry_number + 1
            raise Failure(
                description=told(error, plan=self._plan, tries=tries, now=utc_now()),
                metadata=failed(error, tries=tries),
                allow_retries=False,
            ) from None  # Dagster would print all of the chain, and repeat the message for it
        return False

    def _may_retry(self, error: TransientError) -> bool:
        tries_left = self._context.retry_number < len(self.runtime.retry_waits)
        return tries_left and not waits_too_long(error)

    def _wait_seconds(self, error: TransientError) -> float:
        return max(self.runtime.retry_waits[self._context.retry_number], error.retry_after or 0)

    def _announcement(self, error: TransientError, wait: float) -> str:
        at = utc_now() + timedelta(seconds=wait)
        tried = self._context.retry_number + 1
        return retrying(
            error, tried=tried, most=len(self.runtime.retry_waits) + 1, wait=wait, at=at
        )

    def _postpone(self, error: TransientError) -> None:
        """The server asked for a longer pause than a run may wait: the next run comes after it."""
        if not waits_too_long(error):
            return
        with self.runtime.transaction() as connection:
            until = self.runtime.time_in(connection) + timedelta(seconds=asked_pause(error))
            postpone(connection, self.import_job_id, until=until)

    def _cancel(self, reason: str) -> None:
        """End the Run as CANCELLED, also one that was not allowed to begin."""
        self._context.log.warning(f"{reason} Nothing is loaded.")
        with self.runtime.transaction() as connection:
            run = _run_of(connection, self._context.run)
            if run is None:
                return
            runs.cancel_run(
                connection,
                run.id,
                reason=reason,
                now=self.runtime.time_in(connection),
                dagster_run_id=self._context.run_id,
                begun=self._run is not None,
            )
        self._drop_if_cancelled()

    def _drop_if_cancelled(self) -> None:
        """Where the Run was ended for good nobody needs its artifacts."""
        with self.runtime.transaction() as connection:
            run = _run_of(connection, self._context.run)
        if run is not None and run.status is RunStatus.CANCELLED:
            self.runtime.artifacts.remove(run.id)


def _run_of(connection: Connection, dagster_run: DagsterRun) -> Run | None:
    """The Run that a Dagster run was launched for, whether or not it has begun."""
    run_id = dagster_run.tags.get(RUN_ID_TAG)
    if run_id is not None:
        return runs.find_run(connection, run_id)
    return runs.find_run_of(connection, dagster_run.run_id)


class _Heartbeat:
    """Tells the store, from a thread, that the run's process is alive, until it is stopped."""

    def __init__(self, runtime: Runtime, run_id: str, dagster_run_id: str) -> None:
        self._runtime, self._run_id, self._dagster_run_id = runtime, run_id, dagster_run_id
        self._stopped = threading.Event()
        self._unheard = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._thread.start()

    @property
    def unheard(self) -> bool:
        """Whether the last beat found the Run ended, or in another's hands."""
        return self._unheard.is_set()

    def stop(self) -> None:
        """End the thread; waits for a beat that is under way."""
        self._stopped.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._stopped.wait(runs.HEARTBEAT_SECONDS):
            try:
                with self._runtime.transaction() as connection:
                    heard = runs.beat(
                        connection,
                        self._run_id,
                        dagster_run_id=self._dagster_run_id,
                        now=self._runtime.time_in(connection),
                    )
                if not heard:
                    self._unheard.set()
            except StoreUnavailable:
                continue  # the op itself will meet the store's absence, and says so


@failure_hook(required_resource_keys={"runtime"})
def record_failure(context: HookContext) -> None:
    """End the Run as FAILED in the store, with the reason that its user reads."""
    runtime: Runtime = context.resources.runtime
    error = context.op_exception
    message = error.description if isinstance(error, Failure) and error.description else None
    message = message or f"Unexpected error in {context.op.name}: {type(error).__name__}: {error}"
    dagster_run = context.instance.get_run_by_id(context.run_id)
    with runtime.transaction() as connection:
        run = _run_of(connection, dagster_run) if dagster_run else None
        if run is not None:
            runs.fail_run(
                connection,
                run.id,
                error=message,
                now=runtime.time_in(connection),
                dagster_run_id=context.run_id,
                internal=_is_internal(context.op.name, error),
                cause=_cause(error),
            )


def _cause(error: BaseException | None) -> Any:
    """What is wrong with the feed, as ``failed`` has put it down."""
    told = error.metadata.get(CAUSE) if isinstance(error, Failure) else None
    return None if told is None else told.value


def _is_internal(op: str, error: BaseException | None) -> bool:
    """Whether an op's error tells of more than the feed and its mapping."""
    if not isinstance(error, Failure) or op == _LAST_OP:
        return True
    kind = error.metadata.get("error")
    return kind is not None and kind.value in _OF_DESTINATIONS
