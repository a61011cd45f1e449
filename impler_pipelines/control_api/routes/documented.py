"""The user's import jobs: exactly the requests that the automated import document names.

Three of them change something by GET. They are the documented interface, deprecated in favour of
their twins, and can be turned off (``IMPLER_LEGACY_GET=0``).
"""

from __future__ import annotations

import datetime as dt

from fastapi import APIRouter, Response

from impler_pipelines.control_api.auth import CurrentSession, ProjectId
from impler_pipelines.control_api.pagination import (
    DEFAULT_LIMIT,
    Cursor,
    Limit,
    decode_moment,
    encode_moment,
    page,
)
from impler_pipelines.control_api.routes.parameters import FoundImportJob, FoundUser
from impler_pipelines.control_api.schemas.import_jobs import ImportJobRead, ImportJobSummary
from impler_pipelines.control_api.schemas.problems import paged, problems
from impler_pipelines.control_api.sessions import Session
from impler_pipelines.control_api.store_access import Store, StoreAccess
from impler_pipelines.control_api.views import import_job_summary, import_job_view
from impler_pipelines.errors import NotFound
from impler_pipelines.model import ImportJob
from impler_pipelines.store import import_jobs

router = APIRouter(prefix="/v1/import-jobs/user", tags=["Import jobs of a user"])
legacy_router = APIRouter(prefix="/v1/import-job/user", tags=["Import jobs of a user"])


@router.get("/{externalUserId:segment}", responses=paged())
def list_import_jobs_of_user(
    response: Response,
    external_user_id: FoundUser,
    project_id: ProjectId,
    session: CurrentSession,
    store: Store,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> list[ImportJobSummary]:
    """The user's import jobs, newest first, without deleted ones."""
    before = decode_moment(cursor)
    with store.transaction() as connection:
        found = import_jobs.list_import_jobs(
            connection,
            limit=limit + 1,
            project_id=project_id,
            external_user_id=external_user_id,
            template_id=session.template_id if session else None,
            before=before,
        )
    shown = page(response, found, limit, lambda job: encode_moment(job.created_at, job.id))
    return [import_job_summary(job, session) for job in shown]


@router.put("/{jobId:segment}/pause", responses=problems(404, 409))
def pause_import_job(job: FoundImportJob, session: CurrentSession, store: Store) -> ImportJobRead:
    """Pause: a run that has started finishes, nothing starts after the answer."""
    return _pause(job, session, store)


@router.put("/{jobId:segment}/resume", responses=problems(404, 409))
def resume_import_job(job: FoundImportJob, session: CurrentSession, store: Store) -> ImportJobRead:
    """Resume a paused import job; `nextRun` is recomputed from now."""
    return _resume(job, session, store)


@router.delete("/{externalUserId:segment}/{jobId:segment}", responses=problems(404, 422))
def delete_import_job_of_user(
    external_user_id: FoundUser, job: FoundImportJob, session: CurrentSession, store: Store
) -> ImportJobRead:
    """Delete an import job of that user. Loaded rows stay."""
    return _delete(external_user_id, job, session, store)


@legacy_router.get("/{jobId:segment}/pause", deprecated=True, responses=problems(404, 409))
def pause_import_job_by_get(
    job: FoundImportJob, session: CurrentSession, store: Store
) -> ImportJobRead:
    """Pause; use `PUT /v1/import-jobs/user/{jobId}/pause` instead."""
    return _pause(job, session, store)


@legacy_router.get("/{jobId:segment}/resume", deprecated=True, responses=problems(404, 409))
def resume_import_job_by_get(
    job: FoundImportJob, session: CurrentSession, store: Store
) -> ImportJobRead:
    """Resume; use `PUT /v1/import-jobs/user/{jobId}/resume` instead."""
    return _resume(job, session, store)


@legacy_router.get(
    "/{externalUserId:segment}/{jobId:segment}", deprecated=True, responses=problems(404, 422)
)
def delete_import_job_by_get(
    external_user_id: FoundUser, job: FoundImportJob, session: CurrentSession, store: Store
) -> ImportJobRead:
    """Delete; use `DELETE /v1/import-jobs/user/{externalUserId}/{jobId}` instead."""
    return _delete(external_user_id, job, session, store)


def _pause(job: ImportJob, session: Session | None, store: StoreAccess) -> ImportJobRead:
    with store.transaction() as connection:
        paused = import_jobs.pause_import_job(connection, job.id, now=dt.datetime.now(dt.UTC))
    return import_job_view(paused, session)


def _resume(job: ImportJob, session: Session | None, store: StoreAccess) -> ImportJobRead:
    with store.transaction() as connection:
        resumed = import_jobs.resume_import_job(connection, job.id, now=dt.datetime.now(dt.UTC))
    return import_job_view(resumed, session)


def _delete(
    external_user_id: str, job: ImportJob, session: Session | None, store: StoreAccess
) -> ImportJobRead:
    if job.external_user_id != external_user_id:
        raise NotFound("import job", job.id)
    with store.transaction() as connection:
        gone = import_jobs.terminate_import_job(connection, job.id, now=dt.datetime.now(dt.UTC))
    return import_job_view(gone, session)
