"""Counts tags and attributes in raw chunks, before the parser builds anything of them.

It knows no XML beyond "<" and "=": what it counts inside CDATA or comments only makes it stricter,
and its limits lie far beyond what an honest feed holds.
"""

from __future__ import annotations

from impler_pipelines.errors import LimitExceeded
from impler_pipelines.extraction.limits import Limits

# From here on the attributes of an unfinished tag are counted: libxml2 holds one back to 10 MB.
_LONG_TAG_BYTES = 256 * 1024


class TagGuard:
    """Watches one reading. Raises ``LimitExceeded`` for too many elements, or attributes of one."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._elements = 0
        self._length = 0
        self._equals = 0

    def watch(self, chunk: bytes) -> None:
        """Look at the next ``chunk``."""
        opening = chunk.rfind(b"<")
        if opening >= 0:
            self._unfinished(chunk[: chunk.find(b"<")])
            self._length, self._equals = 0, 0
            self._elements += chunk.count(b"<") - chunk.count(b"</")
            if self._elements > self._limits.max_elements:
                raise LimitExceeded(
                    "The feed has too many elements", f"{self._limits.max_elements} elements"
                )
        self._unfinished(chunk[opening:] if opening >= 0 else chunk)

    def _unfinished(self, piece: bytes) -> None:
        """``piece`` of a tag whose end has not come, or of the text after one."""
        self._length += len(piece)
        self._equals += piece.count(b'="') + piece.count(b"='")
        if self._length > _LONG_TAG_BYTES and self._equals > self._limits.max_attributes:
            raise LimitExceeded(
                "An element has too many attributes", f"{self._limits.max_attributes} attributes"
            )
