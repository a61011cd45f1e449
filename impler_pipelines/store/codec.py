"""Dataclasses of the model to JSON columns and back. It validates nothing that rooms validate."""

from __future__ import annotations

import datetime as dt
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
)

COLUMNS = TypeAdapter(tuple[Column, ...])
MAPPINGS = TypeAdapter(tuple[FieldMapping, ...])
FILTERS = TypeAdapter(tuple[Filter, ...])
HEADINGS = TypeAdapter(tuple[Heading, ...])
INTERVAL = TypeAdapter(Interval | None)
FEED_STATE = TypeAdapter(FeedState)
CELL_ERRORS = TypeAdapter(tuple[CellError, ...])


def encode(adapter: TypeAdapter[Any], value: object) -> Any:
    """What goes into a JSONB column."""
    return adapter.dump_python(value, mode="json")


def utc(moment: dt.datetime | None) -> dt.datetime | None:
    """The same moment in UTC."""
    return None if moment is None else moment.astimezone(dt.UTC)
