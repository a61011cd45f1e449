"""Owns when an interval is due: pure sums of dates. It never walks from the start.

Every function takes an interval that is anchored (see ``intervals.anchored``).
"""

from __future__ import annotations

import datetime as dt
from calendar import monthrange
from collections.abc import Iterator
from itertools import count

from impler_pipelines.errors import RequestInvalid
from impler_pipelines.model import Interval, Unit
from impler_pipelines.scheduling.intervals import WEEKDAYS
from impler_pipelines.scheduling.zones import DAY_MINUTES, moment_of, wall_of

DAY = dt.timedelta(days=1)


def is_elapsed(interval: Interval) -> bool:
    """Return whether it counts elapsed time (minutes, hours), rather than days of a calendar."""
    return interval.unit in (Unit.MINUTES, Unit.HOURS)


def period_minutes(interval: Interval) -> int:
    """Return the length in minutes of one period of an interval of minutes or hours."""
    return interval.every * (60 if interval.unit is Unit.HOURS else 1)


def start_of(interval: Interval) -> dt.date:
    """Return ``starts_on``. Raises RequestInvalid where it is missing, rather than drift."""
    if interval.starts_on is None:
        raise RequestInvalid.of("interval.startsOn", "is missing: nothing to count from")
    return interval.starts_on


def time_of_day(interval: Interval, phase_minutes: int) -> dt.time:
    """Return the wall time of runs by the day: ``at``, or ``phase_minutes`` after midnight."""
    return interval.at or dt.time(*divmod(phase_minutes % DAY_MINUTES, 60))


def anchor_of(interval: Interval, zone: dt.tzinfo, phase_minutes: int) -> dt.datetime:
    """Return the moment (UTC) of the first run of an interval of minutes or hours.

    It is ``at`` on ``starts_on``, or ``phase_minutes`` of elapsed time after that day began.
    """
    wall = dt.datetime.combine(start_of(interval), interval.at or dt.time())
    phase = 0 if interval.at else phase_minutes
    return moment_of(wall, zone) + dt.timedelta(minutes=phase)


def next_due(
    interval: Interval, zone: dt.tzinfo, phase_minutes: int, after: dt.datetime
) -> dt.datetime:
    """Return the first moment (UTC, at a whole minute) strictly after ``after`` that is due.

    - minutes and hours are elapsed time from the anchor, whatever the clocks do
    - days count from ``starts_on``, which counts itself
    - weeks count from the Monday of ``starts_on``'s week
    - months count from its month; a day that a month lacks is its last
    - nothing is due before ``starts_on``
    """
    if is_elapsed(interval):
        anchor = anchor_of(interval, zone, phase_minutes)
        period = dt.timedelta(minutes=period_minutes(interval))
        periods = (after - anchor) // period + 1
        return (anchor + max(periods, 0) * period).astimezone(dt.UTC)
    at = time_of_day(interval, phase_minutes)
    # A wall time at or before the one shown now has come already, so no earlier day can be due.
    today = wall_of(after, zone).date()
    moments = (moment_of(dt.datetime.combine(day, at), zone) for day in _days_from(interval, today))
    return next(moment for moment in moments if moment > after)


def _days_from(interval: Interval, today: dt.date) -> Iterator[dt.date]:
    """Yield the interval's days in order, from the last at or before ``today`` if there is one."""
    start = start_of(interval)
    if interval.unit is Unit.DAYS:
        skipped = max((today - start).days // interval.every, 0)
        return (start + k * interval.every * DAY for k in count(skipped))
    if interval.unit is Unit.WEEKS:
        return _weeks_from(interval, start, today)
    return _months_from(interval, start, today)


def _weeks_from(interval: Interval, start: dt.date, today: dt.date) -> Iterator[dt.date]:
    days = sorted(WEEKDAYS.index(day) for day in interval.weekdays) or [start.weekday()]
    monday = start - start.weekday() * DAY
    step = 7 * interval.every
    for k in count(max((today - monday).days // step, 0)):
        for day in days:
            date = monday + (k * step + day) * DAY
            if date >= start:
                yield date


def _months_from(interval: Interval, start: dt.date, today: dt.date) -> Iterator[dt.date]:
    wanted = interval.day_of_month or start.day
    first = start.year * 12 + start.month - 1
    passed = today.year * 12 + today.month - 1 - first
    for k in count(max(passed // interval.every, 0)):
        year, month = divmod(first + k * interval.every, 12)
        date = dt.date(year, month + 1, min(wanted, monthrange(year, month + 1)[1]))
        if date >= start:
            yield date
