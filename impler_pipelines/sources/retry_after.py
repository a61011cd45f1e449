"""Reads ``Retry-After`` (RFC 9110, 10.2.3): seconds, or an HTTP date."""

from __future__ import annotations

import datetime as dt

from impler_pipelines.sources.http_dates import parse_http_date


def parse_retry_after(value: str | None, now: dt.datetime) -> float | None:
    """Seconds from ``now`` (aware) to wait; 0 for a moment that has passed, None if unreadable."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit() and len(text) <= 10:
        return float(text)
    moment = parse_http_date(text)
    return None if moment is None else max(0.0, (moment - now).total_seconds())
