"""Owns the interval as a person gives it: reading, checking and writing its JSON shape.

It never computes a run: ``recurrence`` does.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from impler_pipelines.errors import FieldProblem, RequestInvalid
from impler_pipelines.model import Interval, Unit

WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")

# Ten years each: whoever asks for more has mistaken the unit.
MOST = {
    Unit.MINUTES: 5_256_000,
    Unit.HOURS: 87_600,
    Unit.DAYS: 3_650,
    Unit.WEEKS: 520,
    Unit.MONTHS: 120,
}
# Since 1973 every zone's offset is a whole number of minutes; the other end keeps sums of dates
# far from the end of the calendar.
EARLIEST, LATEST = dt.date(1973, 1, 1), dt.date(2199, 12, 31)

_AT = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_KEYS = ("every", "unit", "at", "weekdays", "dayOfMonth", "startsOn")


def parse_interval(value: Mapping[str, Any]) -> Interval:
    """Read ``{every, unit, at?, weekdays?, dayOfMonth?, startsOn?}``; null counts as absent.

    Weekdays come back once each, in the week's order. Raises RequestInvalid that names every
    unacceptable field (``interval.every``).
    """
    if not isinstance(value, Mapping):
        raise RequestInvalid.of("interval", "must be an object such as {every: 1, unit: 'days'}")
    problems = [
        FieldProblem(f"interval.{key}", f"is not known; an interval has {', '.join(_KEYS)}")
        for key in value
        if key not in _KEYS
    ]
    given = {key: value[key] for key in _KEYS if value.get(key) is not None}
    parsed: dict[str, Any] = {}
    for key, parse in _PARSERS.items():
        try:
            if key in given:
                parsed[key] = parse(given[key])
            elif key in ("every", "unit"):
                problems.append(FieldProblem(f"interval.{key}", "is required"))
        except ValueError as error:
            problems.append(FieldProblem(f"interval.{key}", str(error)))
    if problems:
        raise RequestInvalid(problems)
    interval = Interval(
        every=parsed["every"],
        unit=parsed["unit"],
        at=parsed.get("at"),
        weekdays=parsed.get("weekdays", ()),
        day_of_month=parsed.get("dayOfMonth"),
        starts_on=parsed.get("startsOn"),
    )
    problems = interval_problems(interval)
    if problems:
        raise RequestInvalid(problems)
    return interval


def interval_problems(interval: Interval) -> list[FieldProblem]:
    """Return what makes ``interval`` unacceptable, however it came to be."""
    problems = []
    most = MOST[interval.unit]
    if not 1 <= interval.every <= most:
        problems.append(
            FieldProblem(
                "interval.every",
                f"must be from 1 to {most} (ten years) for {interval.unit}, not {interval.every}",
            )
        )
    if interval.weekdays and interval.unit is not Unit.WEEKS:
        problems.append(FieldProblem("interval.weekdays", "goes only with the unit 'weeks'"))
    if any(day not in WEEKDAYS for day in interval.weekdays):
        problems.append(FieldProblem("interval.weekdays", f"takes {', '.join(WEEKDAYS)}"))
    if interval.at is not None and (interval.at.second or interval.at.tzinfo):
        problems.append(FieldProblem("interval.at", "is a whole minute, without a zone"))
    if interval.day_of_month is not None and interval.unit is not Unit.MONTHS:
        problems.append(FieldProblem("interval.dayOfMonth", "goes only with the unit 'months'"))
    if interval.day_of_month is not None and not 1 <= interval.day_of_month <= 31:
        problems.append(FieldProblem("interval.dayOfMonth", "must be a whole number from 1 to 31"))
    if interval.starts_on is not None and not EARLIEST <= interval.starts_on <= LATEST:
        problems.append(
            FieldProblem("interval.startsOn", f"must lie between {EARLIEST} and {LATEST}")
        )
    return problems


def interval_to_json(interval: Interval) -> dict[str, Any]:
    """Write ``interval`` in the contract's shape, with the keys that have a value."""
    written: dict[str, Any] = {"every": interval.every, "unit": interval.unit.value}
    if interval.at is not None:
        written["at"] = interval.at.strftime("%H:%M")
    if interval.weekdays:
        written["weekdays"] = list(interval.weekdays)
    if interval.day_of_month is not None:
        written["dayOfMonth"] = interval.day_of_month
    if interval.starts_on is not None:
        written["startsOn"] = interval.starts_on.isoformat()
    return written


def anchored(interval: Interval, *, today: dt.date) -> Interval:
    """Return ``interval`` with everything that it counts from; what is there already stays.

    ``today`` is the date in the import job's time zone. ``starts_on`` becomes today, the
    weekday of weeks and the day of months that of ``starts_on``.
    """
    starts_on = interval.starts_on or today
    weekdays, day_of_month = interval.weekdays, interval.day_of_month
    if interval.unit is Unit.WEEKS and not weekdays:
        weekdays = (WEEKDAYS[starts_on.weekday()],)
    if interval.unit is Unit.MONTHS and day_of_month is None:
        day_of_month = starts_on.day
    return replace(interval, starts_on=starts_on, weekdays=weekdays, day_of_month=day_of_month)


def _whole_number(value: object) -> int:
    # JSON's true is an int to Python.
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"must be a whole number, not {value!r:.50}")  # noqa: TRY004  # one kind of refusal for the caller
    return value


def _unit(value: object) -> Unit:
    if not isinstance(value, str) or value not in list(Unit):
        raise ValueError(f"must be one of {', '.join(Unit)}, not {value!r:.50}")
    return Unit(value)


def _at(value: object) -> dt.time:
    match = _AT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"must be a time of day as HH:MM from 00:00 to 23:59, not {value!r:.50}")
    return dt.time(int(match[1]), int(match[2]))


def _weekdays(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(f"must be a list of one or more of {', '.join(WEEKDAYS)}")
    unknown = [day for day in value if day not in WEEKDAYS]
    if unknown:
        raise ValueError(f"takes {', '.join(WEEKDAYS)}, not {unknown[0]!r:.50}")
    return tuple(day for day in WEEKDAYS if day in value)


def _starts_on(value: object) -> dt.date:
    try:
        if isinstance(value, str) and _DATE.fullmatch(value):
            return dt.date.fromisoformat(value)
    except ValueError:
        pass  # a 30 February is refused below with everything else that is no date
    raise ValueError(f"must be a date as YYYY-MM-DD, not {value!r:.50}")


_PARSERS: dict[str, Callable[[object], Any]] = {
    "every": _whole_number,
    "unit": _unit,
    "at": _at,
    "weekdays": _weekdays,
    "dayOfMonth": _whole_number,
    "startsOn": _starts_on,
}
