"""Who asks: the project of the ``accesskey`` header. It knows no permissions beyond the project."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import APIKeyHeader
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from impler_pipelines.control_api.problems import Problem
from impler_pipelines.control_api.store_access import StoreAccess
from impler_pipelines.store.projects import project_of_key

HEADER = "accesskey"
PREFIX = "/v1/"

scheme = APIKeyHeader(
    name=HEADER,
    scheme_name=HEADER,
    auto_error=False,
    description="A project's key (`impler-pipelines keys create`).",
)


class AccessKeys:
    """ASGI middleware: without a known key nothing under ``/v1/`` is routed, or its body read."""

    def __init__(self, app: ASGIApp, store: StoreAccess) -> None:
        self._app, self._store = app, store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401, or go on with the project in the request's state."""
        if scope["type"] == "http" and scope["path"].startswith(PREFIX):
            access_key = Headers(scope=scope).get(HEADER)
            project_id = await run_in_threadpool(self._project_of, access_key)
            if project_id is None:
                await _unauthorized(access_key)(scope, receive, send)
                return
            scope.setdefault("state", {})["project_id"] = project_id
        await self._app(scope, receive, send)

    def _project_of(self, access_key: str | None) -> str | None:
        if not access_key:
            return None
        with self._store.transaction() as connection:
            return project_of_key(connection, access_key)


def _unauthorized(access_key: str | None) -> Problem:
    message = (
        "No project has this access key."
        if access_key
        else f"Send the project's access key in the header {HEADER!r}."
    )
    # RFC 9110, section 11.6.1: a 401 names the scheme that would be accepted.
    headers = {"WWW-Authenticate": f'ApiKey header="{HEADER}"'}
    return Problem(HTTPStatus.UNAUTHORIZED, message, headers=headers)


async def _project_id(request: Request) -> str:
    project_id: str = request.state.project_id
    return project_id


ProjectId = Annotated[str, Depends(_project_id)]
