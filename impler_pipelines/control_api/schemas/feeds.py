"""Feeds as they are looked at before anything is imported, as JSON."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, StrictStr

from impler_pipelines.control_api.schemas.base import Body, Read, Url

HeaderName = Annotated[StrictStr, Field(max_length=256)]
HeaderValue = Annotated[StrictStr, Field(max_length=8192)]
Path = Annotated[StrictStr, Field(min_length=1, max_length=4096)]


class FeedBody(Body):
    """A feed to look at."""

    url: Url
    auth_header_name: HeaderName | None = None
    auth_header_value: HeaderValue | None = Field(default=None, repr=False)
    record_path: Path | None = None


class InspectBody(FeedBody):
    """A feed to look at; with ``templateId``, columns are suggested for its headings."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"url": "https://shop.example/feed.xml"}]}
    )

    template_id: StrictStr | None = None


class HeadingRead(Read):
    """One path that holds a value; ``count`` is the number of records that have it."""

    path: str
    samples: list[str]
    count: int
    repeated: bool


class SuggestionRead(Read):
    """A heading that a column probably comes from; ``score`` is from 0 to 1.

    A required column that nothing fits has no path, and a message that says what to do.
    """

    key: str
    path: str | None
    score: float
    message: str | None = None


class FeedRead(Read):
    """What a feed holds."""

    format: str
    record_path: str | None
    record_count: int
    candidates: list[Any]
    headings: list[HeadingRead]
    suggestions: list[SuggestionRead] | None = None
    warnings: list[str]


# One line of the answer in JSON lines; OpenAPI 3.1 has no word for a body of many.
EVENT_SCHEMA: dict[str, Any] = {
    "description": "One line: events as it goes on, at most five a second; last the answer.",
    "oneOf": [
        {
            "type": "object",
            "description": "How many bytes have come, and of how many; null where nobody says.",
            "required": ["event", "bytes", "totalBytes"],
            "properties": {
                "event": {"const": "fetching"},
                "bytes": {"type": "integer"},
                "totalBytes": {"type": ["integer", "null"]},
            },
        },
        {
            "type": "object",
            "description": "How many records were read.",
            "required": ["event", "records"],
            "properties": {"event": {"const": "reading"}, "records": {"type": "integer"}},
        },
        {
            "type": "object",
            "required": ["event", "feed"],
            "properties": {
                "event": {"const": "done"},
                "feed": {"$ref": "#/components/schemas/FeedRead"},
            },
        },
        {
            "type": "object",
            "description": "The error's body, as other answers have it.",
            "required": ["event", "problem"],
            "properties": {
                "event": {"const": "failed"},
                "problem": {"$ref": "#/components/schemas/WebPageProblemRead"},
            },
        },
    ],
}
