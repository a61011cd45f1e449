"""Who asks: the project of the ``accesskey`` header, or a session, and not too often.

It knows no permissions beyond the project and what is open to sessions.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import math
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from impler_pipelines import logs
from impler_pipelines.control_api.problems import Problem
from impler_pipelines.control_api.rate_limit import RateLimit
from impler_pipelines.control_api.sessions import Session, SessionTokens, has_ended, is_open
from impler_pipelines.control_api.store_access import StoreAccess
from impler_pipelines.store.projects import AccessKey, find_access_key, note_used

HEADER = "accesskey"
PREFIX = "/v1/"
_SHARE_OF_UNKNOWN = 10  # without a known key, an address may send a tenth of what a key may
_UNKNOWN = "No project has this access key."
_MISSING = f"Send the project's access key in the header {HEADER!r}."

scheme = APIKeyHeader(
    name=HEADER,
    scheme_name=HEADER,
    auto_error=False,
    description="A project's key (`impler-pipelines keys create`).",
)
session_scheme = HTTPBearer(
    scheme_name="session",
    auto_error=False,
    description="A session's token (`POST /v1/sessions`), for one user's browser.",
)


class Access:
    """ASGI middleware: without a known key or a session nothing under ``/v1/`` is routed, or its
    body read; for a session, nothing but what is open to sessions.

    * an ``accesskey`` header decides, and a token beside it is ignored
    * a key may send ``per_minute`` requests a minute to this process, and so may the sessions of a
      user together
    * so may an address without either, a tenth as many, and then it is not even looked up what key
      it sends: guessing is slow, and costs the database little
    * a key that was good here before is looked up in any case, so that whoever guesses from behind
      the same proxy shuts nobody out who is at work
    """

    def __init__(
        self,
        app: ASGIApp,
        store: StoreAccess,
        tokens: SessionTokens,
        routes: Sequence[Route],
        per_minute: int | None,
    ) -> None:
        self._app, self._store, self._tokens, self._routes = app, store, tokens, routes
        self._of_keys = RateLimit(per_minute)
        self._of_users = RateLimit(per_minute)
        self._of_addresses = RateLimit(per_minute and max(per_minute // _SHARE_OF_UNKNOWN, 1))
        self._known: dict[bytes, AccessKey] = {}  # by digest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401, 403 or 429, or go on with project, key and session in the request's state."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        token = None if HEADER in headers else _bearer(headers)
        found: AccessKey | Session | Problem
        if token is None:
            found = await self._by_key(scope, headers.get(HEADER) or "")
        else:
            found = await self._by_session(scope, token)
        if isinstance(found, Problem):
            await found(scope, receive, send)
            return
        with logs.bound(**_name(scope, found)):
            await self._app(scope, receive, send)

    async def _by_session(self, scope: Scope, token: str) -> Session | Problem:
        session = self._tokens.read(token)
        if session is None:
            address = _address(scope)
            if wait := self._of_addresses.wait(address):
                return self._too_many_unknown(wait)
            self._of_addresses.take(address)
            return _unauthorized("This session token is not valid.")
        _name(scope, session)
        user = (session.project_id, session.external_user_id)
        if wait := self._of_users.wait(user):
            return _too_many(wait, f"The sessions of a user may send {self._of_users.per_minute}")
        self._of_users.take(user)
        if session.expires_at <= dt.datetime.now(dt.UTC):
            return _unauthorized("This session token has expired.")
        if await run_in_threadpool(has_ended, session, self._store):
            return _unauthorized("This session token is not valid any more.")
        if not is_open(scope, self._routes):
            return Problem(HTTPStatus.FORBIDDEN, "A session may not ask for this.")
        return session

    async def _by_key(self, scope: Scope, access_key: str) -> AccessKey | Problem:
        digest = hashlib.sha256(access_key.encode()).digest()
        address = _address(scope)
        known = self._known.get(digest)
        if known is not None:
            if wait := self._of_keys.wait(digest):
                _name(scope, known)
                return _too_many(wait, f"An access key may send {self._of_keys.per_minute}")
            self._of_keys.take(digest)
        elif wait := self._of_addresses.wait(address):
            return self._too_many_unknown(wait)
        found = await run_in_threadpool(self._look_up, access_key)
        if found is None:
            self._known.pop(digest, None)
            self._of_addresses.take(address)
            return _unauthorized(_UNKNOWN if access_key else _MISSING)
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

    def _too_many_unknown(self, wait: float) -> Problem:
        most = self._of_addresses.per_minute
        return _too_many(wait, f"An address without a known access key may send {most}")


def _bearer(headers: Headers) -> str | None:
    """The token of ``Authorization: Bearer``; None for another scheme, or without that header."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def _name(scope: Scope, who: AccessKey | Session) -> dict[str, str]:
    """Let the request's state, and so its line in the log, say whose it is.

    Returns what is bound to the lines of all that the request does.
    """
    state = scope.setdefault("state", {})
    state["project_id"] = who.project_id
    if isinstance(who, Session):
        state["session"], state["access_key_id"] = who, who.access_key_id
        return {"access_key_id": who.access_key_id, "by": "session"}
    state["access_key_id"] = who.id
    return {"access_key_id": who.id}


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


def _unauthorized(message: str) -> Problem:
    # RFC 9110, section 11.6.1: a 401 names the schemes that would be accepted.
    headers = {"WWW-Authenticate": f'ApiKey header="{HEADER}", Bearer'}
    return Problem(HTTPStatus.UNAUTHORIZED, message, headers=headers)


async def _project_id(request: Request) -> str:
    project_id: str = request.state.project_id
    return project_id


ProjectId = Annotated[str, Depends(_project_id)]


async def _access_key_id(request: Request) -> str:
    access_key_id: str = request.state.access_key_id
    return access_key_id


AccessKeyId = Annotated[str, Depends(_access_key_id)]


async def _session(request: Request) -> Session | None:
    session: Session | None = getattr(request.state, "session", None)
    return session


CurrentSession = Annotated[Session | None, Depends(_session)]
