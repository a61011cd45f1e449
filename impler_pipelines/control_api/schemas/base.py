"""What all schemas share: camelCase names, strict kinds of value, times in UTC."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, StrictStr, model_validator
from pydantic.alias_generators import to_camel

from impler_pipelines.control_api.plain_json import check_plain_json
from impler_pipelines.errors import FieldProblem, RequestInvalid


def _iso(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


UtcTime = Annotated[dt.datetime, PlainSerializer(_iso, return_type=str)]
Identifier = Annotated[str, Field(examples=["65f0c7d2a1b2c3d4e5f60718"])]
Cause = Annotated[
    dict[str, str | int],
    Field(
        description="What is wrong with the feed or file, for those who say it in words of their"
        " own: `code` (`address_refused`, `feed_malformed`, `feed_refused`, `feed_unavailable`,"
        " `file_malformed`, `host_busy`, `limit_exceeded`, `no_records`, `web_page`) and, where"
        " they are known, `status` (HTTP's), `line`, `column` and `limit`. Null, or absent, where"
        " the message alone says it.",
        examples=[{"code": "feed_malformed", "line": 12, "column": 7}],
    ),
]
Url = Annotated[StrictStr, Field(min_length=1, max_length=8192)]
ExternalUserId = Annotated[
    StrictStr,
    Field(min_length=1, max_length=256, description="The host app's own id of its user."),
]


def without_null(schema: dict[str, Any]) -> None:
    """For ``json_schema_extra`` of a field whose default None means absent: null is refused."""
    kinds = [kind for kind in schema.pop("anyOf") if kind != {"type": "null"}]
    schema.pop("default", None)
    schema.update(kinds[0] if len(kinds) == 1 else {"anyOf": kinds})


class Read(BaseModel):
    """A part of an answer; fields are filled from the model's attributes by name."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        from_attributes=True,
    )


class Part(BaseModel):
    """A part of a request's body: unknown fields are refused, by name."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)


class Body(Part):
    """A whole request body, without values that the store can't hold."""

    @model_validator(mode="before")
    @classmethod
    def _holds_plain_json(cls, value: Any) -> Any:
        check_plain_json(value)
        return value

    def refuse_null(self, *fields: str) -> None:
        """Raise ``RequestInvalid`` for each of ``fields`` that was sent as null."""
        nulls = [name for name in fields if name in self.given and getattr(self, name) is None]
        if nulls:
            reason = "can't be cleared: leave it out to keep it"
            raise RequestInvalid([FieldProblem(to_camel(name), reason) for name in nulls])

    @property
    def given(self) -> set[str]:
        """The names of the fields that the request held, null included."""
        return self.model_fields_set
