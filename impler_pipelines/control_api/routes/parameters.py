"""Parameters that several routes share: ids in paths, and what they stand for, found or 404.

Here a session is held to its own: what is not its user's, on its template, is not there for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Path

from impler_pipelines.control_api.auth import CurrentSession, ProjectId
from impler_pipelines.control_api.store_access import Store
from impler_pipelines.errors import NotFound, StateConflict
from impler_pipelines.model import ImportJob, ImportJobStatus, Template
from impler_pipelines.store.import_jobs import get_import_job
from impler_pipelines.store.templates import get_template

JobId = Annotated[str, Path(alias="jobId", description="`_id` of an import job.")]
RunId = Annotated[str, Path(alias="runId", description="`_id` of a run.")]
TemplateId = Annotated[str, Path(alias="templateId", description="`_id` of a template.")]
UserId = Annotated[
    str,
    Path(
        alias="externalUserId",
        max_length=256,
        description="The host app's id of its user, percent-encoded (`/` as `%2F`).",
    ),
]


async def _template_finder(
    project_id: ProjectId, session: CurrentSession, store: Store
) -> Callable[[str], Template]:
    def find(template_id: str) -> Template:
        if session is not None and template_id != session.template_id:
            raise NotFound("template", template_id)
        with store.transaction() as connection:
            return get_template(
                connection, store.box, project_id=project_id, template_id=template_id
            )

    return find


# For ids in bodies. Raises ``NotFound`` for what is not the project's, or the session's.
FindTemplate = Annotated[Callable[[str], Template], Depends(_template_finder)]


def _template(template_id: TemplateId, find_template: FindTemplate) -> Template:
    return find_template(template_id)


def _import_job(
    job_id: JobId, project_id: ProjectId, session: CurrentSession, store: Store
) -> ImportJob:
    with store.transaction() as connection:
        job = get_import_job(connection, project_id=project_id, job_id=job_id)
    if session is not None and not session.sees(job):
        raise NotFound("import job", job_id)
    return job


async def _user(external_user_id: UserId, session: CurrentSession) -> str:
    if session is not None and external_user_id != session.external_user_id:
        raise NotFound("user", external_user_id)
    return external_user_id


# Dependencies are resolved before the body is validated: what is another's is 404 first.
FoundTemplate = Annotated[Template, Depends(_template)]
FoundImportJob = Annotated[ImportJob, Depends(_import_job)]
FoundUser = Annotated[str, Depends(_user)]


def refuse_deleted(job: ImportJob) -> None:
    """Raise ``StateConflict`` for an import job that can be read, and no more than that."""
    if job.status is ImportJobStatus.TERMINATED:
        raise StateConflict("This import job was deleted: make a new one.", status=job.status)
