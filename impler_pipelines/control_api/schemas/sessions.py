"""Sessions as JSON: asked for by the host app, told to the widget."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field, StrictStr

from impler_pipelines.control_api.schemas.base import ExternalUserId, Identifier, Read, UtcTime
from impler_pipelines.control_api.schemas.import_jobs import WithExtra
from impler_pipelines.control_api.schemas.templates import ColumnRead
from impler_pipelines.model import TemplateMode

SESSION_EXAMPLE: dict[str, Any] = {
    "templateId": "65f0c7d2a1b2c3d4e5f60719",
    "externalUserId": "ann@example.org",
    "extra": {"account": 7},
}


class SessionCreate(WithExtra):
    """Who may act on which template. ``externalUserId`` may stand inside ``extra`` instead.

    ``extra`` is kept with what the session makes; its user can neither read nor change it. As JSON
    it may have 4096 bytes.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [SESSION_EXAMPLE]})

    template_id: StrictStr
    external_user_id: ExternalUserId | None = None


class SessionMade(Read):
    """A new session. Its token is sent as ``Authorization: Bearer``."""

    session_token: str = Field(repr=False)
    expires_at: UtcTime


class SessionRead(Read):
    """What a session is for: the user, and the template's columns to be mapped."""

    template_id: Identifier = Field(alias="_templateId")
    template_name: str
    mode: TemplateMode
    columns: list[ColumnRead]
    external_user_id: str
    expires_at: UtcTime
