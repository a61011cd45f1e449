"""Where a request says a feed is, and the header to send there. It fetches nothing."""

from __future__ import annotations

from collections.abc import Callable

from impler_pipelines.control_api.schemas.feeds import FeedBody
from impler_pipelines.control_api.schemas.import_jobs import ImportJobCreate, ImportJobUpdate
from impler_pipelines.errors import FieldProblem, RequestInvalid
from impler_pipelines.model import SourceAuth
from impler_pipelines.sources import check_auth, check_url, split_userinfo
from impler_pipelines.sources.urls import origin

_NAME, _VALUE = "authHeaderName", "authHeaderValue"


def read_source(body: ImportJobCreate | FeedBody) -> tuple[str, SourceAuth | None]:
    """The URL without userinfo, and the header to send: the one given, or the userinfo's.

    Raises ``UrlRefused`` and ``RequestInvalid``. Addresses are checked when they are dialled.
    """
    url, from_userinfo = plain_url(body.url)
    given = whole_header(body.auth_header_name, body.auth_header_value)
    _refuse_both(given, from_userinfo)
    return url, given or from_userinfo


def changed_source(
    body: ImportJobUpdate, url: str, stored_auth: Callable[[], SourceAuth | None]
) -> tuple[str, SourceAuth | None]:
    """URL and header after a partial update of an import job at ``url``.

    * a header that is sent, or userinfo in the new URL, takes the stored one's place
    * a value without a name renews the value of the stored header
    * null for name or value clears it
    * otherwise the stored one stays, unless the new URL is of another origin: a secret that was
      given for one server is never sent to another

    Raises ``UrlRefused``, ``RequestInvalid`` and ``SecretUnreadable``.
    """
    plain, from_userinfo = (url, None) if body.url is None else plain_url(body.url)
    if not body.given & {"auth_header_name", "auth_header_value"}:
        if from_userinfo or origin(plain) != origin(url):
            return plain, from_userinfo
        return plain, stored_auth()
    if body.auth_header_name is None and body.auth_header_value is None:
        return plain, from_userinfo
    name = body.auth_header_name
    if "auth_header_name" not in body.given and origin(plain) == origin(url):
        stored = stored_auth()
        name = stored.header_name if stored else None
    given = whole_header(name, body.auth_header_value)
    _refuse_both(given, from_userinfo)
    return plain, given


def plain_url(url: str) -> tuple[str, SourceAuth | None]:
    """The URL without userinfo, and that as a header. Raises ``UrlRefused``."""
    plain, auth = split_userinfo(url)
    check_url(plain)
    return plain, auth


def whole_header(name: str | None, value: str | None) -> SourceAuth | None:
    """The header of both parts; None without either. Raises ``RequestInvalid``."""
    if name is None and value is None:
        return None
    if name is None or value is None:
        missing, there = (_NAME, _VALUE) if name is None else (_VALUE, _NAME)
        raise RequestInvalid.of(missing, f"is required together with {there}")
    auth = SourceAuth(name, value)
    check_auth(auth)
    return auth


def _refuse_both(given: SourceAuth | None, from_userinfo: SourceAuth | None) -> None:
    if given and from_userinfo:
        reason = "holds a user and password, and an auth header is given too: one can be sent"
        raise RequestInvalid([FieldProblem("url", reason)])
