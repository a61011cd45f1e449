"""Reads JSON lines as records: one object a line; or one array of objects, over any lines.

Neither is held in memory as a whole: no more than one record is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from impler_pipelines.errors import FileMalformed
from impler_pipelines.extraction.detection import Candidate
from impler_pipelines.extraction.uploads.json_array import ArrayItems
from impler_pipelines.extraction.uploads.json_values import DECODER, JsonValueReader
from impler_pipelines.extraction.uploads.text_file import TextFile
from impler_pipelines.extraction.values import Values

LINES = "lines"
_BLANK = " \t\r\n\ufeff"

Item = tuple[int, Any]


class JsonRecords:
    """The objects of one file."""

    format = "jsonl"
    record_path = LINES
    columns: tuple[str, ...] = ()

    def __init__(self, text: TextFile, *, is_array: bool) -> None:
        self._text = text
        self._is_array = is_array
        self._replaced = 0

    @property
    def warnings(self) -> tuple[str, ...]:
        """Of the encoding, and of what no text can hold."""
        if not self._replaced:
            return self._text.warnings
        text = f"{self._replaced} texts hold characters that are none: read as \ufffd."
        return (*self._text.warnings, text)

    def candidates(self, count: int) -> tuple[Candidate, ...]:
        """There is one list in the file."""
        return (Candidate(LINES, count, 1.0),)

    def values(self) -> Iterator[Values]:
        """One dict an object."""
        limits = self._text.limits
        reader = JsonValueReader(limits)
        items = ArrayItems(self._text).items() if self._is_array else self._lines()
        try:
            for number, (line, item) in enumerate(items):
                if number >= limits.max_elements:
                    raise limits.exceeded("max_elements")
                if not isinstance(item, dict):
                    raise FileMalformed("a record is an object in braces: {…}", line=line)
                yield reader.read(item)
        except RecursionError as error:
            raise limits.exceeded("max_depth") from error
        self._replaced = reader.replaced

    def _lines(self) -> Iterator[Item]:
        for number, line in enumerate(self._text.lines(), 1):
            text = line.strip(_BLANK)
            if not text:
                continue
            try:
                yield number, DECODER.decode(text)
            except json.JSONDecodeError as error:
                raise FileMalformed(
                    f"it is not one complete JSON object ({error.msg}, column {error.colno})."
                    " JSON lines have one object a line",
                    line=number,
                ) from error
            except ValueError as error:
                raise FileMalformed(str(error), line=number) from error
