"""Builds the app: routers, middleware, error bodies, what they share. It starts no server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Security
from starlette.routing import Route

from impler_pipelines import __version__
from impler_pipelines.control_api import problems
from impler_pipelines.control_api.auth import Access, scheme, session_scheme
from impler_pipelines.control_api.body_limit import BodyLimit
from impler_pipelines.control_api.feed_reading import FeedReader
from impler_pipelines.control_api.health import Health
from impler_pipelines.control_api.metrics import Metrics
from impler_pipelines.control_api.problems import Problems
from impler_pipelines.control_api.raw_paths import RawPaths
from impler_pipelines.control_api.request_log import RequestLog
from impler_pipelines.control_api.routes import (
    documented,
    feeds,
    health,
    import_jobs,
    previews,
    project_origins,
    project_webhook,
    runs,
    schedules,
    sessions,
    templates,
    uploads,
    webhook_pages,
    widget,
)
from impler_pipelines.control_api.sessions import OPEN, SessionTokens
from impler_pipelines.control_api.store_access import StoreAccess
from impler_pipelines.control_api.widget_files import WidgetFiles
from impler_pipelines.orchestration.dagster_gateway import DagsterGateway
from impler_pipelines.settings import Settings
from impler_pipelines.store.secrets import secret_box

_DESCRIPTION = """Lets host apps keep their users' feeds imported: define templates, make import
jobs, list, pause, resume and delete them. Send the project's key in the header `accesskey`, or,
from a user's browser, a session's token as `Authorization: Bearer`.
Times are ISO 8601 in UTC; lists are arrays, newest first, and continue behind `X-Next-Cursor`."""

_DAGSTER_TIMEOUT_SECONDS = 3


def create_app(settings: Settings, *, migrate: bool = False) -> FastAPI:
    """The control API over the store of ``settings``.

    With ``migrate`` the store's migrations run in the background as the app starts, and until they
    have, requests that need the store get 503.
    """
    store = StoreAccess(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if migrate:
            store.migrate_in_background()
        yield
        app.state.feed_reader.close()
        store.close()

    app = _Api(
        title="Impler pipelines: control API",
        version=__version__,
        description=_DESCRIPTION,
        redirect_slashes=False,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.settings, app.state.store = settings, store
    app.state.feed_reader = FeedReader(settings)
    app.state.session_tokens = tokens = SessionTokens(secret_box(settings, "sessions"))
    app.state.widget_files = WidgetFiles()
    app.state.metrics = Metrics()
    dagster = DagsterGateway(
        settings.dagster_webserver_url, timeout_seconds=_DAGSTER_TIMEOUT_SECONDS
    )
    app.state.health = Health(store, dagster)
    routes = _include_routers(app, settings)
    problems.install(app, routes)
    # The last one added is the outermost.
    app.add_middleware(BodyLimit, max_file_bytes=settings.max_feed_bytes)
    app.add_middleware(
        Access,
        store=store,
        tokens=tokens,
        routes=routes,
        per_minute=settings.max_requests_per_minute,
    )
    app.add_middleware(RawPaths)
    app.add_middleware(Problems)
    app.add_middleware(RequestLog, metrics=app.state.metrics)
    return app


def _include_routers(app: FastAPI, settings: Settings) -> list[Route]:
    """Add all routes and return them; the user's come first: ``user`` is never taken for an id."""
    keyed = [documented.router, import_jobs.router, runs.router, templates.router]
    keyed += [feeds.router, previews.router, schedules.router, uploads.router]
    keyed += [webhook_pages.router, project_webhook.router, project_origins.router]
    keyed += [sessions.router]
    if settings.legacy_get:
        keyed.insert(1, documented.legacy_router)
    for router in keyed:
        app.include_router(router, dependencies=[Security(scheme)])
    app.include_router(sessions.own_router, dependencies=[Security(session_scheme)])
    app.include_router(health.router)
    app.include_router(widget.router)
    routers = (*keyed, sessions.own_router, health.router, widget.router)
    return [route for one in routers for route in one.routes if isinstance(route, Route)]


class _Api(FastAPI):
    """Its OpenAPI tells which routes are open to sessions, too."""

    def openapi(self) -> dict[str, Any]:
        """The document, made once."""
        document = super().openapi()
        session: dict[str, list[str]] = {session_scheme.scheme_name: []}
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                allowed = operation.get("security", [])
                if (method.upper(), path) in OPEN and session not in allowed:
                    allowed.append(session)
        return document
