"""Pages of lists: the ``limit`` and ``cursor`` of requests, the cursor of the next page.

A cursor is opaque to clients and names the last element they have seen, so that a page does not
shift when something new comes in. It grants nothing: every query is bound to its project anyway.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from fastapi import Query, Response

from impler_pipelines.errors import RequestInvalid

Limit = Annotated[int, Query(ge=1, le=500, description="How many to return at most.")]
Cursor = Annotated[
    str | None,
    Query(description="`X-Next-Cursor` of the page before.", max_length=200),
]
DEFAULT_LIMIT = 50
NEXT_CURSOR = "X-Next-Cursor"

Seen = tuple[dt.datetime, str]
T = TypeVar("T")


def encode_moment(created_at: dt.datetime, identifier: str) -> str:
    """A cursor behind the element of that time and id."""
    return _encode(f"{created_at.astimezone(dt.UTC).isoformat()}|{identifier}")


def decode_moment(cursor: str | None) -> Seen | None:
    """Read what ``encode_moment`` wrote. Raises ``RequestInvalid`` (field ``cursor``)."""
    if cursor is None:
        return None
    moment, _, identifier = _decode(cursor).partition("|")
    try:
        seen = dt.datetime.fromisoformat(moment), identifier
        if encode_moment(*seen) == cursor:
            return seen
    except (ValueError, OverflowError):
        pass  # refused below, like everything else that no page has given
    raise _unknown()


def encode_index(index: int) -> str:
    """A cursor behind the element of that index."""
    return _encode(str(index))


def decode_index(cursor: str | None) -> int | None:
    """Read what ``encode_index`` wrote. Raises ``RequestInvalid`` (field ``cursor``)."""
    if cursor is None:
        return None
    text = _decode(cursor)
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise _unknown()
    return int(text)


def page(
    response: Response, found: Sequence[T], limit: int, cursor_of: Callable[[T], str]
) -> Sequence[T]:
    """The first ``limit`` of ``found``, which holds one more if there is a next page.

    Sets ``X-Next-Cursor`` only then.
    """
    shown = found[:limit]
    if len(found) > limit:
        response.headers[NEXT_CURSOR] = cursor_of(shown[-1])
    return shown


def _encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(cursor: str) -> str:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise _unknown() from error


def _unknown() -> RequestInvalid:
    return RequestInvalid.of("cursor", "is not one that X-Next-Cursor has given")
