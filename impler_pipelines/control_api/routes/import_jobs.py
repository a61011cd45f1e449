"""Import jobs by id: made, read, changed, mapped and deleted."""

from __future__ import annotations

import datetime as dt

from fastapi import APIRouter
from pydantic.alias_generators import to_camel

from impler_pipelines.control_api.auth import CurrentSession, ProjectId
from impler_pipelines.control_api.feed_reading import Feeds
from impler_pipelines.control_api.import_job_requests import (
    read_changes,
    read_import_job,
    read_mappings,
)
from impler_pipelines.control_api.routes.parameters import (
    FoundImportJob,
    FoundTemplate,
    refuse_deleted,
)
from impler_pipelines.control_api.schemas.import_jobs import (
    ImportJobCreate,
    ImportJobRead,
    ImportJobUpdate,
    MappingRead,
    MappingsReplace,
)
from impler_pipelines.control_api.schemas.problems import problems
from impler_pipelines.control_api.session_bodies import hold_creation, hold_update
from impler_pipelines.control_api.store_access import Store
from impler_pipelines.control_api.views import import_job_view, mapping_views
from impler_pipelines.errors import FieldProblem, RequestInvalid, StateConflict
from impler_pipelines.model import SourceAuth, TemplateMode
from impler_pipelines.store import import_jobs
from impler_pipelines.store.plans import stored_auth
from impler_pipelines.store.templates import columns_of

router = APIRouter(prefix="/v1/import-jobs", tags=["Import jobs"])

_OF_UPLOADS = frozenset({"extra", "filters", "mappings"})


@router.post("/{templateId:segment}", status_code=201, responses=problems(404, 409, 413, 422, 502))
def create_import_job(
    template: FoundTemplate,
    body: ImportJobCreate,
    project_id: ProjectId,
    session: CurrentSession,
    store: Store,
    feeds: Feeds,
) -> ImportJobRead:
    """Import a feed into a template's columns from now on.

    The feed is fetched at once, for its headings and record path. Required columns without a path
    leave the import job in `MAPPING`, no interval in `SCHEDULING`; otherwise it is `RUNNING`, and
    its first run starts right away unless `runNow` is false.
    """
    if template.mode is TemplateMode.MANUAL:
        raise StateConflict(
            f"Template {template.name!r} is of mode 'manual': only templates of mode 'automatic'"
            " take import jobs."
        )
    now = dt.datetime.now(dt.UTC)
    new = read_import_job(hold_creation(body, session), template.columns, feeds, now=now)
    with store.transaction() as connection:
        job = import_jobs.create_import_job(
            connection,
            store.box,
            new,
            project_id=project_id,
            template_id=template.id,
            now=dt.datetime.now(dt.UTC),
        )
    return import_job_view(job, session)


@router.get("/{jobId:segment}", responses=problems(404))
def get_import_job(job: FoundImportJob, session: CurrentSession) -> ImportJobRead:
    """One import job; also a deleted one."""
    return import_job_view(job, session)


@router.put("/{jobId:segment}", responses=problems(404, 409, 413, 422, 502))
def update_import_job(
    job: FoundImportJob,
    body: ImportJobUpdate,
    session: CurrentSession,
    store: Store,
    feeds: Feeds,
) -> ImportJobRead:
    """Change an import job: absent means unchanged, null clears. See the body for the rules."""
    refuse_deleted(job)
    body = hold_update(body, session)
    if not body.given:
        return import_job_view(job, session)
    if job.upload is not None and (others := body.given - _OF_UPLOADS):
        raise RequestInvalid(
            [FieldProblem(to_camel(name), "is nothing that uploaded files have") for name in others]
        )
    with store.transaction() as connection:
        columns = columns_of(connection, job.template_id)

    def open_auth() -> SourceAuth | None:
        with store.transaction() as connection:
            return stored_auth(connection, store.box, job.id)

    now = dt.datetime.now(dt.UTC)
    changes = read_changes(body, job, columns, feeds, stored_auth=open_auth, now=now)
    with store.transaction() as connection:
        changed = import_jobs.update_import_job(
            connection,
            job.id,
            now=dt.datetime.now(dt.UTC),
            changes=changes,
            box=store.box,
        )
    return import_job_view(changed, session)


@router.delete("/{jobId:segment}", responses=problems(404))
def delete_import_job(job: FoundImportJob, session: CurrentSession, store: Store) -> ImportJobRead:
    """Delete: hidden from lists at once; a second delete is 404. Loaded rows stay."""
    with store.transaction() as connection:
        gone = import_jobs.terminate_import_job(connection, job.id, now=dt.datetime.now(dt.UTC))
    return import_job_view(gone, session)


@router.get("/{jobId:segment}/mappings", responses=problems(404))
def get_mappings(job: FoundImportJob, store: Store) -> list[MappingRead]:
    """One entry for each column of the template. `suggestedPath` is the heading that fits best."""
    with store.transaction() as connection:
        return mapping_views(job, columns_of(connection, job.template_id))


@router.put("/{jobId:segment}/mappings", responses=problems(404, 409, 413, 422))
def replace_mappings(job: FoundImportJob, body: MappingsReplace, store: Store) -> list[MappingRead]:
    """Replace all mappings; the same request again changes nothing.

    422 names every required column without a path and every path that the feed lacks.
    """
    with store.transaction() as connection:
        locked = import_jobs.lock_import_job(connection, job.id)
        refuse_deleted(locked)
        columns = columns_of(connection, job.template_id)
        mappings = read_mappings(body.mappings, locked, columns)
        changed = import_jobs.update_import_job(
            connection, job.id, now=dt.datetime.now(dt.UTC), changes={"mappings": mappings}
        )
    return mapping_views(changed, columns)
