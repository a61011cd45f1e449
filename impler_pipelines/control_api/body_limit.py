"""How large a request's body may be. It reads none: it counts what is read."""

from __future__ import annotations

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 1024**2
_UPLOADS = "/v1/uploads/"


class BodyLimit:
    """ASGI middleware that raises HTTP 413 for a body above 1 MiB, declared or streamed.

    An uploaded file may have ``max_file_bytes`` more.
    """

    def __init__(self, app: ASGIApp, *, max_file_bytes: int) -> None:
        self._app = app
        self._max_file_bytes = max_file_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Go on with a ``receive`` that counts."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = MAX_BODY_BYTES
        if scope["path"].startswith(_UPLOADS):
            most += self._max_file_bytes
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdigit() and int(declared) > most:
            raise _too_large(most)
        read = 0

        async def count() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > most:
                raise _too_large(most)
            return message

        await self._app(scope, count, send)


def _too_large(most: int) -> HTTPException:
    return HTTPException(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A body may have {most} bytes at most."
    )
