"""Sessions: what lets a user's browser act for that user, on one template, for a while.

A session is its token: nothing of it is stored. It is encrypted, so that whoever carries it can
neither read nor change what it says, and it ends with the access key that made it. What a session
may ask for is ``OPEN``, and nothing else.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.routing import Match, Route
from starlette.types import Scope

from impler_pipelines.control_api.store_access import StoreAccess
from impler_pipelines.errors import RequestInvalid, SecretUnreadable
from impler_pipelines.model import ImportJob
from impler_pipelines.store.projects import find_key_of_session
from impler_pipelines.store.secrets import SecretBox

OPEN = frozenset(
    {
        ("GET", "/v1/session"),
        ("POST", "/v1/feeds/inspect"),
        ("POST", "/v1/feeds/preview"),
        ("POST", "/v1/schedules/preview"),
        ("POST", "/v1/uploads/{templateId}"),
        ("POST", "/v1/import-jobs/{templateId}"),
        ("GET", "/v1/import-jobs/user/{externalUserId}"),
        ("PUT", "/v1/import-jobs/user/{jobId}/pause"),
        ("PUT", "/v1/import-jobs/user/{jobId}/resume"),
        ("DELETE", "/v1/import-jobs/user/{externalUserId}/{jobId}"),
        ("GET", "/v1/import-jobs/{jobId}"),
        ("PUT", "/v1/import-jobs/{jobId}"),
        ("DELETE", "/v1/import-jobs/{jobId}"),
        ("GET", "/v1/import-jobs/{jobId}/mappings"),
        ("PUT", "/v1/import-jobs/{jobId}/mappings"),
        ("GET", "/v1/import-jobs/{jobId}/preview"),
        ("POST", "/v1/import-jobs/{jobId}/preview"),
        ("GET", "/v1/import-jobs/{jobId}/runs"),
        ("POST", "/v1/import-jobs/{jobId}/runs"),
        ("GET", "/v1/import-jobs/{jobId}/runs/{runId}"),
        ("POST", "/v1/import-jobs/{jobId}/runs/{runId}/cancel"),
        ("POST", "/v1/import-jobs/{jobId}/runs/{runId}/retry"),
        ("GET", "/v1/import-jobs/{jobId}/runs/{runId}/rejects"),
    }
)
_MAX_EXTRA_BYTES = 4096  # with it, a token still fits into the headers that proxies let by

_TOKEN = re.compile(r"ses_([A-Za-z0-9_-]+={0,2})", re.ASCII)


@dataclass(frozen=True)
class Session:
    """For whom, on which template, made by which key. ``extra`` is the host app's own."""

    project_id: str
    access_key_id: str
    template_id: str
    external_user_id: str
    extra: dict[str, Any]
    expires_at: dt.datetime

    def sees(self, job: ImportJob) -> bool:
        """Whether the import job is the user's own, on the session's template."""
        own = (self.project_id, self.template_id, self.external_user_id)
        return (job.project_id, job.template_id, job.external_user_id) == own


class SessionTokens:
    """Writes and reads tokens: ``ses_`` and what ``box`` has sealed, which is theirs alone."""

    def __init__(self, box: SecretBox) -> None:
        self._box = box

    def write(self, session: Session) -> str:
        """The session's token; its expiry is kept to the second."""
        told = vars(session) | {"expires_at": int(session.expires_at.timestamp())}
        return f"ses_{self._box.seal(json.dumps(told, ensure_ascii=False)).decode()}"

    def read(self, token: str) -> Session | None:
        """The session of a token that was written here, expired or not; None for any other text."""
        match = _TOKEN.fullmatch(token)
        if match is None or not _is_canonical(match[1]):
            return None
        try:
            told = json.loads(self._box.open(match[1].encode(), what="session token"))
        except SecretUnreadable:
            return None
        expires_at = dt.datetime.fromtimestamp(told.pop("expires_at"), dt.UTC)
        return Session(**told, expires_at=expires_at)


def check_extra(extra: dict[str, Any]) -> None:
    """Raise ``RequestInvalid`` for more than a session carries, or its page may add to that."""
    if len(json.dumps(extra, ensure_ascii=False).encode()) > _MAX_EXTRA_BYTES:
        raise RequestInvalid.of("extra", f"may have {_MAX_EXTRA_BYTES} bytes as JSON at most")


def has_ended(session: Session, store: StoreAccess) -> bool:
    """Whether its access key was revoked since, or its template deleted. Asks the store."""
    with store.transaction() as connection:
        key = find_key_of_session(
            connection, session.access_key_id, template_id=session.template_id
        )
    return key is None


def is_open(scope: Scope, routes: Sequence[Route]) -> bool:
    """Whether a session may ask for this: whether routing will pick a route that is in ``OPEN``."""
    for route in routes:
        match, _ = route.matches(scope)
        if match is Match.FULL:
            return (scope["method"], route.path_format) in OPEN
    return False


def _is_canonical(text: str) -> bool:
    """Whether it is the one spelling of its bytes: decoders let others by."""
    try:
        return base64.urlsafe_b64encode(base64.urlsafe_b64decode(text)).decode() == text
    except binascii.Error:
        return False
