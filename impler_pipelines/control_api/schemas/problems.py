"""Error bodies as OpenAPI shows them; ``control_api.problems`` writes the real ones."""

from __future__ import annotations

from typing import Any

from impler_pipelines.control_api.schemas.base import Cause, Read


class Detail(Read):
    """One value that is not acceptable; ``field`` is its dotted path in the request."""

    field: str
    message: str


class ProblemRead(Read):
    """The body of every error."""

    status_code: int
    error: str
    message: str
    details: list[Detail] | None = None
    cause: Cause | None = None


class AnnouncedFeedRead(Read):
    """A feed that a web page announces (``<link rel="alternate">``)."""

    url: str
    title: str | None
    type: str | None


class WebPageProblemRead(ProblemRead):
    """A feed could not be fetched or read; ``feeds`` is there when the address is a web page's."""

    feeds: list[AnnouncedFeedRead] | None = None


_MEANINGS = {
    401: ("Unauthorized", "No key or session, an unknown or an expired one."),
    403: ("Forbidden", "Not open to sessions, or to this one."),
    404: ("Not Found", "Unknown, or another project's."),
    409: ("Conflict", "Not in a state that allows it."),
    413: ("Request Entity Too Large", "The body, or the uploaded file, is too large."),
    422: ("Unprocessable Entity", "A bad body or parameter, a refused address included."),
    429: ("Too Many Requests", "More than a key, a user, or an address without one may send."),
    502: ("Bad Gateway", "The feed could not be fetched or read; the message says why."),
    503: ("Service Unavailable", "The database can't be reached."),
}
_HEADERS = {
    401: {"WWW-Authenticate": {"description": "What to send.", "schema": {"type": "string"}}},
    429: {"Retry-After": {"description": "In seconds.", "schema": {"type": "integer"}}},
}


def paged(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The same as ``problems`` for a list, whose next page is behind a header."""
    header = {
        "description": "The `cursor` of the next page; absent on the last one.",
        "schema": {"type": "string"},
    }
    return problems(*statuses) | {200: {"headers": {"X-Next-Cursor": header}}}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's ``responses`` for these statuses, and 401, 403, 422, 429, 503, which all have."""
    documented: dict[int | str, dict[str, Any]] = {}
    for status in sorted({401, 403, 422, 429, 503, *statuses}):
        error, meaning = _MEANINGS[status]
        example: dict[str, Any] = {"statusCode": status, "error": error, "message": meaning}
        if status == 422:
            example["details"] = [
                {"field": "mappings.0.path", "message": "the feed has no 'a > b'"}
            ]
        documented[status] = {
            "model": WebPageProblemRead if status == 502 else ProblemRead,
            "description": meaning,
            "content": {"application/json": {"example": example}},
        }
        if status in _HEADERS:
            documented[status]["headers"] = _HEADERS[status]
    return documented
