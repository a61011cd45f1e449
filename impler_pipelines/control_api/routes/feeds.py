"""Feeds before they are imported: what an address holds."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from impler_pipelines.control_api.auth import ProjectId
from impler_pipelines.control_api.feed_progress import NDJSON, Events, Progress, asks_for_events
from impler_pipelines.control_api.feed_reading import Feeds
from impler_pipelines.control_api.kept_feeds import FeedSource
from impler_pipelines.control_api.routes.parameters import FindTemplate
from impler_pipelines.control_api.schemas.feeds import EVENT_SCHEMA, FeedRead, InspectBody
from impler_pipelines.control_api.schemas.problems import problems
from impler_pipelines.control_api.source_requests import read_source
from impler_pipelines.extraction import FeedReading
from impler_pipelines.mapping.suggestions import suggest
from impler_pipelines.model import Template

router = APIRouter(prefix="/v1/feeds", tags=["Feeds"])

_EVENTS: dict[int | str, dict[str, Any]] = {200: {"content": {NDJSON: {"schema": EVENT_SCHEMA}}}}


@router.post(
    "/inspect",
    response_model=FeedRead,
    responses=problems(404, 413, 422, 502) | _EVENTS,
    response_model_exclude_defaults=True,
)
def inspect_feed(
    request: Request,
    body: InspectBody,
    project_id: ProjectId,
    find_template: FindTemplate,
    feeds: Feeds,
) -> FeedRead | Events:
    """Fetch a feed and say what it holds: record path, headings with samples, warnings.

    With `templateId`, `suggestions` says which heading each column probably comes from, by names,
    meanings and samples, with a score from 0 to 1. A required column that nothing fits has `path`
    null and a `message`; an optional one is left out. The address of a web page answers 502 with
    the `feeds` that the page announces.

    With `Accept: application/x-ndjson` the answer is a stream of events: how far it is, and last
    the answer or the error. Who hangs up stops it.
    """
    template = None if body.template_id is None else find_template(body.template_id)
    url, auth = read_source(body)
    source = FeedSource(project_id, url, auth)
    if not asks_for_events(request):
        return feeds.inspect(source, body.record_path, lambda found: _told(found, template))
    progress = Progress()
    outcome = feeds.inspect_apart(
        source,
        body.record_path,
        lambda found: _told(found, template).model_dump_json(by_alias=True, exclude_defaults=True),
        progress,
    )
    return Events(progress, outcome)


def _told(reading: FeedReading, template: Template | None) -> FeedRead:
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
