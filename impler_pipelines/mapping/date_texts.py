"""Owns the forms of dates that are always understood: RFC 822 and its heirs, ISO 8601, asctime.

One text at a time; ``dates`` does the common ones by the column. It never tries a form of which
day and month could be swapped: those need a date format on the column.
"""

from __future__ import annotations

import datetime as dt
import re

from impler_pipelines.mapping.cast import Refusal
from impler_pipelines.mapping.instants import (
    DateParts,
    calendar_date,
    full_year,
    instant,
    is_weekday,
    month_number,
)

_ZONE = r"(?P<zone>(?:GMT|UTC|UT)?[+-][0-9]{2}(?::?[0-9]{2})?|[A-Za-z]{1,5})"
_CLOCK = (
    r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})"
    r"(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]+))?)?"
)

_ISO = re.compile(
    r"(?P<year>[0-9]{4})"
    r"(?:-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})|(?P<basic>[0-9]{4})"
    r"|-W(?P<week>[0-9]{2})-(?P<weekday>[1-7])|-(?P<yearday>[0-9]{3}))"
    r"(?:(?:[Tt]| +)(?P<hour>[0-9]{2})(?::?(?P<minute>[0-9]{2})"
    r"(?::?(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]+))?)?)?)?"
    rf"(?: *{_ZONE})?"
)
_RFC822 = re.compile(
    r"(?:(?P<dayname>[A-Za-z]{3,9})\.?,? +)?"
    r"(?P<day>[0-9]{1,2})[ -]+(?P<monthname>[A-Za-z]{3,9})\.?[ -]+(?P<year>[0-9]{2,4})"
    rf"(?:,? +{_CLOCK}(?: *{_ZONE})?)?"
)
_ASCTIME = re.compile(
    r"(?P<dayname>[A-Za-z]{3,9}),? +(?P<monthname>[A-Za-z]{3,9}) +(?P<day>[0-9]{1,2}) +"
    rf"{_CLOCK}(?: +{_ZONE})? +(?P<year>[0-9]{{4}})"
)
_COMMENT = re.compile(r" *\([^()]*\)$")  # RFC 822 lets a comment follow: "… -0700 (PDT)"
_YEAR_TOO_LONG = re.compile(r"[+-]?[0-9]{5,}-[0-9]{2}-[0-9]{2}(?:[Tt ].*)?")


def parse_standard(text: str) -> int | Refusal | None:
    """One date as microseconds since the epoch; None if the text has none of the forms.

    Weekday names are read but not held against the date: many feeds get them wrong.
    """
    parts = _read_iso(text)
    if parts is None:
        parts = _read_mail(text)
    return instant(parts) if isinstance(parts, DateParts) else parts


def _read_iso(text: str) -> DateParts | Refusal | None:
    match = _ISO.fullmatch(text)
    if match is None:
        return (
            Refusal("is out of range: years here have four digits")
            if (_YEAR_TOO_LONG.fullmatch(text))
            else None
        )
    date = _iso_date(match)
    return date if isinstance(date, Refusal) else _with_clock(date, match)


def _iso_date(match: re.Match[str]) -> dt.date | Refusal:
    year = int(match["year"])
    if match["week"]:
        try:
            return dt.date.fromisocalendar(year, int(match["week"]), int(match["weekday"]))
        except ValueError:
            return Refusal(f"is not a day of the calendar (week {match['week']} of {year})")
    if match["yearday"]:
        first = calendar_date(year, 1, 1)
        if isinstance(first, Refusal):
            return first
        date = first + dt.timedelta(days=min(int(match["yearday"]), 366) - 1)
        lost = Refusal(f"is not a day of the calendar (day {match['yearday']} of {year})")
        return date if date.timetuple().tm_yday == int(match["yearday"]) else lost
    if match["basic"]:
        return calendar_date(year, int(match["basic"][:2]), int(match["basic"][2:]))
    return calendar_date(year, int(match["month"]), int(match["day"]))


def _read_mail(text: str) -> DateParts | Refusal | None:
    bare = _COMMENT.sub("", text)
    match = _RFC822.fullmatch(bare) or _ASCTIME.fullmatch(bare)
    if match is None or (match["dayname"] and not is_weekday(match["dayname"])):
        return None
    month = month_number(match["monthname"])
    if month is None:
        return None
    date = calendar_date(full_year(match["year"]), month, int(match["day"]))
    return date if isinstance(date, Refusal) else _with_clock(date, match)


def _with_clock(date: dt.date, match: re.Match[str]) -> DateParts:
    return DateParts(
        date,
        int(match["hour"] or 0),
        int(match["minute"] or 0),
        int(match["second"] or 0),
        match["fraction"] or "",
        match["zone"],
    )
