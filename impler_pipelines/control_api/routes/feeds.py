"""Feeds before they are imported: what an address holds."""

from __future__ import annotations

from fastapi import APIRouter

from impler_pipelines.control_api.feed_reading import Feeds
from impler_pipelines.control_api.routes.parameters import FindTemplate
from impler_pipelines.control_api.schemas.feeds import FeedRead, InspectBody
from impler_pipelines.control_api.schemas.problems import problems
from impler_pipelines.control_api.source_requests import read_source
from impler_pipelines.mapping.suggestions import suggest

router = APIRouter(prefix="/v1/feeds", tags=["Feeds"])


@router.post(
    "/inspect", responses=problems(404, 413, 422, 502), response_model_exclude_defaults=True
)
def inspect_feed(body: InspectBody, find_template: FindTemplate, feeds: Feeds) -> FeedRead:
    """Fetch a feed and say what it holds: record path, headings with samples, warnings.

    With `templateId`, `suggestions` says which heading each column probably comes from, by names,
    meanings and samples, with a score from 0 to 1. A required column that nothing fits has `path`
    null and a `message`; an optional one is left out. The address of a web page answers 502 with
    the `feeds` that the page announces.
    """
    template = None if body.template_id is None else find_template(body.template_id)
    url, auth = read_source(body)
    reading = feeds.read(url, auth, body.record_path)
    suggested = None
    if template:
        suggested = suggest(template.columns, reading.headings, reading.record_path)
    return FeedRead.model_validate(
        {
            "format": reading.format,
            "record_path": reading.record_path,
            "record_count": reading.record_count,
            "candidates": reading.candidates,
            "headings": reading.headings,
            "suggestions": suggested,
            "warnings": reading.warnings,
        }
    )
