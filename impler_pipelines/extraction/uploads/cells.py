"""Turns what a workbook stores of a cell into text, as a person would read it. It reads no sheet.

Whole numbers have no ".0", others at most 15 digits as in Excel; dates and times are ISO 8601.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from decimal import Decimal

from openpyxl.styles.numbers import is_datetime, is_timedelta_format
from openpyxl.utils.datetime import from_excel

_EXACT = 1e21  # from here on digits would be made up
_SMALLEST = 1e-15
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_WHOLE = re.compile(r"0|-?[1-9][0-9]*")


def unescaped(text: str) -> str:
    """``text`` with the characters that XML can't hold; U+FFFD for those that no text can."""
    return _ESCAPED.sub(_character, text) if "_x" in text else text


def _character(found: re.Match[str]) -> str:
    code = int(found[1], 16)
    return chr(code) if code and not 0xD800 <= code < 0xE000 else "\ufffd"


def number_text(raw: str) -> str | None:
    """The text of a stored number; None for one that is none."""
    if _WHOLE.fullmatch(raw):
        return raw
    value = float(raw)
    if not math.isfinite(value):
        return None
    if value.is_integer() and abs(value) < _EXACT:
        return f"{Decimal(value):.0f}" if value else "0"
    if _SMALLEST < abs(value) < _EXACT:
        return f"{Decimal(f'{value:.15g}'):f}"
    return repr(value)


def moment_text(raw: str, number_format: str, epoch: dt.datetime) -> str | None:
    """The text of a stored date, time or duration; None for one beyond the calendar."""
    try:
        value = from_excel(float(raw), epoch, timedelta=is_timedelta_format(number_format))
    except (OverflowError, ValueError):
        return None
    if isinstance(value, dt.timedelta):
        return _duration(value)
    if isinstance(value, dt.datetime):
        if value.time() == dt.time() and is_datetime(number_format) == "date":
            return value.date().isoformat()
        return value.isoformat(timespec=_precision(value.microsecond))
    if isinstance(value, dt.time):
        return value.isoformat(_precision(value.microsecond))
    return None


def _precision(microsecond: int) -> str:
    return "milliseconds" if microsecond else "seconds"


def _duration(value: dt.timedelta) -> str:
    minutes, seconds = divmod(abs(round(value.total_seconds())), 60)
    sign = "-" if value < dt.timedelta() else ""
    return f"{sign}{minutes // 60}:{minutes % 60:02}:{seconds:02}"
