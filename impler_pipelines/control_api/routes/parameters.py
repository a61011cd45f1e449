"""Parameters that several routes share: ids in paths, and what they stand for, found or 404."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path

from impler_pipelines.control_api.auth import ProjectId
from impler_pipelines.control_api.store_access import Store
from impler_pipelines.model import ImportJob, Template
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


def _template(template_id: TemplateId, project_id: ProjectId, store: Store) -> Template:
    with store.transaction() as connection:
        return get_template(connection, store.box, project_id=project_id, template_id=template_id)


def _import_job(job_id: JobId, project_id: ProjectId, store: Store) -> ImportJob:
    with store.transaction() as connection:
        return get_import_job(connection, project_id=project_id, job_id=job_id)


# Dependencies are resolved before the body is validated: what is not the project's is 404 first.
FoundTemplate = Annotated[Template, Depends(_template)]
FoundImportJob = Annotated[ImportJob, Depends(_import_job)]
