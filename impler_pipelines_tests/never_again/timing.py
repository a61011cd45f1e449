"""Point 4: an interval means what it says, in its own time zone, over every month's end."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from typing import Any

import pytest

from impler_pipelines.errors import RequestInvalid
from impler_pipelines.scheduling import next_runs, parse_timing

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def runs(interval: dict[str, Any], count: int, timezone: str = "UTC") -> list[dt.datetime]:
    timing = parse_timing(interval=interval, timezone=timezone, now=NOW)
    return next_runs(timing, NOW, count)


def days(interval: dict[str, Any], count: int) -> list[str]:
    return [f"{run:%m-%d}" for run in runs(interval, count)]


def the_zone_is_the_import_jobs() -> None:
    daily = {"every": 1, "unit": "days", "at": "09:30"}
    berlin = {run.strftime("%H:%M") for run in runs(daily, 365, "Europe/Berlin")}
    assert berlin == {"08:30", "07:30"}  # winter and summer, in UTC
    assert {run.strftime("%H:%M") for run in runs(daily, 9, "Asia/Kolkata")} == {"04:00"}


def every_two_weeks() -> None:
    found = runs({"every": 2, "unit": "weeks", "weekdays": ["THU"], "at": "06:00"}, 30)
    assert {later - sooner for sooner, later in pairwise(found)} == {dt.timedelta(days=14)}
    assert {run.strftime("%a") for run in found} == {"Thu"}


def every_three_days() -> None:
    found = runs({"every": 3, "unit": "days", "startsOn": "2026-01-01", "at": "06:00"}, 122)
    assert {later - sooner for sooner, later in pairwise(found)} == {dt.timedelta(days=3)}
    assert [f"{run:%m-%d}" for run in found[9:12]] == ["01-28", "01-31", "02-03"]


def day_31() -> None:
    monthly = {"every": 1, "unit": "months", "dayOfMonth": 31, "at": "00:30"}
    assert days(monthly, 6) == ["01-31", "02-28", "03-31", "04-30", "05-31", "06-30"]


def bad_cron() -> None:
    for cron in ("", "every day", "61 * * * *", "* * * *", "0 0 30 2 *", "0 0 * * 8"):
        with pytest.raises(RequestInvalid) as refused:
            parse_timing(cron=cron, now=NOW)
        assert [problem.field for problem in refused.value.problems] == ["cron"]
