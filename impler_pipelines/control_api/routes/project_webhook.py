"""The webhook that a project's events are sent to: import jobs that keep failing, or recover."""

from __future__ import annotations

from fastapi import APIRouter

from impler_pipelines.control_api.addresses import CheckAddress
from impler_pipelines.control_api.auth import ProjectId
from impler_pipelines.control_api.destination_requests import read_project_webhook
from impler_pipelines.control_api.schemas.problems import problems
from impler_pipelines.control_api.schemas.project_webhook import (
    ProjectWebhookBody,
    ProjectWebhookRead,
)
from impler_pipelines.control_api.store_access import Store
from impler_pipelines.control_api.views import project_webhook_view
from impler_pipelines.errors import NotFound
from impler_pipelines.store import events

router = APIRouter(prefix="/v1/project/webhook", tags=["Webhooks"])


@router.get("", responses=problems(404))
def get_project_webhook(project_id: ProjectId, store: Store) -> ProjectWebhookRead:
    """The webhook that gets the project's events."""
    with store.transaction() as connection:
        found = events.project_webhook(connection, store.box, project_id)
    if found is None:
        raise NotFound("webhook of the project", project_id)
    return project_webhook_view(found)


@router.put("", responses=problems(422))
def set_project_webhook(
    body: ProjectWebhookBody, project_id: ProjectId, store: Store, check_address: CheckAddress
) -> ProjectWebhookRead:
    """Send the project's events there: `import_job.failing` and `import_job.recovered`, once each.

    An import job is failing from its third failed run in a row to its first success. Events are
    signed, tried again and listed as dead letters like pages of rows (`/v1/webhook-pages`).
    """
    body.refuse_null("callback_url", "retry_count", "retry_interval")
    with store.transaction() as connection:
        stored = events.project_webhook(connection, store.box, project_id)
    spec = read_project_webhook(body, stored=stored, check_address=check_address)
    with store.transaction() as connection:
        found = events.set_project_webhook(connection, store.box, project_id, spec)
    return project_webhook_view(found)


@router.delete("", responses=problems(404))
def remove_project_webhook(project_id: ProjectId, store: Store) -> ProjectWebhookRead:
    """Send no more events; those that wait are given up."""
    with store.transaction() as connection:
        removed = events.remove_project_webhook(connection, store.box, project_id)
    return project_webhook_view(removed)
