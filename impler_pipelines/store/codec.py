"""Dataclasses of the model to JSON columns and back. It validates nothing that rooms validate."""

from __future__ import annotations

import re
from typing import Any

from pydantic import TypeAdapter

from impler_pipelines.model import (
    CellError,
    Column,
    FeedState,
    FieldMapping,
    Filter,
    Heading,
    Interval,
    Upload,
)

COLUMNS = TypeAdapter(tuple[Column, ...])
MAPPINGS = TypeAdapter(tuple[FieldMapping, ...])
FILTERS = TypeAdapter(tuple[Filter, ...])
HEADINGS = TypeAdapter(tuple[Heading, ...])
INTERVAL = TypeAdapter(Interval | None)
FEED_STATE = TypeAdapter(FeedState)
CELL_ERRORS = TypeAdapter(tuple[CellError, ...])
UPLOAD = TypeAdapter(Upload)

# PostgreSQL's text holds no NUL, and UTF-8 no half of a surrogate pair.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_REPLACEMENT = "\ufffd"


def encode(adapter: TypeAdapter[Any], value: object) -> Any:
    """What goes into a JSONB column."""
    return storable(adapter.dump_python(value, mode="json"))


def storable(value: Any) -> Any:
    """The same text, or JSON, with U+FFFD for each character that PostgreSQL can't store.

    For what feeds, servers and databases say. What a person sends is refused instead, by the API.
    """
    if isinstance(value, str):
        return _UNSTORABLE.sub(_REPLACEMENT, value)
    if isinstance(value, dict):
        return {storable(key): storable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [storable(inner) for inner in value]
    return value
