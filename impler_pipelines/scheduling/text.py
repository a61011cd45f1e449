"""Owns the plain English of a timing. It never computes a run."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache

from cron_descriptor import FormatError, Options, get_description

from impler_pipelines.model import Interval, Unit
from impler_pipelines.scheduling.cron import parse_cron
from impler_pipelines.scheduling.intervals import WEEKDAYS
from impler_pipelines.scheduling.recurrence import is_elapsed, start_of, time_of_day
from impler_pipelines.scheduling.timing import Timing, check_timing
from impler_pipelines.scheduling.zones import wall_of, zone_of

_WEEKDAY_NAMES = dict(
    zip(
        WEEKDAYS,
        ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
        strict=True,
    )
)
_MONTH_NAMES = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def describe(timing: Timing) -> str:
    """Return the timing as a sentence: ``Every day at 09:30 (Europe/Berlin)``.

    Times of day are those of the runs, phase included. Raises RequestInvalid as
    ``check_timing``.
    """
    check_timing(timing)
    if timing.interval is None:
        sentence = f"{_cron_text(timing.cron or '')} ({timing.timezone})"
    elif is_elapsed(timing.interval):
        sentence = _elapsed_text(timing.interval, timing.timezone)
    else:
        at = time_of_day(timing.interval, timing.phase_minutes)
        sentence = f"{_days_text(timing.interval)} at {at:%H:%M} ({timing.timezone})"
    return sentence + _end_text(timing)


def _every(interval: Interval) -> str:
    if interval.every == 1:
        return f"Every {interval.unit.removesuffix('s')}"
    return f"Every {interval.every} {interval.unit}"


def _elapsed_text(interval: Interval, timezone: str) -> str:
    if interval.at is None:
        return _every(interval)
    return (
        f"{_every(interval)}, from {interval.at:%H:%M} on {_date(start_of(interval))} ({timezone})"
    )


def _days_text(interval: Interval) -> str:
    if interval.unit is Unit.WEEKS:
        return (
            f"{_every(interval)} on {_listed([_WEEKDAY_NAMES[day] for day in interval.weekdays])}"
        )
    if interval.unit is Unit.MONTHS:
        day = interval.day_of_month or start_of(interval).day
        shorter = ", or the last day of shorter months," if day > 28 else ""
        return f"{_every(interval)} on day {day}{shorter}"
    return _every(interval)


def _end_text(timing: Timing) -> str:
    if timing.ends_on is None:
        return ""
    end = wall_of(timing.ends_on, zone_of(timing.timezone))
    # The day alone says it all where the end is one of the day's own.
    whole_day = (end.hour, end.minute) in ((0, 0), (23, 59))
    return f", until {_date(end.date())}" + ("" if whole_day else f" at {end:%H:%M}")


def _date(date: dt.date) -> str:
    return f"{date.day} {_MONTH_NAMES[date.month - 1]} {date.year}"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


@lru_cache(maxsize=1024)
def _cron_text(expression: str) -> str:
    plain = parse_cron(expression).expression
    # A named locale, or the library would take that of the process.
    options = Options(locale_code="en_US", use_24hour_time_format=True)
    try:
        return str(get_description(plain, options))
    except FormatError:
        # Valid for cron, beyond the library's grammar: the expression itself is no less true.
        return f"On the cron schedule {plain}"
