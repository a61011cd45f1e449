"""The one body of every error, and which status each error has. It logs nothing but the unexpected.

``{"statusCode", "error", "message"}``, with ``details: [{field, message}]`` for validation,
``cause: {code, …}`` where a feed is the reason, and ``feeds`` where a web page was given.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from impler_pipelines import logs
from impler_pipelines.errors import (
    Cause,
    DagsterUnavailable,
    DestinationRefused,
    DestinationUnavailable,
    FeedRefused,
    FeedUnavailable,
    FeedUnreadable,
    FieldProblem,
    LimitExceeded,
    MappingInvalid,
    NotFound,
    PipelineError,
    RequestInvalid,
    SecretUnreadable,
    StateConflict,
    StoreUnavailable,
    UrlRefused,
    WebPageFound,
)

logger = logging.getLogger(__name__)

UNEXPECTED = "Something went wrong on our side. The log says what, at request_id={}."
# In place of what would tell a host app's user of the destination.
NOT_FOR_USERS = (
    "Something is wrong with where the rows go. Whoever runs this application can see what."
)

_STATUS: Mapping[type[PipelineError], HTTPStatus] = {
    NotFound: HTTPStatus.NOT_FOUND,
    StateConflict: HTTPStatus.CONFLICT,
    SecretUnreadable: HTTPStatus.CONFLICT,
    RequestInvalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    UrlRefused: HTTPStatus.UNPROCESSABLE_ENTITY,
    MappingInvalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    DestinationRefused: HTTPStatus.UNPROCESSABLE_ENTITY,
    FeedRefused: HTTPStatus.BAD_GATEWAY,
    FeedUnreadable: HTTPStatus.BAD_GATEWAY,
    LimitExceeded: HTTPStatus.BAD_GATEWAY,
    FeedUnavailable: HTTPStatus.BAD_GATEWAY,
    DestinationUnavailable: HTTPStatus.BAD_GATEWAY,
    StoreUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    DagsterUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}


class WebPageGiven(FeedUnreadable):
    """The address is that of a web page; ``feeds`` are those which the page announces."""

    code = WebPageFound.code

    def __init__(self, url: str, feeds: Sequence[Mapping[str, Any]]) -> None:
        hint = "use one of the feeds that it announces" if feeds else "it announces no feed"
        super().__init__(f"{url} is a web page, not a feed: {hint}.")
        self.feeds = list(feeds)


class Problem(Response):
    """An error's response. Text that is no Unicode (lone surrogates) is told with ``?``."""

    media_type = "application/json"

    def __init__(
        self,
        status: int,
        message: str,
        *,
        details: Iterable[FieldProblem] | None = None,
        cause: Cause | None = None,
        headers: Mapping[str, str] | None = None,
        **more: object,
    ) -> None:
        body: dict[str, object] = {
            "statusCode": int(status),
            "error": HTTPStatus(status).phrase,
            "message": message,
        }
        if details is not None:
            body["details"] = [{"field": p.field, "message": p.message} for p in details]
        if cause is not None:
            body["cause"] = cause
        text = json.dumps(body | more, ensure_ascii=False)
        super().__init__(text.encode(errors="replace"), status_code=status, headers=headers)


def problem_of(error: PipelineError) -> Problem | None:
    """The response for an error of ours, or None for one that a request can't have caused."""
    kind = next((kind for kind in type(error).__mro__ if kind in _STATUS), None)
    if kind is None:
        return None
    status = _STATUS[kind]
    if isinstance(error, RequestInvalid):
        return Problem(status, str(error), details=error.problems)
    if isinstance(error, UrlRefused):
        details = [FieldProblem("url", error.reason)]
        return Problem(status, str(error), details=details, cause=error.cause)
    if isinstance(error, WebPageGiven):
        return Problem(status, str(error), feeds=error.feeds, cause=error.cause)
    return Problem(status, str(error), cause=error.cause)


def install(app: FastAPI, routes: Sequence[Route]) -> None:
    """Give every error that leaves an endpoint the one body; ``routes`` are for ``Allow``."""

    @app.exception_handler(PipelineError)
    async def tell_pipeline_error(request: Request, error: PipelineError) -> Response:
        by_session = getattr(request.state, "session", None) is not None
        if by_session and isinstance(error, DestinationRefused | DestinationUnavailable):
            return Problem(HTTPStatus.BAD_GATEWAY, NOT_FOR_USERS)
        answer = problem_of(error)
        if answer is None:
            raise error
        return answer

    @app.exception_handler(RequestValidationError)
    async def tell_validation_error(_: Request, error: RequestValidationError) -> Response:
        found = RequestInvalid([_field_problem(one) for one in error.errors()])
        return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(found), details=found.problems)

    @app.exception_handler(HTTPException)
    async def tell_http_exception(request: Request, error: HTTPException) -> Response:
        if error.status_code == HTTPStatus.BAD_REQUEST:
            # FastAPI's word for a body that is neither JSON nor UTF-8.
            found = FieldProblem("body", "is not valid JSON in UTF-8")
            return Problem(422, f"{found.field}: {found.message}", details=[found])
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = ", ".join(_methods_at(request.scope["path"], routes))
        return Problem(error.status_code, _http_message(request, error), headers=headers)


class Problems:
    """ASGI middleware around everything else: no exception leaves it before an answer has begun.

    What is not ours is logged with its traceback and answered with 500, without its words.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Go on, and answer for what is raised."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def note_begin(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, note_begin)
        except Exception as error:
            if begun:  # the server cuts the connection, so that nobody takes it for complete
                raise
            await answer_to(error)(scope, receive, send)


def answer_to(error: Exception) -> Problem:
    """The response for any error that was just raised; one that is not ours is logged."""
    answer = problem_of(error) if isinstance(error, PipelineError) else None
    if isinstance(error, HTTPException):
        answer = Problem(error.status_code, error.detail, headers=error.headers)
    if answer is None:
        request_id = logs.bound_value("request_id")
        logger.exception("Request %s failed", request_id)  # paths hold users' ids
        answer = Problem(HTTPStatus.INTERNAL_SERVER_ERROR, UNEXPECTED.format(request_id))
    return answer


def _methods_at(path: str, routes: Sequence[Route]) -> list[str]:
    """All methods of a path (RFC 9110, section 15.5.6); routing only knows those of one route."""
    found = (route.methods or () for route in routes if route.path_regex.match(path))
    return sorted({method for methods in found for method in methods})


def _http_message(request: Request, error: HTTPException) -> str:
    if error.status_code == HTTPStatus.NOT_FOUND:
        return f"There is nothing at {request.url.path}."
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return f"{request.method} is not possible at {request.url.path}."
    return str(error.detail)


_PLAIN_WORDS = {
    "missing": "is required",
    "extra_forbidden": "is not known here",
    "model_attributes_type": "must be a JSON object, sent with Content-Type: application/json",
    "model_type": "must be a JSON object",
}


def _field_problem(error: Mapping[str, Any]) -> FieldProblem:
    where, *path = error["loc"]
    if error["type"] == "json_invalid":
        reason = error["ctx"]["error"]
        return FieldProblem("body", f"is not valid JSON: {reason} at character {path[0]}")
    field = ".".join(str(part) for part in path) or str(where)
    message = _PLAIN_WORDS.get(error["type"], error["msg"].removeprefix("Value error, "))
    return FieldProblem(field, message)
