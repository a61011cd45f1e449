"""Owns the way from the parts of a date to an instant: names of months and zones, the calendar.

Instants are microseconds since 1970-01-01T00:00:00Z; nothing here knows the present time.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

from impler_pipelines.mapping.cast import Refusal

_FULL_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
MONTHS = tuple(name[:3] for name in _FULL_MONTHS)
_MONTH_NUMBERS = {
    name: number for number, full in enumerate(_FULL_MONTHS, start=1) for name in (full, full[:3])
} | {"sept": 9}
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

# Hours from UTC. RFC 822 (section 5) names the first line; the others are abbreviations with one
# meaning in use. Those with several (IST, BST, AST and others) and military letters other than Z
# (RFC 5322, section 4.3: their use in RFC 822 was an error) are refused rather than guessed.
_ZONES = {
    "UT": 0, "GMT": 0, "UTC": 0, "Z": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7,
    "MDT": -6, "PST": -8, "PDT": -7,
    "AKST": -9, "AKDT": -8, "HST": -10, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "EET": 2,
    "EEST": 3, "MSK": 3, "HKT": 8, "SGT": 8, "AWST": 8, "JST": 9, "KST": 9, "AEST": 10,
    "AEDT": 11, "NZST": 12, "NZDT": 13,
}  # fmt: skip
_OFFSET = re.compile(r"(?:GMT|UTC|UT)?([+-])([0-9]{2}):?([0-9]{2})?", re.IGNORECASE)

_EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()
_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_EARLIEST = (dt.date.min.toordinal() - _EPOCH_ORDINAL) * _DAY
_LATEST = (dt.date.max.toordinal() - _EPOCH_ORDINAL + 1) * _DAY - 1

OUT_OF_RANGE = Refusal("is out of range: dates here are from year 1 to year 9999")


@dataclass(frozen=True)
class DateParts:
    """What a text says. ``zone`` is None where it says none, which means UTC."""

    date: dt.date
    hour: int = 0
    minute: int = 0
    second: int = 0
    fraction: str = ""
    zone: str | None = None


def month_number(name: str) -> int | None:
    """The month by its English name, full or shortened, in any case."""
    return _MONTH_NUMBERS.get(name.lower())


def is_weekday(name: str) -> bool:
    """Whether this is an English weekday, or at least its first three letters (``Tues``)."""
    return len(name) >= 3 and any(day.startswith(name.lower()) for day in _WEEKDAYS)


def full_year(digits: str) -> int:
    """A year of any length: two digits are 1950 to 2049, three count from 1900 (RFC 5322, 4.3)."""
    year = int(digits)
    if len(digits) == 2:
        return year + (2000 if year < 50 else 1900)
    return year + 1900 if len(digits) == 3 else year


def calendar_date(year: int, month: int, day: int) -> dt.date | Refusal:
    """The day, or a refusal if the calendar lacks it (30 February, month 13, year 0)."""
    try:
        return dt.date(year, month, day)
    except ValueError:
        return Refusal(f"is not a day of the calendar (year {year}, month {month}, day {day})")


def instant(parts: DateParts) -> int | Refusal:
    """Microseconds since the epoch, in UTC; digits beyond microseconds are cut.

    24:00:00 is the end of the day (ISO 8601), a second of 60 a leap second (RFC 3339): both are
    the first moment of what follows.
    """
    if not _is_time(parts):
        clock = f"{parts.hour:02}:{parts.minute:02}:{parts.second:02}"
        return Refusal(f"is not a time of day ({clock})")
    offset = 0 if parts.zone is None else _zone_minutes(parts.zone)
    if offset is None:
        return Refusal(f"names the zone {parts.zone}, which has no single meaning: write +HH:MM")
    days = parts.date.toordinal() - _EPOCH_ORDINAL
    seconds = parts.hour * 3600 + (parts.minute - offset) * 60 + parts.second
    micros = int(parts.fraction[:6].ljust(6, "0")) if parts.fraction else 0
    return in_range(days * _DAY + seconds * _SECOND + micros)


def in_range(micros: int) -> int | Refusal:
    """The instant, or a refusal outside the years 1 to 9999 (UTC)."""
    return micros if _EARLIEST <= micros <= _LATEST else OUT_OF_RANGE


def _is_time(parts: DateParts) -> bool:
    if parts.hour == 24:
        return parts.minute == parts.second == 0 and not parts.fraction.strip("0")
    return parts.hour <= 23 and parts.minute <= 59 and parts.second <= 60


def _zone_minutes(zone: str) -> int | None:
    if (hours := _ZONES.get(zone.upper())) is not None:
        return hours * 60
    match = _OFFSET.fullmatch(zone)
    if match is None:
        return None
    sign, hour, minute = match[1], int(match[2]), int(match[3] or 0)
    if hour > 23 or minute > 59:
        return None
    return (hour * 60 + minute) * (-1 if sign == "-" else 1)
