"""Who asks: the project of the ``accesskey`` header, and not too often.

It knows no permissions beyond the project.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import math
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import APIKeyHeader
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from impler_pipelines import logs
from impler_pipelines.control_api.problems import Problem
from impler_pipelines.control_api.rate_limit import RateLimit
from impler_pipelines.control_api.store_access import StoreAccess
from impler_pipelines.store.projects import AccessKey, find_access_key, note_used

HEADER = "accesskey"
PREFIX = "/v1/"
_SHARE_OF_UNKNOWN = 10  # without a known key, an address may send a tenth of what a key may

scheme = APIKeyHeader(
    name=HEADER,
    scheme_name=HEADER,
    auto_error=False,
    description="A project's key (`impler-pipelines keys create`).",
)


class AccessKeys:
    """ASGI middleware: without a known key nothing under ``/v1/`` is routed, or its body read.

    A key may send ``per_minute`` requests a minute to this process. So may an address without a
    known key, a tenth as many, and then it is not even looked up what key it sends: guessing is
    slow, and costs the database little. A key that was good here before is looked up in any case,
    so that whoever guesses from behind the same proxy shuts nobody out who is at work.
    """

    def __init__(self, app: ASGIApp, store: StoreAccess, per_minute: int | None) -> None:
        self._app, self._store = app, store
        self._of_keys = RateLimit(per_minute)
        self._of_addresses = RateLimit(per_minute and max(per_minute // _SHARE_OF_UNKNOWN, 1))
        self._known: dict[bytes, AccessKey] = {}  # by digest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 or 429, or go on with project and key in the request's state."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        found = await self._admitted(scope)
        if isinstance(found, Problem):
            await found(scope, receive, send)
            return
        _name(scope, found)
        with logs.bound(access_key_id=found.id):
            await self._app(scope, receive, send)

    async def _admitted(self, scope: Scope) -> AccessKey | Problem:
        access_key = Headers(scope=scope).get(HEADER) or ""
        digest = hashlib.sha256(access_key.encode()).digest()
        address = _address(scope)
        known = self._known.get(digest)
        if known is not None:
            if wait := self._of_keys.wait(digest):
                _name(scope, known)
                return _too_many(wait, f"An access key may send {self._of_keys.per_minute}")
            self._of_keys.take(digest)
        elif wait := self._of_addresses.wait(address):
            most = self._of_addresses.per_minute
            return _too_many(wait, f"An address without a known access key may send {most}")
        found = await run_in_threadpool(self._look_up, access_key)
        if found is None:
            self._known.pop(digest, None)
            self._of_addresses.take(address)
            return _unauthorized(access_key)
        if known is None:
            self._known[digest] = found
            self._of_keys.take(digest)
        return found

    def _look_up(self, access_key: str) -> AccessKey | None:
        if not access_key:
            return None
        with self._store.transaction() as connection:
            found = find_access_key(connection, access_key)
            if found is not None:
                note_used(connection, found, now=dt.datetime.now(dt.UTC))
        return found


def _name(scope: Scope, key: AccessKey) -> None:
    """Let the request's state, and so its line in the log, say whose it is."""
    state = scope.setdefault("state", {})
    state["project_id"], state["access_key_id"] = key.project_id, key.id


def _address(scope: Scope) -> str:
    """The client's address; of IPv6 the network, since a client has all of its addresses."""
    host: str = (scope.get("client") or ("unknown", 0))[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return host if address.version == 4 else str(ipaddress.ip_network((int(address), 64), False))


def _too_many(wait: float, words: str) -> Problem:
    seconds = math.ceil(wait)
    return Problem(
        HTTPStatus.TOO_MANY_REQUESTS,
        f"{words} requests a minute (IMPLER_MAX_REQUESTS_PER_MINUTE): try again in {seconds} s.",
        headers={"Retry-After": str(seconds)},
    )


def _unauthorized(access_key: str) -> Problem:
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
