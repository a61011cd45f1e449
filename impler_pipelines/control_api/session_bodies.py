"""What a session's requests say of user and ``extra``: the session's word stands, not theirs.

Without a session everything is let by as it is.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException

from impler_pipelines.control_api.schemas.import_jobs import ImportJobCreate, ImportJobUpdate
from impler_pipelines.control_api.sessions import Session, check_extra


def hold_creation(body: ImportJobCreate, session: Session | None) -> ImportJobCreate:
    """The body with the session's user and ``extra``. HTTP 403 if it names another user."""
    if session is None:
        return body
    user = own_user(body.external_user_id, session)
    extra = own_extra(body.extra, session)
    return body.model_copy(update={"external_user_id": user, "extra": extra})


def hold_update(body: ImportJobUpdate, session: Session | None) -> ImportJobUpdate:
    """The body with the session's ``extra``, if it changes that. HTTP 403 as above."""
    if session is None or "extra" not in body.given:
        return body
    return body.model_copy(update={"extra": own_extra(body.extra, session)})


def own_user(given: str | None, session: Session) -> str:
    """The session's user. HTTP 403 if another one is ``given``."""
    if given not in (None, session.external_user_id):
        raise HTTPException(
            HTTPStatus.FORBIDDEN, "externalUserId is not the session's: leave it out."
        )
    return session.external_user_id


def own_extra(given: dict[str, Any] | None, session: Session) -> dict[str, Any]:
    """What is ``given``, below what the session has. HTTP 403 if it names another user.

    Raises ``RequestInvalid`` for more than a page may add.
    """
    check_extra(given or {})
    inside = (given or {}).get("externalUserId", session.external_user_id)
    if inside != session.external_user_id:
        raise HTTPException(
            HTTPStatus.FORBIDDEN, "extra.externalUserId is not the session's: leave it out."
        )
    return {**(given or {}), **session.extra}
