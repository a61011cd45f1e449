"""Reads the items of one top-level JSON array, one after the other. It looks into none of them.

No more is held than the present item and what was read with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from impler_pipelines.errors import FileMalformed
from impler_pipelines.extraction.uploads.json_values import DECODER
from impler_pipelines.extraction.uploads.text_file import TextFile

_SPACE = re.compile(r"[ \t\r\n\ufeff]*")
_PIECE = 64 * 1024
# An item that ends so near to the end of what was read may go on: true, \u00e9, an end of line.
_NEAR = 16


class ArrayItems:
    """One reading of an array. What follows its end is refused."""

    def __init__(self, text: TextFile) -> None:
        self._limits = text.limits
        self._pieces = text.pieces(_PIECE)
        self._buffer = ""
        self._at = 0
        self._line = 1  # of the character where lines were counted last
        self._counted = 0
        self._ended = False

    def items(self) -> Iterator[tuple[int, Any]]:
        """Each item with the line where it begins. It has to be an object."""
        self._take("[")
        if self._next() == "]":
            self._at += 1
        else:
            while True:
                if self._next() != "{":
                    raise self._malformed("an object in braces is expected: {…}")
                yield self._line_at(self._at), self._item()
                if self._next() == "]":
                    self._at += 1
                    break
                self._take(",")
        if self._next():
            raise self._malformed("something follows the end of the array")

    def _take(self, wanted: str) -> None:
        if self._next() != wanted:
            raise self._malformed(f"{wanted} is expected" + (" or ]" if wanted == "," else ""))
        self._at += 1

    def _next(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            space = _SPACE.match(self._buffer, self._at)
            self._at = space.end() if space else self._at
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._read(1):
                return ""

    def _item(self) -> Any:
        while True:
            try:
                item, self._at = DECODER.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                unfinished = error.msg.startswith("Unterminated string")
                near = error.pos >= len(self._buffer.rstrip()) - _NEAR
                if (unfinished or near) and self._read(len(self._buffer) - self._at):
                    continue
                line = self._line_at(error.pos)
                raise FileMalformed(f"it is not valid JSON: {error.msg}", line=line) from error
            except ValueError as error:
                raise FileMalformed(str(error), line=self._line_at(self._at)) from error
            else:
                return item

    def _read(self, least: int) -> bool:
        """Read ``least`` characters more; what was taken is dropped."""
        if self._ended:
            return False
        self._line_at(self._at)
        parts, size = [self._buffer[self._at :]], 0
        while size < least and (piece := next(self._pieces, "")):
            parts.append(piece)
            size += len(piece)
        self._ended = size < least
        self._buffer, self._at, self._counted = "".join(parts), 0, 0
        if len(self._buffer) > 2 * self._limits.max_record_bytes:
            raise self._limits.exceeded("max_record_bytes")
        return size > 0

    def _line_at(self, position: int) -> int:
        self._line += self._buffer.count("\n", self._counted, position)
        self._counted = position
        return self._line

    def _malformed(self, reason: str) -> FileMalformed:
        return FileMalformed(reason, line=self._line_at(self._at))
