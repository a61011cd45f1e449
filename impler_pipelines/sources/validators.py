"""The validators of an answer that are fit to be sent back with the next request. No I/O.

A validator is the server's own word, sent back as it came. One that no request could carry, or
that the server could refuse for its size, would fail every fetch from then on.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping

from impler_pipelines.sources.http_dates import parse_http_date

_LONGEST = 1024
_ENTITY_TAG = re.compile(r'(?:[Ww]/)?"[\x20\x21\x23-\x7e\x80-\xff]*"')
_BARE_TAG = re.compile(r"[\x21\x23-\x29\x2b\x2d-\x7e\x80-\xff]+")  # neither " nor , nor *
_FIELD_VALUE = re.compile(r"[\x20-\x7e\x80-\xff]+")
_SECOND = dt.timedelta(seconds=1)


def etag_of(headers: Mapping[str, str]) -> str | None:
    """The entity tag, weak or strong (RFC 9110, 8.8.3), also one that lacks its quotes.

    Never ``*`` or a list: as a condition they would hold for feeds that nobody has read.
    """
    value = headers.get("ETag", "").strip()
    sendable = _ENTITY_TAG.fullmatch(value) or _BARE_TAG.fullmatch(value)
    return value if sendable and len(value) <= _LONGEST else None


def last_modified_of(headers: Mapping[str, str]) -> str | None:
    """``Last-Modified``, unless the feed may have changed again within that same second.

    Only one that is older than the answer's ``Date`` tells two versions apart (RFC 9110, 8.8.2.2).
    """
    value = headers.get("Last-Modified", "").strip()
    if len(value) > _LONGEST or not _FIELD_VALUE.fullmatch(value):
        return None
    modified = parse_http_date(value)
    answered = parse_http_date(headers.get("Date", ""))
    certain = not modified or not answered or answered - modified >= _SECOND
    return value if certain else None
