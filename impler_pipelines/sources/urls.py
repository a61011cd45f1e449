"""URLs and auth headers as people type them: checked, split, made fit to show. No I/O."""

from __future__ import annotations

import base64
import re
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from impler_pipelines.errors import FieldProblem, RequestInvalid, UrlRefused
from impler_pipelines.model import SourceAuth

SCHEMES = {"http": 80, "https": 443}
_LONGEST_URL = 8192
_LONGEST_HEADER = 8192
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\xa0\\]")
# Headers that frame the message, belong to one hop, or carry what fetching itself decides.
_RESERVED_HEADERS = {
    "connection", "content-encoding", "content-length", "content-type", "expect", "host",
    "http2-settings", "if-match", "if-modified-since", "if-none-match", "if-range",
    "if-unmodified-since", "keep-alive", "proxy-authenticate", "proxy-authorization",
    "proxy-connection", "range", "te", "trailer", "transfer-encoding", "upgrade",
}  # fmt: skip


def public_url(url: str) -> str:
    """``url`` safe to show and log: no userinfo, no fragment, its query shortened to ``?…``."""
    try:
        parts = urlsplit(url)
        netloc = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "(a URL that can't be read)"
    shown = urlunsplit((parts.scheme, netloc, parts.path, "", ""))
    shown = re.sub(r"[\x00-\x1f\x7f]", "�", shown)
    return f"{shown}?…" if parts.query else shown


def check_url(url: str) -> None:
    """Raise ``UrlRefused`` unless ``url`` is an http(s) URL with a host.

    White space, control characters and backslashes, which clients read differently, are refused.
    The address behind the host is not looked at: that happens whenever it is dialled.
    """
    shown = public_url(url)
    if len(url) > _LONGEST_URL:
        raise UrlRefused(shown[:200] + "…", f"it is longer than {_LONGEST_URL} characters")
    if _UNSAFE.search(url):
        raise UrlRefused(shown, "it holds a space, a backslash or a control character")
    parts = _split(url, shown)
    if parts.scheme not in SCHEMES:
        raise UrlRefused(shown, "only http:// and https:// addresses are fetched")
    if not parts.hostname:
        raise UrlRefused(shown, "it has no host name")
    if "%" in parts.hostname and ":" in parts.hostname:
        raise UrlRefused(shown, "an address with a zone belongs to one machine's own network")
    if parts.port == 0:
        raise UrlRefused(shown, "port 0 can't be connected to")


def _split(url: str, shown: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # only looking at it shows a port that is no number
    except ValueError as error:
        raise UrlRefused(shown, "it is not a valid URL") from error
    return parts


def split_userinfo(url: str) -> tuple[str, SourceAuth | None]:
    """``url`` without its userinfo, and that as a Basic ``Authorization`` header (RFC 7617).

    Raises ``UrlRefused`` for what is no URL.
    """
    parts = _split(url, public_url(url))
    userinfo, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, None
    bare = urlunsplit(parts._replace(netloc=host))
    user, _, password = userinfo.partition(":")
    if not userinfo.strip(":"):
        return bare, None
    credentials = f"{unquote(user)}:{unquote(password)}".encode()
    return bare, SourceAuth("Authorization", f"Basic {base64.b64encode(credentials).decode()}")


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of a checked ``url`` (RFC 6454): auth is kept within these."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    return parts.scheme, host, parts.port or SCHEMES[parts.scheme]


def check_auth(auth: SourceAuth) -> None:
    """Raise ``RequestInvalid`` unless ``auth`` can be sent as one header of a request.

    ``problems`` are on the fields ``authHeaderName`` and ``authHeaderValue``.
    """
    problems = []
    name, value = auth.header_name, auth.header_value
    if not _TOKEN.fullmatch(name) or len(name) > 256:
        problems.append(_problem("Name", "must be a header name: letters, digits and hyphens"))
    elif name.lower() in _RESERVED_HEADERS:
        problems.append(_problem("Name", f"{name} is set by the HTTP client and can't be used"))
    if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value):
        problems.append(_problem("Value", "must not hold line breaks or control characters"))
    elif not value or value != value.strip(" \t"):
        problems.append(_problem("Value", "must not be empty or begin or end with white space"))
    elif len(value) > _LONGEST_HEADER:
        problems.append(_problem("Value", f"must not be longer than {_LONGEST_HEADER} characters"))
    elif not _is_latin_1(value):
        problems.append(_problem("Value", "may hold characters of ISO 8859-1 only"))
    if problems:
        raise RequestInvalid(problems)


def _problem(field: str, message: str) -> FieldProblem:
    return FieldProblem(f"authHeader{field}", message)


def _is_latin_1(value: str) -> bool:
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True
