"""Reads the worksheets of an XLSX workbook as records.

The first row that holds something names the columns; rows that hold nothing are skipped. What
stands under no name is in a column of its own, "Column 7".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from impler_pipelines.errors import FeedHasNoRecords
from impler_pipelines.extraction.detection import Candidate
from impler_pipelines.extraction.limits import Limits
from impler_pipelines.extraction.paths import normalise_path
from impler_pipelines.extraction.uploads.header import Header
from impler_pipelines.extraction.uploads.workbook import open_workbook
from impler_pipelines.extraction.uploads.worksheet import Row, WorksheetReader
from impler_pipelines.extraction.values import Values


class SheetRecords:
    """One sheet of a workbook: the one that is asked for, or the first that has rows."""

    format = "xlsx"

    def __init__(self, file: BinaryIO, sheet: str | None, limits: Limits) -> None:
        self._limits = limits
        self._workbook = open_workbook(file, limits)
        self._errors = 0
        self.record_path = self._asked(sheet) if sheet and sheet.strip() else self._filled()
        first = next(self._reader(self.record_path).rows(), None)
        if first is None:
            raise FeedHasNoRecords(f"The sheet {self.record_path!r} is empty.")
        self._header = self._read_header(first)

    @property
    def columns(self) -> tuple[str, ...]:
        """The header's names, and those of the columns beyond it that hold something."""
        return tuple(self._header.names)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Of the header, and of cells that hold an error."""
        if not self._errors:
            return self._header.warnings
        text = f"{self._errors} cells hold an error of Excel (such as #N/A): read as empty."
        return (*self._header.warnings, text)

    def candidates(self, count: int) -> tuple[Candidate, ...]:
        """Every sheet that has rows, and how many below its header."""
        found = [Candidate(self.record_path, count, 1.0)]
        for title in self._workbook.sheets:
            if title != self.record_path:
                rows = sum(1 for _ in self._reader(title).rows())
                if rows:
                    found.append(Candidate(title, rows - 1, 0.0))
        return tuple(found)

    def values(self) -> Iterator[Values]:
        """One dict a row; an empty cell is absent."""
        reader = self._reader(self.record_path)
        rows = reader.rows()
        header = self._read_header(next(rows))
        names = header.names
        for row in rows:
            widest = max(row) + 1
            if widest > len(names):
                header.widen(widest)
            yield {names[column]: text for column, text in row.items()}
        self._header, self._errors = header, reader.errors

    def _reader(self, title: str) -> WorksheetReader:
        return WorksheetReader(self._workbook, title, self._limits)

    def _read_header(self, row: Row) -> Header:
        return Header([row.get(column) for column in range(max(row) + 1)], self._limits)

    def _asked(self, sheet: str) -> str:
        titles = list(self._workbook.sheets)
        if sheet in titles:
            return sheet
        wanted = normalise_path(sheet)
        fitting = next((title for title in titles if normalise_path(title) == wanted), None)
        if fitting is None:
            others = ", ".join(map(repr, titles[:5]))
            raise FeedHasNoRecords(f"The file has no sheet {sheet!r}. It has: {others}.")
        return fitting

    def _filled(self) -> str:
        for title in self._workbook.sheets:
            if next(self._reader(title).rows(), None) is not None:
                return title
        raise FeedHasNoRecords("The file is empty: no sheet of it has a row.")
