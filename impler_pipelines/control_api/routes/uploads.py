"""Files that users upload into templates of mode `manual`."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from fastapi import APIRouter, File, Form, UploadFile

from impler_pipelines.control_api.auth import CurrentSession, ProjectId
from impler_pipelines.control_api.feed_reading import Feeds
from impler_pipelines.control_api.routes.parameters import FoundTemplate
from impler_pipelines.control_api.schemas.import_jobs import ImportJobRead
from impler_pipelines.control_api.schemas.problems import problems
from impler_pipelines.control_api.store_access import ApiSettings, Store
from impler_pipelines.control_api.upload_requests import new_upload, read_file, read_form
from impler_pipelines.control_api.views import import_job_view
from impler_pipelines.orchestration.artifacts import Artifacts
from impler_pipelines.orchestration.uploads import kept
from impler_pipelines.store.import_jobs import refuse_unless_manual, take_upload

router = APIRouter(prefix="/v1/uploads", tags=["Uploads"])


@router.post("/{templateId:segment}", status_code=201, responses=problems(404, 409, 413, 422))
def upload_file(
    template: FoundTemplate,
    project_id: ProjectId,
    session: CurrentSession,
    store: Store,
    feeds: Feeds,
    settings: ApiSettings,
    file: Annotated[UploadFile, File(description="XML, CSV, TSV, XLSX or JSON lines.")],
    external_user_id: Annotated[str | None, Form(alias="externalUserId")] = None,
    extra: Annotated[str | None, Form(description="A JSON object.")] = None,
    mappings: Annotated[
        str | None, Form(description="A JSON array of `{key, path, repeated?}`.")
    ] = None,
    record_path: Annotated[
        str | None, Form(alias="recordPath", description="A workbook's sheet, XML's record path.")
    ] = None,
) -> ImportJobRead:
    """Import a file into a template of mode `manual`.

    All files of one user on one template are one import job, so that a row that comes again is the
    same row. With every required column mapped (by this request, or as the user's last file was)
    the file is run at once, by the Dagster job `manual_import`; otherwise the answer is in
    `MAPPING`, and `PUT …/mappings` runs it. 422 for a file that can't be read.
    """
    refuse_unless_manual(template.name, template.mode)
    form = read_form(external_user_id, extra, mappings, template.columns, session)
    reading = read_file(form, file, record_path, template.columns, feeds)
    artifacts = Artifacts(settings.artifacts_base_url)
    with kept(artifacts, file.file) as path, store.transaction() as connection:
        job = take_upload(
            connection,
            new_upload(form, file, reading, path),
            project_id=project_id,
            template_id=template.id,
            now=dt.datetime.now(dt.UTC),
        )
    return import_job_view(job, session)
