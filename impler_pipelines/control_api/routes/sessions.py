"""Sessions of the widget: made by host apps, and told to whoever has one."""

from __future__ import annotations

import datetime as dt
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from impler_pipelines.control_api.auth import AccessKeyId, CurrentSession, ProjectId
from impler_pipelines.control_api.import_job_requests import external_user_id_of
from impler_pipelines.control_api.routes.parameters import FindTemplate
from impler_pipelines.control_api.schemas.problems import problems
from impler_pipelines.control_api.schemas.sessions import SessionCreate, SessionMade, SessionRead
from impler_pipelines.control_api.sessions import Session, SessionTokens, check_extra
from impler_pipelines.control_api.store_access import ApiSettings

router = APIRouter(prefix="/v1/sessions", tags=["Sessions"])
own_router = APIRouter(prefix="/v1/session", tags=["Sessions"])


@router.post("", status_code=201, responses=problems(404, 413, 422))
def create_session(
    request: Request,
    response: Response,
    body: SessionCreate,
    project_id: ProjectId,
    access_key_id: AccessKeyId,
    find_template: FindTemplate,
    settings: ApiSettings,
) -> SessionMade:
    """Let a user's browser act for that user, on one template, for `IMPLER_SESSION_SECONDS`.

    The host app's server asks for it and hands the token to the page that shows the widget. The
    session ends early with the access key that made it, and with the template.
    """
    template = find_template(body.template_id)
    session = Session(
        project_id=project_id,
        access_key_id=access_key_id,
        template_id=template.id,
        external_user_id=external_user_id_of(body),
        extra=body.extra or {},
        expires_at=_in(settings.session_seconds),
    )
    check_extra(session.extra)
    tokens: SessionTokens = request.app.state.session_tokens
    response.headers["Cache-Control"] = "no-store"
    return SessionMade(session_token=tokens.write(session), expires_at=session.expires_at)


@own_router.get("", responses=problems(404))
def get_session(session: CurrentSession, find_template: FindTemplate) -> SessionRead:
    """What this session is for. It is asked with the session's token."""
    if session is None:
        raise HTTPException(
            HTTPStatus.UNAUTHORIZED,
            "This is asked with a session's token alone.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    template = find_template(session.template_id)
    return SessionRead(
        template_id=template.id,
        template_name=template.name,
        mode=template.mode,
        columns=list(template.columns),
        external_user_id=session.external_user_id,
        expires_at=session.expires_at,
    )


def _in(seconds: int) -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(seconds=seconds)
