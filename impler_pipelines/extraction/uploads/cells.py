"""Turns one cell of a worksheet into text, as a person would read it. It reads no sheet.

Whole numbers have no ".0", others at most 15 digits as in Excel; dates and times are ISO 8601;
booleans are true and false; a formula is the value it had when the file was saved.
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import Any

from openpyxl.styles.numbers import is_datetime

_EXACT = 1e21  # from here on digits would be made up
_SMALLEST = 1e-15
# How the format writes characters that XML would change.
_ESCAPED = re.compile(r"_x000([9AaDd])_")
_CONTROLS = {"9": "\t", "a": "\n", "d": "\r"}


def cell_text(value: Any, number_format: str) -> str:
    """The text of a cell that is neither empty nor an error."""
    if isinstance(value, str):
        if "_x000" in value:
            return _ESCAPED.sub(lambda found: _CONTROLS[found[1].lower()], value)
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, dt.datetime):
        return _moment(value, number_format)
    if isinstance(value, dt.timedelta):
        return _duration(value)
    if isinstance(value, dt.time):
        return value.isoformat("milliseconds" if value.microsecond else "seconds")
    return str(value)


def _number(value: float) -> str:
    if value.is_integer() and abs(value) < _EXACT:
        return f"{Decimal(repr(value)):f}".removesuffix(".0").removeprefix("-0") or "0"
    if _SMALLEST < abs(value) < _EXACT:
        return f"{Decimal(f'{value:.15g}'):f}"
    return repr(value)


def _moment(value: dt.datetime, number_format: str) -> str:
    """A date, unless the cell shows or holds a time."""
    if value.time() == dt.time() and is_datetime(number_format) == "date":
        return value.date().isoformat()
    return value.isoformat(timespec="milliseconds" if value.microsecond else "seconds")


def _duration(value: dt.timedelta) -> str:
    seconds = round(value.total_seconds())
    minutes, seconds = divmod(abs(seconds), 60)
    sign = "-" if value < dt.timedelta() else ""
    return f"{sign}{minutes // 60}:{minutes % 60:02}:{seconds:02}"
