"""Counts tags, attributes and names in raw chunks, before the parser builds anything of them.

It knows no XML beyond what marks stand around names: what it counts inside CDATA or comments only
makes it stricter, and its limits lie far beyond what an honest feed holds.
"""

from __future__ import annotations

import random
import re

from impler_pipelines.extraction.limits import Limits

# From here on the attributes of an unfinished tag are counted: libxml2 holds one back to 10 MB.
_LONG_TAG_BYTES = 256 * 1024
# Names are looked at in one of so many chunks, drawn by lot: a feed can't know where to hide them.
_CHUNKS_A_LOOK = 64
_NAME = rb"[A-Za-z_:\x80-\xff][\w:.\x80-\xff-]*"
# What libxml2 keeps one copy of, for as long as the thread lives: names, namespaces, white space.
_KEPT = (
    re.compile(rb"<(" + _NAME + rb")(?=[\s/>]|\Z)"),
    re.compile(rb"\s(" + _NAME + rb")=[\"']"),
    re.compile(rb"\sxmlns(?::" + _NAME + rb")?=[\"']([^\"'<]+)"),
    re.compile(rb">([ \t\r\n]{4,60})(?=<)"),
)


class TagGuard:
    """Watches one reading. Raises ``LimitExceeded``.

    It bounds the tags of the feed, two for each element that may be in it, the attributes of one
    element, and the bytes of different names that a look into a part of the feed finds.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._tags = 0
        self._length = 0
        self._equals = 0
        self._names: set[bytes] = set()
        self._name_bytes = 0
        self._chunk = 0  # counted to _CHUNKS_A_LOOK again and again
        self._looked_at = 0
        self._lots = random.Random()  # noqa: S311  no secret: it only must differ between runs

    def watch(self, chunk: bytes) -> None:
        """Look at the next ``chunk``."""
        opening = chunk.rfind(b"<")
        if opening >= 0:
            self._unfinished(chunk[: chunk.find(b"<")])
            self._length, self._equals = 0, 0
            self._tags += chunk.count(b"<")
            if self._tags > 2 * self._limits.max_elements:
                raise self._limits.exceeded("max_elements")
        self._unfinished(chunk[opening:] if opening >= 0 else chunk)
        if self._chunk == 0:
            self._looked_at = self._lots.randrange(_CHUNKS_A_LOOK)
        if self._chunk == self._looked_at:
            self._count_names(chunk)
        self._chunk = (self._chunk + 1) % _CHUNKS_A_LOOK

    def _unfinished(self, piece: bytes) -> None:
        """``piece`` of a tag whose end has not come, or of the text after one."""
        self._length += len(piece)
        self._equals += piece.count(b'="') + piece.count(b"='")
        if self._length > _LONG_TAG_BYTES and self._equals > self._limits.max_attributes:
            raise self._limits.exceeded("max_attributes")

    def _count_names(self, chunk: bytes) -> None:
        for kept in _KEPT:
            new = set(kept.findall(chunk)) - self._names
            self._names |= new
            self._name_bytes += sum(map(len, new))
        if self._name_bytes > self._limits.max_name_bytes:
            raise self._limits.exceeded("max_name_bytes")
