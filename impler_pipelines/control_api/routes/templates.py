"""Templates: made, listed, changed and deleted by host-app developers."""

from __future__ import annotations

import datetime as dt

from fastapi import APIRouter, Response

from impler_pipelines.control_api.addresses import AddressCheck, CheckAddress
from impler_pipelines.control_api.auth import ProjectId
from impler_pipelines.control_api.destination_requests import read_destinations
from impler_pipelines.control_api.gathering import Gathered
from impler_pipelines.control_api.pagination import (
    DEFAULT_LIMIT,
    Cursor,
    Limit,
    decode_moment,
    encode_moment,
    page,
)
from impler_pipelines.control_api.routes.parameters import FoundTemplate
from impler_pipelines.control_api.schemas.problems import paged, problems
from impler_pipelines.control_api.schemas.templates import (
    TemplateCreate,
    TemplateRead,
    TemplateUpdate,
)
from impler_pipelines.control_api.store_access import Store
from impler_pipelines.control_api.template_requests import read_columns
from impler_pipelines.control_api.views import template_view
from impler_pipelines.model import Column, Template
from impler_pipelines.store import templates
from impler_pipelines.store.destinations import DestinationSpec
from impler_pipelines.store.import_jobs import settle_template

router = APIRouter(prefix="/v1/templates", tags=["Templates"])


@router.post("", status_code=201, responses=problems(413, 422))
def create_template(
    body: TemplateCreate, project_id: ProjectId, store: Store, check_address: CheckAddress
) -> TemplateRead:
    """Make a template. A table belongs to the template that made it; another one's is refused."""
    gathered = Gathered()
    columns: tuple[Column, ...] = ()
    specs: list[DestinationSpec] = []
    with gathered.check():
        columns = read_columns(body.columns)
    with gathered.check():
        specs = read_destinations(
            body.destinations, template_name=body.name, check_address=check_address
        )
    gathered.raise_any()
    with store.transaction() as connection:
        template = templates.create_template(
            connection,
            store.box,
            project_id=project_id,
            name=body.name,
            mode=body.mode,
            columns=columns,
            destination_specs=specs,
            now=dt.datetime.now(dt.UTC),
        )
    return template_view(template)


@router.get("", responses=paged())
def list_templates(
    response: Response,
    project_id: ProjectId,
    store: Store,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> list[TemplateRead]:
    """The project's templates, newest first."""
    before = decode_moment(cursor)
    with store.transaction() as connection:
        found = templates.list_templates(
            connection, store.box, project_id=project_id, limit=limit + 1, before=before
        )
    shown = page(response, found, limit, lambda t: encode_moment(t.created_at, t.id))
    return [template_view(template) for template in shown]


@router.get("/{templateId:segment}", responses=problems(404))
def get_template(template: FoundTemplate) -> TemplateRead:
    """One template."""
    return template_view(template)


@router.put("/{templateId:segment}", responses=problems(404, 413, 422))
def update_template(
    template: FoundTemplate,
    body: TemplateUpdate,
    project_id: ProjectId,
    store: Store,
    check_address: CheckAddress,
) -> TemplateRead:
    """Change a template. Import jobs that lack a newly required column go back to `MAPPING`."""
    body.refuse_null("name", "mode", "columns", "destinations")
    columns, specs = _changes(template, body, check_address)
    now = dt.datetime.now(dt.UTC)
    with store.transaction() as connection:
        changed = templates.update_template(
            connection,
            store.box,
            project_id=project_id,
            template_id=template.id,
            now=now,
            name=body.name,
            mode=body.mode,
            columns=columns,
            destination_specs=specs,
        )
        if columns is not None:
            settle_template(connection, template.id, now=now)
    return template_view(changed)


@router.delete("/{templateId:segment}", responses=problems(404, 409))
def delete_template(template: FoundTemplate, project_id: ProjectId, store: Store) -> TemplateRead:
    """Delete a template; not while it has live import jobs. Loaded rows stay."""
    with store.transaction() as connection:
        deleted = templates.delete_template(
            connection,
            store.box,
            project_id=project_id,
            template_id=template.id,
            now=dt.datetime.now(dt.UTC),
        )
    return template_view(deleted)


def _changes(
    template: Template, body: TemplateUpdate, check_address: AddressCheck
) -> tuple[tuple[Column, ...] | None, list[DestinationSpec] | None]:
    gathered = Gathered()
    columns, specs = None, None
    with gathered.check():
        columns = None if body.columns is None else read_columns(body.columns)
    with gathered.check():
        if body.destinations is not None:
            specs = read_destinations(
                body.destinations,
                template_name=body.name or template.name,
                stored=template.destinations,
                check_address=check_address,
            )
    gathered.raise_any()
    return columns, specs
