"""Templates, their columns and destinations, as JSON."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StrictBool, StrictInt, StrictStr

from impler_pipelines.control_api.schemas.base import (
    Body,
    Identifier,
    Part,
    Read,
    Url,
    UtcTime,
    without_null,
)
from impler_pipelines.model import Column, ColumnType, LoadMode, TemplateMode, Validation

Name = Annotated[StrictStr, Field(min_length=1, max_length=256, pattern=r"\S")]
# What is only told of here is checked by the rooms, in words that say more than a pattern.
_KEY: dict[str, Any] = {"pattern": "^[A-Za-z][A-Za-z0-9_]{0,62}$"}
_RULES: dict[str, Any] = {"enum": ["range", "length", "digits", "unique_with"]}
_TYPES: dict[str, Any] = {"enum": ["sql", "webhook"]}
Bound = Annotated[float | None, Field(strict=True)]
_Texts = Annotated[list[StrictStr], Field(default_factory=list)]

TEMPLATE_EXAMPLE: dict[str, Any] = {
    "name": "Products",
    "mode": "automatic",
    "columns": [
        {"key": "title", "name": "Title", "type": "String", "isRequired": True},
        {"key": "link", "name": "Link", "type": "String", "isRequired": True, "isUnique": True},
        {"key": "price", "name": "Price", "type": "Double"},
    ],
    "destinations": [{"type": "sql", "table": "products", "mode": "upsert"}],
}


class ValidationBody(Part):
    """One more rule of a column."""

    rule: StrictStr = Field(alias="validate", json_schema_extra=_RULES)
    min: Bound = None
    max: Bound = None
    columns: _Texts
    error_message: StrictStr | None = None


class ColumnBody(Part):
    """One target field. ``name`` defaults to the key."""

    key: StrictStr = Field(json_schema_extra=_KEY)
    name: StrictStr | None = Field(default=None, max_length=256)
    type: ColumnType = ColumnType.STRING
    is_required: StrictBool = False
    is_unique: StrictBool = False
    alternate_keys: _Texts
    select_values: _Texts
    allow_multi_select: StrictBool = False
    delimiter: StrictStr = ","
    regex: StrictStr | None = None
    regex_description: StrictStr | None = None
    date_formats: _Texts
    default_value: StrictStr | None = None
    validations: Annotated[list[ValidationBody], Field(default_factory=list)]

    def column(self) -> Column:
        """The same as a column of the model."""
        return Column(
            key=self.key,
            name=self.name or self.key,
            type=self.type,
            is_required=self.is_required,
            is_unique=self.is_unique,
            alternate_keys=tuple(self.alternate_keys),
            select_values=tuple(self.select_values),
            allow_multi_select=self.allow_multi_select,
            delimiter=self.delimiter,
            regex=self.regex,
            regex_description=self.regex_description,
            date_formats=tuple(self.date_formats),
            default_value=self.default_value,
            validations=tuple(
                Validation(v.rule, v.min, v.max, tuple(v.columns), v.error_message)
                for v in self.validations
            ),
        )


class DestinationBody(Part):
    """Where rows go: a table (`sql`) or a webhook. In an update, ``_id`` keeps what is not given
    of that destination; without it the destination is a new one.

    Fields that are not known are let through here, to be refused by the type they don't fit.
    """

    model_config = ConfigDict(extra="allow", json_schema_extra={"additionalProperties": False})

    id: StrictStr | None = Field(default=None, alias="_id")
    type: StrictStr = Field(default="sql", json_schema_extra=_TYPES)
    table: Annotated[StrictStr, Field(json_schema_extra=_KEY)] | None = None
    url: StrictStr | None = Field(
        default=None,
        max_length=2048,
        description="PostgreSQL or MySQL; without it rows go to IMPLER_DESTINATION_URL.",
    )
    mode: LoadMode | None = Field(default=None, description="`upsert` unless given.")
    callback_url: Url | None = Field(
        default=None,
        description="Where pages are sent, by POST; a user and password in it become a header.",
    )
    auth_header_name: StrictStr | None = None
    auth_header_value: StrictStr | None = None
    chunk_size: Annotated[StrictInt, Field(ge=1, le=10_000)] | None = Field(
        default=None, description="Records in a page at the most; 500 unless given."
    )
    retry_count: Annotated[StrictInt, Field(ge=0, le=20)] | None = Field(
        default=None, description="How often a page that is not taken is tried again; 5."
    )
    retry_interval: Annotated[float, Field(gt=0, le=86_400, strict=True)] | None = Field(
        default=None,
        description="Seconds before the first of these, three times as many before each other; 60.",
    )
    include_invalid: StrictBool | None = Field(
        default=None, description="Send rejects, too, in pages of their own; false."
    )
    changes_only: StrictBool | None = Field(
        default=None, description="Leave out rows that were sent as they are; true."
    )


_Columns = Annotated[list[ColumnBody], Field(max_length=1000, json_schema_extra={"minItems": 1})]
_Destinations = Annotated[list[DestinationBody], Field(min_length=1, max_length=20)]


class TemplateCreate(Body):
    """A new template. Without destinations, rows go to one table named after the template."""

    model_config = ConfigDict(json_schema_extra={"examples": [TEMPLATE_EXAMPLE]})

    name: Name
    mode: TemplateMode = TemplateMode.AUTOMATIC
    columns: _Columns
    destinations: _Destinations | None = None


class TemplateUpdate(Body):
    """What to change: absent means unchanged; columns and destinations are replaced whole."""

    name: Name | None = Field(default=None, json_schema_extra=without_null)
    mode: TemplateMode | None = Field(default=None, json_schema_extra=without_null)
    columns: _Columns | None = Field(default=None, json_schema_extra=without_null)
    destinations: _Destinations | None = Field(default=None, json_schema_extra=without_null)


class ValidationRead(Read):
    """One more rule of a column."""

    rule: str = Field(validation_alias="validate", serialization_alias="validate")
    min: float | None
    max: float | None
    columns: list[str]
    error_message: str | None


class ColumnRead(Read):
    """One target field."""

    key: str
    name: str
    type: ColumnType
    is_required: bool
    is_unique: bool
    alternate_keys: list[str]
    select_values: list[str]
    allow_multi_select: bool
    delimiter: str
    regex: str | None
    regex_description: str | None
    date_formats: list[str]
    default_value: str | None
    validations: list[ValidationRead]


class TableRead(Read):
    """A table. ``url`` holds neither user nor password; null is IMPLER_DESTINATION_URL."""

    id: Identifier = Field(alias="_id")
    type: Literal["sql"] = "sql"
    table: str
    mode: LoadMode
    url: str | None


class WebhookRead(Read):
    """A webhook. Pages are signed with ``signingSecret`` (Standard Webhooks).

    It is null where the present IMPLER_SECRET_KEY does not open it: restore the key, or send the
    destination anew, without its ``_id``.
    """

    id: Identifier = Field(alias="_id")
    type: Literal["webhook"] = "webhook"
    callback_url: str
    auth_header_name: str | None
    chunk_size: int
    retry_count: int
    retry_interval: float
    include_invalid: bool
    changes_only: bool
    signing_secret: str | None


DestinationRead = Annotated[TableRead | WebhookRead, Field(discriminator="type")]


class TemplateRead(Read):
    """A template."""

    id: Identifier = Field(alias="_id")
    name: str
    mode: TemplateMode
    columns: list[ColumnRead]
    destinations: list[DestinationRead]
    created_at: UtcTime
    updated_at: UtcTime
