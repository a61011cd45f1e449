"""The origins of pages that may show the project's widget."""

from __future__ import annotations

from fastapi import APIRouter

from impler_pipelines.control_api.auth import ProjectId
from impler_pipelines.control_api.origin_requests import read_origins
from impler_pipelines.control_api.schemas.problems import problems
from impler_pipelines.control_api.schemas.project_origins import OriginsBody, OriginsRead
from impler_pipelines.control_api.store_access import Store
from impler_pipelines.store.origins import origins_of, set_origins

router = APIRouter(prefix="/v1/project/origins", tags=["Widget"])


@router.get("", responses=problems())
def get_project_origins(project_id: ProjectId, store: Store) -> OriginsRead:
    """The origins of pages that may show the widget; without any, no other page may."""
    with store.transaction() as connection:
        return OriginsRead(origins=origins_of(connection, project_id))


@router.put("", responses=problems(413, 422))
def set_project_origins(body: OriginsBody, project_id: ProjectId, store: Store) -> OriginsRead:
    """Let pages of these origins show the widget, and no others; an open widget stays open."""
    origins = read_origins(body.origins)
    with store.transaction() as connection:
        set_origins(connection, project_id, origins)
    return OriginsRead(origins=origins)
