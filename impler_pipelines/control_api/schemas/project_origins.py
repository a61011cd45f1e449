"""The origins of a host app's pages, as JSON."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, StrictStr

from impler_pipelines.control_api.schemas.base import Body, Read

ORIGINS_EXAMPLE: dict[str, Any] = {
    "origins": ["https://app.example", "https://*.example.com", "http://localhost:5173"]
}
_Origin = Annotated[StrictStr, Field(max_length=300)]


class OriginsBody(Body):
    """All origins of pages that may show the widget: ``scheme://host[:port]``, http or https.

    ``https://*.example.com`` stands for every host below that domain.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [ORIGINS_EXAMPLE]})

    origins: Annotated[list[_Origin], Field(max_length=50)]


class OriginsRead(Read):
    """The origins of pages that may show the widget, in the spelling that browsers send."""

    origins: list[str]
