"""Paths as they were sent, so that an escaped slash stays part of its segment. It routes nothing.

Servers hand over a decoded path, in which ``team%2F7`` has become two segments. Routes here match
the escaped path instead, and each ``{name:segment}`` is decoded exactly once, after the match.
"""

from __future__ import annotations

from urllib.parse import quote, unquote, unquote_to_bytes

from starlette.convertors import Convertor, register_url_convertor
from starlette.types import ASGIApp, Receive, Scope, Send

from impler_pipelines.errors import RequestInvalid

SEGMENT = "segment"


class _Segment(Convertor[str]):
    """One path segment: matched escaped, handed to the endpoint decoded."""

    regex = "[^/]+"

    def convert(self, value: str) -> str:
        return unquote(value, errors="strict")

    def to_string(self, value: str) -> str:
        return quote(value, safe="")


register_url_convertor(SEGMENT, _Segment())


class RawPaths:
    """ASGI middleware that gives routing the escaped path, every escape in one spelling.

    ``%70ause`` and ``pause`` are the same segment (RFC 3986, section 6.2.2.2), so each one is
    decoded and escaped again. Raises ``RequestInvalid`` for NUL and for what is not UTF-8.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Go on with the escaped path."""
        if scope["type"] == "http":
            scope["path"] = canonical_path(scope["raw_path"])
        await self._app(scope, receive, send)


def canonical_path(raw_path: bytes) -> str:
    """The path with each segment escaped in one way. Raises ``RequestInvalid`` (field ``path``)."""
    return "/".join(_canonical_segment(segment) for segment in raw_path.split(b"/"))


def _canonical_segment(segment: bytes) -> str:
    plain = unquote_to_bytes(segment)
    if b"\0" in plain:
        raise RequestInvalid.of("path", "holds a NUL character, which can't be stored")
    try:
        return quote(plain.decode(), safe="")
    except UnicodeDecodeError as error:
        raise RequestInvalid.of("path", "is not UTF-8 once its escapes are decoded") from error
