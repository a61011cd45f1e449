"""Whether the service is alive and ready, and its metrics. Outside ``/v1``, without a key."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Literal

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from impler_pipelines.control_api.health import Health
from impler_pipelines.control_api.schemas.base import Read
from impler_pipelines.control_api.schemas.problems import ProblemRead
from impler_pipelines.errors import StoreUnavailable
from impler_pipelines.store.figures import Figures

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
async def readyz(request: Request) -> Ready:
    """Ready while the database is reachable, with what Dagster says."""
    health: Health = request.app.state.health
    _, dagster = await asyncio.gather(health.require_store(), health.dagster())
    return Ready(dagster=DagsterState.model_validate(dagster))


@router.get("/metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Prometheus metrics: import jobs, runs, rows, lags, requests. Answers without the store."""
    health: Health = request.app.state.health
    dagster, figures = await asyncio.gather(health.dagster(), _figures(health))
    shown = request.app.state.metrics.render(
        figures, dagster=(dagster.up, dagster.location_loaded), now=dt.datetime.now(dt.UTC)
    )
    return Response(shown, media_type=CONTENT_TYPE_LATEST)


async def _figures(health: Health) -> Figures | None:
    try:
        return await health.figures()
    except StoreUnavailable:
        return None  # impler_store_up says so
