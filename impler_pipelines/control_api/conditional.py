"""What request headers say of the answer's form: compressed or not, and whether it is known."""

from __future__ import annotations

import re

_ETAG = re.compile(r'(?:W/)?("[^"]*")')


def accepts_gzip(header: str | None) -> bool:
    """Whether an ``Accept-Encoding`` takes gzip (RFC 9110, section 12.5.3).

    * what names gzip itself counts before ``*``
    * a weight of 0 refuses it
    """
    weights = {}
    for one in (header or "").split(","):
        coding, _, parameter = one.partition(";")
        weights[coding.strip().lower()] = _weight(parameter)
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0))) > 0


def is_known(if_none_match: str | None, etag: str) -> bool:
    """Whether an ``If-None-Match`` names the ETag, weak or not (RFC 9110, section 13.1.2)."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or etag in _ETAG.findall(if_none_match)


def _weight(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
