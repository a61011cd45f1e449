"""Reads the rows of one worksheet as texts by column. It knows nothing of headers.

A formula is the value it had when the file was saved. Rows come as the file has them; one is held
at a time.
"""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from impler_pipelines.errors import FeedUnreadable, PipelineError
from impler_pipelines.extraction.limits import Limits
from impler_pipelines.extraction.uploads.cells import moment_text, number_text, unescaped
from impler_pipelines.extraction.uploads.workbook import Workbook, damaged
from impler_pipelines.extraction.uploads.workbook_parts import items, texts_of

_MOST_COLUMNS = 16_384

Row = dict[int, str]


class WorksheetReader:
    """One reading of a sheet. ``errors`` counts the cells so far that hold one (#N/A)."""

    def __init__(self, workbook: Workbook, title: str, limits: Limits) -> None:
        self.errors = 0
        self._workbook = workbook
        self._part = workbook.sheets[title]
        self._limits = limits
        self._columns: dict[str, int] = {}

    def rows(self) -> Iterator[Row]:
        """Column, from 0 → text, of each row that holds something. Raises ``FeedUnreadable``."""
        try:
            yield from self._bounded()
        except PipelineError:
            raise
        except Exception as error:
            raise damaged(error) from error

    def _bounded(self) -> Iterator[Row]:
        cells = 0
        for element in items(self._workbook.archive, self._part, "row", "sheetData", self._limits):
            cells += len(element) + 1
            if cells > self._limits.max_elements:
                raise self._limits.exceeded("max_elements")
            row = self._row(element)
            if sum(map(len, row.values())) > self._limits.max_record_bytes:
                raise self._limits.exceeded("max_record_bytes")
            if row:
                yield row

    def _row(self, element: etree._Element) -> Row:
        row: Row = {}
        column = -1
        for cell in element:
            reference = cell.get("r")
            column = self._column(reference) if reference else column + 1
            kind = cell.get("t", "n")
            if kind == "inlineStr":
                text: str | None = "".join(unescaped(texts_of(one)) for one in cell)
            else:
                raw = _value(cell)
                if not raw:
                    continue
                text = self._text(raw, kind, cell.get("s", "0"))
            if text is None:
                self.errors += 1
            elif text:
                row[column] = text
        return row

    def _text(self, raw: str, kind: str, style: str) -> str | None:
        """The text of a stored value; None for an error."""
        if kind == "s":
            if not raw.isdecimal():
                raise FeedUnreadable("The Excel file is damaged: a cell's text is nowhere.")
            return self._workbook.texts[int(raw)]
        if kind == "n":
            if style in self._workbook.moments:
                number_format = self._workbook.moments[style]
                return moment_text(raw, number_format, self._workbook.epoch)
            return number_text(raw)
        if kind == "b":
            return "true" if raw in {"1", "true"} else "false"
        return None if kind == "e" else unescaped(raw)

    def _column(self, reference: str) -> int:
        letters = reference.rstrip("0123456789")
        if letters not in self._columns:
            number = 0
            for letter in letters[:4]:
                number = number * 26 + ord(letter.upper()) - 64
            if not (letters.isascii() and letters.isalpha() and number <= _MOST_COLUMNS):
                raise FeedUnreadable(f"The Excel file is damaged: no cell is at {reference!r}.")
            self._columns[letters] = number - 1
        return self._columns[letters]


def _value(cell: etree._Element) -> str:
    for child in cell:
        if child.tag.endswith("}v"):
            return (child.text or "").strip() if cell.get("t") != "str" else child.text or ""
    return ""
