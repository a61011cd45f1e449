"""Owns the language of a column's date formats: strftime directives or moment-style tokens.

A format becomes a pattern without backtracking worth the name and a reader of its match. A format
that leaves the day open (no year, a 12-hour clock without AM or PM) is refused when it is made.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from impler_pipelines.mapping.cast import Refusal
from impler_pipelines.mapping.instants import (
    DateParts,
    calendar_date,
    full_year,
    in_range,
    instant,
    is_weekday,
    month_number,
)

_LONGEST_FORMAT = 100
_STRFTIME_COMPOSED = {"%F": "%Y-%m-%d", "%T": "%H:%M:%S", "%R": "%H:%M", "%D": "%m/%d/%y"}
_STRFTIME = {
    "%Y": "year", "%y": "shortyear", "%m": "month", "%B": "monthname", "%b": "monthname",
    "%h": "monthname", "%d": "day", "%e": "day", "%j": "yearday", "%A": "dayname",
    "%a": "dayname", "%H": "hour", "%I": "hour12", "%M": "minute", "%S": "second",
    "%f": "fraction", "%p": "half", "%z": "zone", "%Z": "zone", "%s": "epoch",
}  # fmt: skip
# "dd" and "d" are weekdays in moment and days in Java: a format that has no other day can only
# mean the day, and one that has gets two days and is refused.
_MOMENT = {
    "YYYY": "year", "yyyy": "year", "YY": "shortyear", "yy": "shortyear", "MMMM": "monthname",
    "MMM": "monthname", "MM": "month", "M": "month", "DDDD": "yearday", "DDD": "yearday",
    "Do": "ordinal", "DD": "day", "D": "day", "dddd": "dayname", "ddd": "dayname", "dd": "day",
    "d": "day", "HH": "hour", "H": "hour", "hh": "hour12", "h": "hour12", "mm": "minute",
    "m": "minute", "ss": "second", "s": "second", "A": "half", "a": "half", "ZZ": "zone",
    "Z": "zone", "z": "zone", "X": "epoch", "x": "epochms",
}  # fmt: skip
_STRFTIME_PIECE = re.compile(r"%.?|[^%]", re.DOTALL)
_MOMENT_PIECE = re.compile(
    "|".join([r"\[[^\]]*\]", "S+", *sorted(_MOMENT, key=len, reverse=True), "."]), re.DOTALL
)

_WIDTHS = {
    "year": (4, 4), "shortyear": (2, 2), "month": (1, 2), "day": (1, 2), "yearday": (1, 3),
    "hour": (1, 2), "hour12": (1, 2), "minute": (1, 2), "second": (1, 2), "fraction": (1, 9),
}  # fmt: skip
_PATTERNS = {
    "monthname": r"[A-Za-z]{3,9}\.?",
    "dayname": r"[A-Za-z]{3,9}\.?",
    "ordinal": r"[0-9]{1,2}(?:st|nd|rd|th)",
    "half": r"[AaPp]\.?[Mm]\.?",
    "zone": r"(?:GMT|UTC|UT)?[+-][0-9]{2}(?::?[0-9]{2})?|[A-Za-z]{1,5}",
    "epoch": r"-?[0-9]{1,12}(?:\.[0-9]{1,9})?",
    "epochms": r"-?[0-9]{1,15}",
}
_SAME_PART = {"shortyear": "year", "monthname": "month", "ordinal": "day", "hour12": "hour"}


@dataclass(frozen=True)
class DateFormat:
    """A format ready to read with. ``pattern`` matches whole texts, in Python and in RE2."""

    text: str
    pattern: str

    def read(self, text: str) -> int | Refusal | None:
        """Microseconds since the epoch in UTC; None if the text does not have this format."""
        match = re.fullmatch(self.pattern, text)
        return None if match is None else _read_match(match.groupdict())


def compile_format(text: str) -> DateFormat | Refusal:
    """The format, or why it can't be used (the reason follows the format in a sentence)."""
    if not text.strip() or len(text) > _LONGEST_FORMAT:
        return Refusal(f"is not a date format: it takes 1 to {_LONGEST_FORMAT} characters")
    tokens: list[tuple[str, str]] = []
    for part, source in _tokens(text):
        if part == "unknown":
            return Refusal(_unknown(source, text))
        tokens.append((part, source))
    problem = _incomplete([part for part, _ in tokens if part != "literal"])
    return Refusal(problem) if problem else DateFormat(text, _pattern(tokens))


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """The parts of a format in order: (part or "literal" or "unknown", its own text)."""
    if "%" in text:
        for short, long in _STRFTIME_COMPOSED.items():
            text = text.replace(short, long)
        for piece in _STRFTIME_PIECE.findall(text):
            literal = piece == "%%" or not piece.startswith("%")
            yield ("literal", piece[:1]) if literal else (_STRFTIME.get(piece, "unknown"), piece)
        return
    for piece in _MOMENT_PIECE.findall(text):
        if piece.startswith("[") and piece.endswith("]"):
            yield "literal", piece[1:-1]
        elif piece.startswith("S"):
            yield "fraction", piece
        elif piece in _MOMENT:
            yield _MOMENT[piece], piece
        else:  # T is no token of moment's and stands for itself in every ISO-like format
            unknown = piece.isascii() and piece.isalpha() and piece != "T"
            yield ("unknown" if unknown else "literal"), piece


