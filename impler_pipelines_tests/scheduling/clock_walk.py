"""An independent account of due moments: it watches a clock tick and counts days one by one.

It shares no code with the package, and knows no arithmetic of offsets beyond ``astimezone``.
"""

from __future__ import annotations

import datetime as dt
from calendar import monthrange
from collections.abc import Container, Iterator
from zoneinfo import ZoneInfo

from impler_pipelines.model import Interval, Unit

NAMES = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")


def watch_clock(
    zone: str,
    begin: dt.datetime,
    end: dt.datetime,
    step: dt.timedelta,
    times: Container[dt.time],
) -> dict[dt.datetime, dt.datetime]:
    """Return for each wall time (at one of ``times``) the moment when the clock reached it.

    The clock reaches a wall time when it first shows it or anything later: so the end of the
    gap for one that is skipped, the first showing for one that comes twice.
    """
    tz, moment = ZoneInfo(zone), begin
    reached = moment.astimezone(tz).replace(tzinfo=None) - step
    seen: dict[dt.datetime, dt.datetime] = {}
    while moment < end:
        shown = moment.astimezone(tz).replace(tzinfo=None, fold=0)
        while reached < shown:
            reached += step
            if reached.time() in times:
                seen[reached] = moment
        moment += step
    return seen


def count_dates(interval: Interval, end: dt.date) -> Iterator[dt.date]:
    """Yield the dates of an interval of days, weeks or months, counting day by day."""
    assert interval.starts_on is not None
    date = interval.starts_on
    days, weeks, months = 0, 0, 0
    while date < end:
        if interval.unit is Unit.DAYS and days % interval.every == 0:
            yield date
        if (
            interval.unit is Unit.WEEKS
            and weeks % interval.every == 0
            and NAMES[date.weekday()] in interval.weekdays
        ):
            yield date
        last = monthrange(date.year, date.month)[1]
        wanted = interval.day_of_month or 0
        if (
            interval.unit is Unit.MONTHS
            and months % interval.every == 0
            and (date.day == wanted or (date.day == last and wanted > last))
        ):
            yield date
        date += dt.timedelta(days=1)
        days += 1
        weeks += date.weekday() == 0
        months += date.day == 1
