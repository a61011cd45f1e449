"""Schedules before they are set: what an interval or cron says, and when it is due."""

from __future__ import annotations

import datetime as dt

from fastapi import APIRouter

from impler_pipelines.control_api.schemas.problems import problems
from impler_pipelines.control_api.schemas.schedules import SchedulePreviewBody, SchedulePreviewRead
from impler_pipelines.control_api.timings import read_timing
from impler_pipelines.scheduling import describe, next_runs

router = APIRouter(prefix="/v1/schedules", tags=["Schedules"])


@router.post("/preview", responses=problems(413, 422))
def preview_schedule(body: SchedulePreviewBody) -> SchedulePreviewRead:
    """The schedule in words and its next runs from now; fewer than asked for before `endsOn`."""
    now = dt.datetime.now(dt.UTC)
    timing = read_timing(body, now=now, schedule_required=True)
    return SchedulePreviewRead(
        schedule_text=describe(timing), next_runs=next_runs(timing, now, body.count)
    )
