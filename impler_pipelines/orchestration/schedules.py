"""The schedule of an import job: ticks from its interval, and the decision at each tick."""

from __future__ import annotations

from dagster import (
    DefaultScheduleStatus,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
)

from impler_pipelines.orchestration.descriptions import definition_tags, schedule_description
from impler_pipelines.orchestration.names import (
    fetching_host,
    job_name,
    run_tags,
    schedule_name,
)
from impler_pipelines.orchestration.runtime import Runtime
from impler_pipelines.scheduling import TickPlan, ticks
from impler_pipelines.store.definitions import Definition
from impler_pipelines.store.due import claim_due_run

_NEVER = TickPlan(("0 0 1 1 *",), "UTC")


def build_schedule(
    runtime: Runtime, import_job_id: str, definition: Definition | None = None
) -> ScheduleDefinition:
    """Build the schedule. Without a timing (an id unknown or gone, no interval) its ticks skip.

    Its default status is always RUNNING: whether a tick launches a run is decided at the tick.
    """
    timing = definition.timing if definition else None
    plan = ticks(timing) if timing else _NEVER

    def evaluate(context: ScheduleEvaluationContext) -> RunRequest | SkipReason:
        return claim(runtime, import_job_id, context)

    return ScheduleDefinition(
        name=schedule_name(import_job_id),
        job_name=job_name(import_job_id),
        cron_schedule=plan.cron_strings[0] if len(plan.cron_strings) == 1 else plan.cron_strings,
        execution_timezone=plan.timezone,
        execution_fn=evaluate,
        default_status=DefaultScheduleStatus.RUNNING,
        description=schedule_description(definition) if definition else None,
        tags=definition_tags(import_job_id, definition),
    )


def claim(
    runtime: Runtime, import_job_id: str, context: ScheduleEvaluationContext
) -> RunRequest | SkipReason:
    """Claim the due run and ask for its launch, or skip with the reason.

    The time is the later of this host's clock and the tick's, so that a clock that lags behind
    the daemon's does not lose the tick.
    """
    now = max(runtime.now(), context.scheduled_execution_time)
    with runtime.transaction() as connection:
        claimed = claim_due_run(connection, import_job_id, now=now)
    if claimed.run is None or claimed.job is None:
        return SkipReason(claimed.reason)
    return RunRequest(
        run_key=claimed.run.id,
        tags=run_tags(
            run_id=claimed.run.id,
            import_job_id=import_job_id,
            external_user_id=claimed.job.external_user_id,
            template_id=claimed.job.template_id,
            url=claimed.job.url,
            trigger=claimed.run.trigger,
        )
        | fetching_host(claimed.job.url),
    )
