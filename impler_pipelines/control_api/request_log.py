"""Every request's id, its one log line and its count. It answers nothing itself.

The id comes from the header ``X-Request-Id``, if it is fit for a log, and is made otherwise. It
is returned with every answer, bound to every line of the request, and kept with a run that the
request asks for.
"""

from __future__ import annotations

import logging
import re
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from impler_pipelines import logs
from impler_pipelines.control_api.feed_progress import ENDED_AS
from impler_pipelines.control_api.metrics import Metrics
from impler_pipelines.store.engine import new_id

HEADER = "X-Request-Id"

_SANE = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_ID = re.compile(r"[0-9a-f]{24}")
_IDS_IN_PATHS = {"jobId": "import_job_id", "runId": "run_id", "templateId": "template_id"}
_UNROUTED = "none"
_KEYED = "/v1/"


class RequestLog:
    """The outermost ASGI middleware.

    Lines and counts name the route's pattern, never the path or the query: users' ids are in there.
    A stream that ends with a problem counts as that, though it began as 200.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Go on under the request's id; count and log the answer once it is sent."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = request_id_of(Headers(scope=scope).get(HEADER))
        status, begun_at = 500, time.perf_counter()

        async def note_start(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(raw=message.setdefault("headers", []))[HEADER] = request_id
            await send(message)

        with logs.bound(request_id=request_id, by="api"):
            try:
                await self._app(scope, receive, note_start)
            finally:
                self._report(scope, status, time.perf_counter() - begun_at)

    def _report(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path_format", _UNROUTED)
        parameters, state = scope.get("path_params", {}), scope.get("state", {})
        status = state.get(ENDED_AS, status)
        self._metrics.count(method=scope["method"], route=route, status=status, seconds=seconds)
        logs.note(
            "request.answered",
            level=_level(scope["path"], status),
            method=scope["method"],
            route=route,
            status=status,
            ms=seconds * 1000,
            by="session" if "session" in state else "api",
            project_id=state.get("project_id"),
            access_key_id=state.get("access_key_id"),
            **{
                field: parameters[name]
                for name, field in _IDS_IN_PATHS.items()
                if _ID.fullmatch(str(parameters.get(name)))
            },
        )


def request_id_of(given: str | None) -> str:
    """The id that a client gave, if it is short and of harmless characters; or a new one."""
    return given if given and _SANE.fullmatch(given) else new_id()


def _level(path: str, status: int) -> int:
    if not path.startswith(_KEYED):  # probes and scrapes, every few seconds
        return logging.DEBUG
    if status == 500:
        return logging.ERROR
    return logging.WARNING if status > 500 else logging.INFO
