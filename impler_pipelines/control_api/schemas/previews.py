"""Previews as JSON: what a run would load and refuse."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, StrictStr

from impler_pipelines.control_api.schemas.base import Body, Read, UtcTime, without_null
from impler_pipelines.control_api.schemas.feeds import FeedBody, Path
from impler_pipelines.control_api.schemas.import_jobs import (
    IMPORT_JOB_EXAMPLE,
    Filters,
    Mappings,
)
from impler_pipelines.control_api.schemas.runs import RejectRead

FEED_PREVIEW_EXAMPLE: dict[str, Any] = {
    "templateId": "65f0c7d2a1b2c3d4e5f60718",
    "url": IMPORT_JOB_EXAMPLE["url"],
    "mappings": IMPORT_JOB_EXAMPLE["mappings"],
    "firstRecords": 50,
}

_Limit = Annotated[int, Field(strict=True, ge=1, le=100)]
_FirstRecords = Annotated[
    Annotated[int, Field(strict=True, ge=1, le=10_000)] | None,
    Field(description="How many records are read at most; all of them without it."),
]
_SomeMappings = Annotated[Mappings, Field(min_length=1)]


class FeedPreviewBody(FeedBody):
    """A feed, and how its records would become rows of a template."""

    model_config = ConfigDict(json_schema_extra={"examples": [FEED_PREVIEW_EXAMPLE]})

    template_id: StrictStr
    mappings: _SomeMappings
    filters: Filters | None = None
    limit: _Limit = 5
    first_records: _FirstRecords = None


class ImportJobPreviewBody(Body):
    """What takes the place of what is saved: absent means as it is saved.

    Null for ``recordPath`` is the detected one, for ``filters`` none.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"mappings": IMPORT_JOB_EXAMPLE["mappings"]}, {}]}
    )

    mappings: _SomeMappings | None = Field(default=None, json_schema_extra=without_null)
    record_path: Path | None = None
    filters: Filters | None = None
    limit: _Limit = 5
    first_records: _FirstRecords = None


class PreviewRead(Read):
    """What a run would load and refuse: the first of each, and how many there are.

    Rows have the template's columns; dates are ISO 8601 in UTC. ``indexes`` are the places of the
    rows in the feed, from 0, as rejects have theirs.
    """

    rows: list[dict[str, UtcTime | bool | int | float | str | None]]
    indexes: list[int]
    rejects: list[RejectRead]
    records: int
    filtered: int
    valid: int
    invalid: int
    warnings: list[str]
    is_partial: bool = Field(
        description="Whether no more than `firstRecords` were read: the counts are of those."
    )
