"""Whether the service is alive and ready, and its metrics. Outside ``/v1``, without a key."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import text
from starlette.responses import Response

from impler_pipelines.control_api.schemas.base import Read
from impler_pipelines.control_api.schemas.problems import ProblemRead
from impler_pipelines.control_api.store_access import Store
from impler_pipelines.errors import DagsterUnavailable
from impler_pipelines.orchestration.dagster_gateway import DagsterGateway

router = APIRouter(tags=["Health"])


class Alive(Read):
    """The process answers."""

    status: Literal["ok"] = "ok"


class DagsterState(Read):
    """What Dagster's webserver says; the API does not need it."""

    up: bool
    location_loaded: bool
    message: str | None = None


class Ready(Read):
    """The database is reachable; ``dagster`` is for information."""

    status: Literal["ready"] = "ready"
    database: Literal["up"] = "up"
    dagster: DagsterState


@router.get("/healthz")
async def healthz() -> Alive:
    """Alive: the process answers, whatever the database does."""
    return Alive()


@router.get(
    "/readyz", responses={503: {"model": ProblemRead, "description": "Database unreachable."}}
)
def readyz(request: Request, store: Store) -> Ready:
    """Ready while the database is reachable, with what Dagster says."""
    with store.transaction() as connection:
        connection.execute(text("SELECT 1"))
    return Ready(dagster=_dagster_state(request.app.state.dagster))


@router.get("/metrics", response_class=Response)
def metrics(request: Request) -> Response:
    """Prometheus metrics: import jobs and runs by status, requests by route."""
    return Response(request.app.state.metrics.render(), media_type=CONTENT_TYPE_LATEST)


def _dagster_state(dagster: DagsterGateway) -> DagsterState:
    try:
        loaded = dagster.location_loaded()
    except DagsterUnavailable as error:
        return DagsterState(up=False, location_loaded=False, message=str(error))
    return DagsterState(up=True, location_loaded=loaded)
