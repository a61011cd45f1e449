"""The webhook that gets a project's events, as JSON."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, StrictInt, StrictStr

from impler_pipelines.control_api.schemas.base import Body, Identifier, Read, Url, without_null

PROJECT_WEBHOOK_EXAMPLE: dict[str, Any] = {"callbackUrl": "https://shop.example/import-events"}


class ProjectWebhookBody(Body):
    """What to change: absent means unchanged. The first time ``callbackUrl`` is required."""

    model_config = ConfigDict(json_schema_extra={"examples": [PROJECT_WEBHOOK_EXAMPLE]})

    callback_url: Url | None = Field(
        default=None,
        json_schema_extra=without_null,
        description="Where events are sent, by POST; a user and password in it become a header.",
    )
    auth_header_name: StrictStr | None = None
    auth_header_value: StrictStr | None = Field(default=None, repr=False)
    retry_count: Annotated[StrictInt, Field(ge=0, le=20)] | None = Field(
        default=None,
        json_schema_extra=without_null,
        description="How often an event that is not taken is tried again; 5.",
    )
    retry_interval: Annotated[float, Field(gt=0, le=86_400, strict=True)] | None = Field(
        default=None,
        json_schema_extra=without_null,
        description="Seconds before the first of these, three times as many before each other; 60.",
    )


class ProjectWebhookRead(Read):
    """The project's webhook. Events are signed with ``signingSecret`` (Standard Webhooks)."""

    id: Identifier = Field(alias="_id")
    callback_url: str
    auth_header_name: str | None
    retry_count: int
    retry_interval: float
    signing_secret: str | None
