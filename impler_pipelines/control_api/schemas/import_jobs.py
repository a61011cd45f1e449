"""Import jobs and their mappings as JSON."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, StrictBool, StrictStr, field_validator, model_validator

from impler_pipelines.control_api.plain_json import parse_object
from impler_pipelines.control_api.schemas.base import (
    Body,
    Cause,
    ExternalUserId,
    Identifier,
    Part,
    Read,
    Url,
    UtcTime,
    without_null,
)
from impler_pipelines.control_api.schemas.feeds import HeaderName, HeaderValue, HeadingRead, Path
from impler_pipelines.control_api.schemas.schedules import (
    Cron,
    EndsOn,
    IntervalBody,
    IntervalRead,
    Zone,
)
from impler_pipelines.model import Filter, ImportJobStatus, Repeated

IMPORT_JOB_EXAMPLE: dict[str, Any] = {
    "url": "https://shop.example/feed.xml",
    "externalUserId": "ann@example.org",
    "mappings": [
        {"key": "title", "path": "rss > channel > item > title"},
        {"key": "link", "path": "rss > channel > item > link"},
    ],
    "interval": {"every": 1, "unit": "days", "at": "09:30"},
    "timezone": "Europe/Berlin",
}


class FilterBody(Part):
    """A condition on a column's raw value."""

    field: StrictStr
    operation: StrictStr = Field(
        json_schema_extra={"enum": ["contains", "equals", "startsWith", "endsWith", "matches"]}
    )
    value: StrictStr

    def filter(self) -> Filter:
        """The same as a filter of the model."""
        return Filter(self.field, self.operation, self.value)


class MappingBody(Part):
    """Column ``key`` takes its value from the heading ``path``."""

    key: StrictStr
    path: Path
    repeated: Repeated = Repeated.FIRST


class MappingEntry(Part):
    """One column's mapping in the shape that GET gives; null is "not mapped".

    ``name``, ``isRequired`` and ``suggestedPath`` may be sent back, and change nothing.
    """

    key: StrictStr
    path: Path | None = None
    repeated: Repeated | None = None
    name: StrictStr | None = None
    is_required: StrictBool | None = None
    suggested_path: StrictStr | None = None


Mappings = Annotated[list[MappingBody], Field(max_length=1000)]
Filters = Annotated[list[FilterBody], Field(max_length=100)]


class WithExtra(Body):
    """What bodies with an ``extra`` do with it."""

    extra: dict[str, Any] | None = Field(
        default=None, description="Anything, as an object or as one in JSON text."
    )

    @field_validator("extra", mode="before")
    @classmethod
    def _reads_json_text(cls, value: Any) -> Any:
        return parse_object(value, "extra") if isinstance(value, str) else value


class ImportJobCreate(WithExtra):
    """A new import job. ``externalUserId`` may stand inside ``extra`` instead."""

    model_config = ConfigDict(json_schema_extra={"examples": [IMPORT_JOB_EXAMPLE]})

    url: Url
    external_user_id: ExternalUserId | None = None
    auth_header_name: HeaderName | None = None
    auth_header_value: HeaderValue | None = Field(default=None, repr=False)
    record_path: Path | None = None
    mappings: Mappings | None = None
    interval: IntervalBody | None = None
    cron: Cron | None = None
    timezone: Zone | None = None
    ends_on: EndsOn | None = None
    filters: Filters | None = None
    run_now: StrictBool = True


class ImportJobUpdate(WithExtra):
    """What to change: absent means unchanged, null clears.

    * ``interval`` and ``cron`` take each other's place
    * ``url``, ``recordPath`` and the auth are tried at once: the feed is read again. Mapped paths
      that it lacks are refused, unless new ``mappings`` come with the request
    * a stored auth header belongs to its origin: a ``url`` of another origin drops it, unless it
      is sent again
    """

    url: Url | None = Field(default=None, json_schema_extra=without_null)
    auth_header_name: HeaderName | None = None
    auth_header_value: HeaderValue | None = Field(default=None, repr=False)
    record_path: Path | None = None
    mappings: Mappings | None = None
    interval: IntervalBody | None = None
    cron: Cron | None = None
    timezone: Zone | None = None
    ends_on: EndsOn | None = None
    filters: Filters | None = None


_MAPPINGS_SCHEMA: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["key"],
        "properties": {
            "key": {"type": "string"},
            "path": {"type": ["string", "null"]},
            "repeated": {"enum": ["first", "join", "json", None]},
        },
    },
    "examples": [IMPORT_JOB_EXAMPLE["mappings"]],
}


class MappingsReplace(Body):
    """All mappings of an import job: an array, or an object that holds it as ``mappings``."""

    model_config = ConfigDict(json_schema_extra=lambda schema: schema.update(_MAPPINGS_SCHEMA))

    mappings: Annotated[list[MappingEntry], Field(max_length=1000)]

    @model_validator(mode="before")
    @classmethod
    def _takes_an_array(cls, value: Any) -> Any:
        return {"mappings": value} if isinstance(value, list) else value


class MappingRead(Read):
    """One column of the template, and the heading that it takes its value from."""

    key: str
    name: str
    is_required: bool
    path: str | None
    repeated: Repeated | None
    suggested_path: str | None


class FilterRead(Read):
    """A condition on a column's raw value."""

    field: str
    operation: str
    value: str


class ImportJobSummary(Read):
    """An import job as lists show it. Counts are those of the last completed run."""

    id: Identifier = Field(alias="_id")
    template_id: Identifier = Field(alias="_templateId")
    url: str | None = Field(description="Null for uploaded files.")
    file_name: str | None = Field(description="Of the file that was uploaded last.")
    external_user_id: str
    extra: dict[str, Any]
    record_path: str | None
    status: ImportJobStatus
    interval: IntervalRead | None
    cron: str | None
    timezone: str
    schedule_text: str | None
    next_run: UtcTime | None
    ends_on: UtcTime | None
    filters: list[FilterRead]
    is_invalid_records: bool
    total_records: int | None
    valid_records: int | None
    invalid_records: int | None
    consecutive_failures: int
    failing_since: UtcTime | None = Field(
        description="Since three runs have failed in a row: the time between runs then doubles with"
        " each further one, up to a day, until the first that succeeds."
    )
    last_error: str | None
    last_error_cause: Cause | None
    last_run: UtcTime | None
    created_at: UtcTime
    updated_at: UtcTime


class ImportJobRead(ImportJobSummary):
    """An import job with the headings of its feed."""

    headings: list[HeadingRead]
