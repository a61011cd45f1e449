"""Reads dates as HTTP writes them (RFC 9110, 5.6.7), in all three forms. It reads no clock."""

from __future__ import annotations

import datetime as dt
from email.utils import parsedate_to_datetime


def parse_http_date(value: str) -> dt.datetime | None:
    """The moment, aware, or None where ``value`` is no date."""
    try:
        moment = parsedate_to_datetime(value)
        # They are all in GMT, whether or not they say so in a way that is understood.
        return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    except (ValueError, OverflowError):
        return None
