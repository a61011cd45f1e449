"""Intervals and the preview of schedules as JSON. ``scheduling`` reads and checks an interval."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, StrictInt, StrictStr, WithJsonSchema

from impler_pipelines.control_api.schemas.base import Body, Read, UtcTime

_INTERVAL_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["every", "unit"],
    "additionalProperties": False,
    "properties": {
        "every": {"type": "integer", "minimum": 1},
        "unit": {"enum": ["minutes", "hours", "days", "weeks", "months"]},
        "at": {"type": "string", "description": "Wall time, HH:MM.", "examples": ["09:30"]},
        "weekdays": {
            "type": "array",
            "items": {"enum": ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]},
            "description": "For weeks; defaults to the weekday of startsOn.",
        },
        "dayOfMonth": {
            "type": "integer",
            "minimum": 1,
            "maximum": 31,
            "description": "For months; a day that a month lacks is its last.",
        },
        "startsOn": {
            "type": "string",
            "format": "date",
            "description": "Counts itself; defaults to today in the time zone.",
        },
    },
    "examples": [{"every": 2, "unit": "weeks", "weekdays": ["MON"], "at": "09:30"}],
}

# `scheduling.parse_interval` names every unacceptable field itself.
IntervalBody = Annotated[Any, WithJsonSchema(_INTERVAL_SCHEMA)]
IntervalRead = Annotated[dict[str, Any], WithJsonSchema(_INTERVAL_SCHEMA)]
Cron = Annotated[StrictStr, Field(max_length=256, examples=["30 9 * * MON-FRI"])]
Zone = Annotated[StrictStr, Field(max_length=100, examples=["Europe/Berlin"])]
EndsOn = Annotated[
    StrictStr,
    Field(
        max_length=64,
        description="ISO 8601. A time without offset is of the time zone; a date means its end.",
        examples=["2027-01-31T22:59:59Z"],
    ),
]


class SchedulePreviewBody(Body):
    """Either ``interval`` or ``cron``."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"interval": {"every": 15, "unit": "minutes"}, "timezone": "Europe/Berlin"}
            ]
        }
    )

    interval: IntervalBody | None = None
    cron: Cron | None = None
    timezone: Zone | None = None
    ends_on: EndsOn | None = None
    count: Annotated[StrictInt, Field(ge=1, le=100)] = 5


class SchedulePreviewRead(Read):
    """A schedule in words, and its next runs from now."""

    schedule_text: str
    next_runs: list[UtcTime]