def _unknown(source: str, text: str) -> str:
    if "%" in text:
        return f"is not a date format: {source} is not a directive of it"
    return f"is not a date format: {source} is not a token of it (text goes in [brackets])"


def _incomplete(parts: Sequence[str]) -> str | None:
    """Why these parts don't make one instant, or None."""
    kinds = [_SAME_PART.get(part, part) for part in parts]
    doubled = sorted({kind for kind in kinds if kinds.count(kind) > 1})
    if doubled:
        return f"is not a date format: it has the {doubled[0]} twice"
    present = set(kinds)
    if present & {"epoch", "epochms"}:
        return "is not a date format: seconds since 1970 stand alone" if len(kinds) > 1 else None
    if not ({"year", "month", "day"} <= present or {"year", "yearday"} <= present):
        return "is not a date format: it needs year, month and day (YYYY MM DD, or %Y %m %d)"
    if ("hour12" in parts) != ("half" in parts):
        return "is not a date format: a 12-hour clock (hh, %I) and AM or PM (A, %p) go together"
    for part, needs in (("minute", "hour"), ("second", "minute"), ("fraction", "second")):
        if part in present and needs not in present:
            return f"is not a date format: it has a {part} and no {needs}"
    return None


def _pattern(tokens: Sequence[tuple[str, str]]) -> str:
    """One and two digits are both taken, except where digits touch: then widths are exact."""
    pieces = []
    for at, (part, source) in enumerate(tokens):
        if part == "literal":
            # escape() of a space would differ between engines; any run of spaces is one
            pieces.append(" +" if source == " " else re.escape(source).replace("\\ ", " "))
        elif part in _WIDTHS:
            touching = {tokens[near][0] for near in (at - 1, at + 1) if 0 <= near < len(tokens)}
            low, high = _WIDTHS[part]
            if touching & _WIDTHS.keys():
                low = high = len(source) if part == "fraction" and source[0] == "S" else high
            pieces.append(f"(?P<{part}>[0-9]{{{low},{high}}})")
        else:
            pieces.append(f"(?P<{part}>{_PATTERNS[part]})")
    return "".join(pieces)


def _read_match(found: dict[str, str]) -> int | Refusal | None:
    if "epoch" in found or "epochms" in found:
        return _epoch(found)
    date = _date(found)
    if not isinstance(date, dt.date):
        return date
    hour = int(found.get("hour") or 0)
    if "half" in found:
        hour = int(found["hour12"])
        if not 1 <= hour <= 12:
            return Refusal(f"is not a time of day (hour {hour} with {found['half']})")
        hour = hour % 12 + (12 if found["half"][0] in "pP" else 0)
    minute, second = int(found.get("minute") or 0), int(found.get("second") or 0)
    return instant(
        DateParts(date, hour, minute, second, found.get("fraction") or "", found.get("zone"))
    )


def _date(found: dict[str, str]) -> dt.date | Refusal | None:
    year = full_year(found["shortyear"]) if "shortyear" in found else int(found["year"])
    if "dayname" in found and not is_weekday(found["dayname"].rstrip(".")):
        return None
    if "yearday" in found:
        first = calendar_date(year, 1, 1)
        days = int(found["yearday"])
        if isinstance(first, Refusal):
            return first
        date = first + dt.timedelta(days=min(max(days, 1), 366) - 1)
        known = date.timetuple().tm_yday == days
        return date if known else Refusal(f"is not a day of the calendar (day {days} of {year})")
    month = (
        int(found["month"]) if "month" in found else month_number(found["monthname"].rstrip("."))
    )
    if month is None:
        return None
    day = found["ordinal"][:-2] if "ordinal" in found else found["day"]
    return calendar_date(year, month, int(day))


def _epoch(found: dict[str, str]) -> int | Refusal:
    if "epochms" in found:
        return in_range(int(found["epochms"]) * 1000)
    seconds, _, fraction = found["epoch"].partition(".")
    micros = int(fraction[:6].ljust(6, "0")) if fraction else 0
    sign = -1 if seconds.startswith("-") else 1
    return in_range(int(seconds) * 1_000_000 + sign * micros)
