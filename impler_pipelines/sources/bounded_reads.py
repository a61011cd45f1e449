"""The response of http.client that takes no more memory than its limits, whatever a server sends.

It decides nothing about what was sent. http.client and urllib3 bound a line of an answer; here are
bound, too, all lines before the body together, answers that are to continue (100) included, and
each read: a chunk whose length is written as ``-1`` (RFC 9112, 7.1 has only digits) would be read
as all that ever comes.
"""

from __future__ import annotations

import http.client
from typing import Any, BinaryIO

from impler_pipelines.errors import LimitExceeded

_LONGEST_LINE = 65_536  # http.client's own, as is the next
_MOST_HEADERS = 99


class BoundedResponse(http.client.HTTPResponse):
    """Raises ``LimitExceeded`` for the lines before the body, ``HTTPException`` for its reads."""

    most_header_bytes: int

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head = _Head(self.fp, self.most_header_bytes)
        self.fp: Any = self._head

    def begin(self) -> None:
        """Read what stands before the body."""
        super().begin()
        if self.fp is self._head:  # there is a body
            self.fp = _Body(self._head.file)


class _File:
    def __init__(self, file: BinaryIO) -> None:
        self.file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


class _Head(_File):
    def __init__(self, file: BinaryIO, max_bytes: int) -> None:
        super().__init__(file)
        self._max_bytes = max_bytes
        self._size = 0
        self._headers = -1  # the first line is the status

    def readline(self, size: int = _LONGEST_LINE + 1) -> bytes:
        line = self.file.readline(size)
        self._size += len(line)
        self._headers = self._headers + 1 if line.strip(b"\r\n") else -1
        if len(line) > _LONGEST_LINE:
            raise LimitExceeded(
                "A header of the server's answer is too long", f"{_LONGEST_LINE} bytes"
            )
        if self._headers > _MOST_HEADERS:
            raise LimitExceeded(
                "The server's answer has too many headers", f"{_MOST_HEADERS} headers"
            )
        if self._size > self._max_bytes:
            raise LimitExceeded(
                "What the server sends before its feed is too large",
                f"{self._max_bytes} bytes",
                setting="IMPLER_MAX_HEADER_BYTES",
            )
        return line


class _Body(_File):
    def read(self, size: int | None = None) -> bytes:
        if size is None or size < 0:
            raise http.client.HTTPException("a read without a bound")
        return self.file.read(size)
