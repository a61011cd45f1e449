"""Previews: what a run would load and refuse, of an import job or of a feed that is none yet."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from impler_pipelines.control_api.auth import ProjectId
from impler_pipelines.control_api.feed_reading import Feeds
from impler_pipelines.control_api.kept_feeds import FeedSource
from impler_pipelines.control_api.preview_requests import (
    changed_draft,
    read_feed_preview,
    saved_draft,
)
from impler_pipelines.control_api.previewing import Draft, Extent
from impler_pipelines.control_api.routes.parameters import (
    FindTemplate,
    FoundImportJob,
    refuse_deleted,
)
from impler_pipelines.control_api.schemas.previews import (
    FeedPreviewBody,
    ImportJobPreviewBody,
    PreviewRead,
)
from impler_pipelines.control_api.schemas.problems import problems
from impler_pipelines.control_api.store_access import ApiSettings, Store
from impler_pipelines.errors import StateConflict
from impler_pipelines.model import ImportJob, ImportPlan
from impler_pipelines.orchestration.places import loaded_before
from impler_pipelines.orchestration.runtime import Runtime
from impler_pipelines.settings import Settings
from impler_pipelines.store.plans import load_plan

router = APIRouter(prefix="/v1")

_PREVIEW = "/import-jobs/{jobId:segment}/preview"


@router.post("/feeds/preview", tags=["Feeds"], responses=problems(404, 413, 422, 502))
def preview_feed(
    body: FeedPreviewBody, project_id: ProjectId, find_template: FindTemplate, feeds: Feeds
) -> PreviewRead:
    """What an import of a feed would load and refuse with these mappings, before there is one.

    Paths have to be among the feed's headings; a required column without a path makes rejects. The
    feed is the one that was inspected or previewed in the last minutes, and is fetched only where
    there was none.
    """
    template = find_template(body.template_id)
    source, draft = read_feed_preview(body, template.columns, project_id)
    found = feeds.preview_kept(source, draft, Extent(body.limit, body.first_records))
    return PreviewRead.model_validate(found)


@router.get(_PREVIEW, tags=["Import jobs"], responses=problems(404, 409, 422, 502))
def preview_import_job(
    job: FoundImportJob,
    store: Store,
    feeds: Feeds,
    settings: ApiSettings,
    limit: Annotated[int, Query(ge=1, le=100)] = 5,
) -> PreviewRead:
    """What a run would load and refuse now: the current feed, mapped, with nothing written.

    All of the feed is read, so that the counts are a run's; `limit` is how many rows, and how many
    rejects, are shown.
    """
    plan, draft = _saved(job, store, settings)
    _refuse_unmapped(draft, job)
    extent = Extent(limit)
    if job.upload is not None:
        found = feeds.preview_upload(job.upload, draft, extent)
    else:
        found = feeds.preview(_source(plan), draft, extent)
    return PreviewRead.model_validate(found)


@router.post(_PREVIEW, tags=["Import jobs"], responses=problems(404, 409, 413, 422, 502))
def preview_changes(
    job: FoundImportJob,
    body: ImportJobPreviewBody,
    store: Store,
    feeds: Feeds,
    settings: ApiSettings,
) -> PreviewRead:
    """What a run would load and refuse with what the body has in place of what is saved.

    The feed is the one that was inspected or previewed in the last minutes, and is fetched only
    where there was none. With `firstRecords` no more of it is read than that takes.
    """
    plan, saved = _saved(job, store, settings)
    draft = changed_draft(body, job, saved)
    _refuse_unmapped(draft, job)
    extent = Extent(body.limit, body.first_records)
    if job.upload is not None:
        found = feeds.preview_upload(job.upload, draft, extent)
    else:
        found = feeds.preview_kept(_source(plan), draft, extent)
    return PreviewRead.model_validate(found)


def _saved(job: ImportJob, store: Store, settings: Settings) -> tuple[ImportPlan, Draft]:
    refuse_deleted(job)
    with store.transaction() as connection:
        plan = load_plan(connection, store.box, job.id)
    return plan, saved_draft(plan, loaded_before(Runtime(settings), plan, run_id=""))


def _source(plan: ImportPlan) -> FeedSource:
    return FeedSource(plan.project_id, plan.url, plan.auth)


def _refuse_unmapped(draft: Draft, job: ImportJob) -> None:
    if not draft.mappings:
        raise StateConflict("No column is mapped yet: map columns first.", status=job.status)
