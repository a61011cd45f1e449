"""What is on its way to webhooks, and the dead letters: pages that no try could deliver."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from impler_pipelines.control_api.auth import ProjectId
from impler_pipelines.control_api.pagination import (
    DEFAULT_LIMIT,
    Cursor,
    Limit,
    decode_moment,
    encode_moment,
    page,
)
from impler_pipelines.control_api.schemas.problems import paged, problems
from impler_pipelines.control_api.schemas.webhook_pages import (
    SendAgain,
    SentAgain,
    WebhookPageRead,
)
from impler_pipelines.control_api.store_access import Store
from impler_pipelines.model import PageStatus
from impler_pipelines.store import webhook_pages

router = APIRouter(prefix="/v1/webhook-pages", tags=["Webhooks"])

PageId = Annotated[str, Path(alias="pageId", description="`_id` of a page: its `webhook-id`.")]


@router.get("", responses=paged())
def list_webhook_pages(
    response: Response,
    project_id: ProjectId,
    store: Store,
    status: Annotated[PageStatus | None, Query()] = None,
    template_id: Annotated[str | None, Query(alias="templateId")] = None,
    job_id: Annotated[str | None, Query(alias="jobId")] = None,
    run_id: Annotated[str | None, Query(alias="runId")] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> list[WebhookPageRead]:
    """Pages that are waiting, were sent or are dead, newest first; `status=DEAD`: dead letters."""
    before = decode_moment(cursor)
    with store.transaction() as connection:
        found = webhook_pages.list_pages(
            connection,
            project_id=project_id,
            limit=limit + 1,
            before=before,
            status=status,
            template_id=template_id,
            import_job_id=job_id,
            run_id=run_id,
        )
    shown = page(response, found, limit, lambda one: encode_moment(one.created_at, one.id))
    return [WebhookPageRead.model_validate(one) for one in shown]


@router.post("/retry", status_code=202, responses=problems(413, 422))
def send_dead_pages_again(body: SendAgain, project_id: ProjectId, store: Store) -> SentAgain:
    """Send dead pages again, oldest first, with all their tries and under the ids they had."""
    with store.transaction() as connection:
        number = webhook_pages.send_again(
            connection,
            project_id=project_id,
            now=dt.datetime.now(dt.UTC),
            template_id=body.template_id,
            import_job_id=body.job_id,
            run_id=body.run_id,
        )
    return SentAgain(pages=number)


@router.get("/{pageId:segment}", responses=problems(404))
def get_webhook_page(page_id: PageId, project_id: ProjectId, store: Store) -> WebhookPageRead:
    """One page."""
    with store.transaction() as connection:
        found = webhook_pages.get_page(connection, project_id=project_id, page_id=page_id)
    return WebhookPageRead.model_validate(found)


@router.post("/{pageId:segment}/retry", status_code=202, responses=problems(404, 409))
def send_page_again(page_id: PageId, project_id: ProjectId, store: Store) -> WebhookPageRead:
    """Send one dead page again, with all its tries and under the id it had."""
    with store.transaction() as connection:
        found = webhook_pages.send_page_again(
            connection, project_id=project_id, page_id=page_id, now=dt.datetime.now(dt.UTC)
        )
    return WebhookPageRead.model_validate(found)
