"""Ticks and schedule states as Dagster's daemon writes them.

Dagster 1.13 exports none of these names; only its daemon makes ticks.
"""

from __future__ import annotations

import datetime as dt

from dagster import DagsterInstance
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    GrpcServerCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    TickData,
    TickStatus,
)


def add_schedule_state(instance: DagsterInstance, schedule_name: str) -> InstigatorState:
    """What the daemon keeps of a schedule that has ticked."""
    location = GrpcServerCodeLocationOrigin(
        host="127.0.0.1", port=4000, location_name="impler_pipelines"
    )
    origin = RemoteInstigatorOrigin(
        RemoteRepositoryOrigin(location, "imports"), instigator_name=schedule_name
    )
    return instance.add_instigator_state(
        InstigatorState(
            origin,
            InstigatorType.SCHEDULE,
            InstigatorStatus.DECLARED_IN_CODE,
            ScheduleInstigatorData("0 * * * *"),
        )
    )


def add_tick(instance: DagsterInstance, state: InstigatorState, at: dt.datetime) -> None:
    """One tick of the schedule that launched a run."""
    instance.create_tick(
        TickData(
            instigator_origin_id=state.instigator_origin_id,
            selector_id=state.selector_id,
            instigator_name=state.instigator_name,
            instigator_type=InstigatorType.SCHEDULE,
            status=TickStatus.SUCCESS,
            timestamp=at.timestamp(),
            run_ids=[],
        )
    )


def tick_times(instance: DagsterInstance, state: InstigatorState) -> list[dt.datetime]:
    """When the schedule ticked, as far as it is still known; the newest first."""
    ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id)
    return [dt.datetime.fromtimestamp(tick.timestamp, dt.UTC) for tick in ticks]


def schedule_names(instance: DagsterInstance) -> set[str]:
    """The schedules and sensors that a state is kept of."""
    return {state.instigator_name for state in instance.all_instigator_state()}
