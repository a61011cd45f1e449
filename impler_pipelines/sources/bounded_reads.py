"""Lets nothing read a response's connection to its end in one piece. It reads nothing itself.

A chunk whose length is written as ``-1`` (RFC 9112, 7.1 has only digits) is read by urllib3 as all
that ever comes: as much memory as a server likes to fill. ``_fp`` is urllib3's (2.x) name for the
response of http.client, private; there is no public way to what it reads from.
"""

from __future__ import annotations

import http.client
from typing import Any, BinaryIO

import requests


def bound_reads(response: requests.Response) -> None:
    """Have reads without a size fail with ``http.client.HTTPException``."""
    received: Any = response.raw._fp
    if received.fp is not None:  # there is a body
        received.fp = _Bounded(received.fp)


class _Bounded:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int | None = None) -> bytes:
        if size is None or size < 0:
            raise http.client.HTTPException("a read without a bound")
        return self._file.read(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
