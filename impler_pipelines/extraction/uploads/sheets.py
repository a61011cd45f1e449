"""Reads the worksheets of an XLSX workbook as records. It writes nothing and computes no formula.

The first row that holds something names the columns; rows that hold nothing are skipped. What
stands under no name is in a column of its own, "Column 7". One row is held at a time, and the
workbook's shared texts.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, BinaryIO

import openpyxl

from impler_pipelines.errors import FeedHasNoRecords, FeedUnreadable
from impler_pipelines.extraction.detection import Candidate
from impler_pipelines.extraction.limits import Limits
from impler_pipelines.extraction.paths import normalise_path
from impler_pipelines.extraction.uploads.archive import check_workbook
from impler_pipelines.extraction.uploads.cells import cell_text
from impler_pipelines.extraction.uploads.header import Header
from impler_pipelines.extraction.values import Values

# What it warns of concerns who would write the workbook again.
warnings.filterwarnings("ignore", category=UserWarning, module="openpyxl")

_MOST_ROWS = 1_048_576  # of the format
_MOST_COLUMNS = 16_384
_Row = list[str | None]


class SheetRecords:
    """One sheet of a workbook: the one that is asked for, or the first that has rows."""

    format = "xlsx"

    def __init__(self, file: BinaryIO, sheet: str | None, limits: Limits) -> None:
        check_workbook(file, limits)
        self._workbook = _opened(file)
        self._limits = limits
        self._errors = 0
        sheets = sorted(self._workbook.worksheets, key=lambda one: one.sheet_state != "visible")
        self._titles = [str(one.title) for one in sheets]
        self.record_path = self._asked(sheet) if sheet and sheet.strip() else self._filled()
        header = next(self._rows(self.record_path), None)
        if header is None:
            raise FeedHasNoRecords(f"The sheet {self.record_path!r} is empty.")
        self._header = self._read_header(header)

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
        for title in self._titles:
            if title != self.record_path:
                rows = sum(1 for _ in self._rows(title))
                if rows:
                    found.append(Candidate(title, rows - 1, 0.0))
        return tuple(found)

    def values(self) -> Iterator[Values]:
        """One dict a row; an empty cell is absent."""
        self._errors = 0
        rows = self._rows(self.record_path, count_errors=True)
        header = self._read_header(next(rows))
        for row in rows:
            if len(row) > len(header.names):
                header.widen(len(row))
            yield {
                name: text
                for name, text in zip(header.names, row, strict=False)
                if text is not None
            }
        self._header = header

    def _read_header(self, row: _Row) -> Header:
        return Header(row, self._limits)

    def _asked(self, sheet: str) -> str:
        fitting = [title for title in self._titles if title == sheet] or [
            title for title in self._titles if normalise_path(title) == normalise_path(sheet)
        ]
        if not fitting:
            others = ", ".join(map(repr, self._titles[:5]))
            raise FeedHasNoRecords(f"The file has no sheet {sheet!r}. It has: {others}.")
        return fitting[0]

    def _filled(self) -> str:
        for title in self._titles:
            if next(self._rows(title), None) is not None:
                return title
        raise FeedHasNoRecords("The file is empty: no sheet of it has a row.")

    def _rows(self, title: str, *, count_errors: bool = False) -> Iterator[_Row]:
        """The rows of a sheet that hold something, without empty cells at their end."""
        cells = 0
        for number, row in enumerate(_translated(_cells(self._workbook, title)), 1):
            if number > _MOST_ROWS:
                raise FeedUnreadable("The Excel file is damaged: a row lies beyond the last.")
            cells += len(row) + 1
            if cells > self._limits.max_elements:
                raise self._limits.exceeded("max_elements")
            texts, errors = _texts(row)
            self._errors += errors if count_errors else 0
            if texts:
                if sum(map(len, filter(None, texts))) > self._limits.max_record_bytes:
                    raise self._limits.exceeded("max_record_bytes")
                yield texts


def _opened(file: BinaryIO) -> Any:
    """The workbook in ``file``; it holds the shared texts of all sheets."""
    try:
        return openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
    except Exception as error:
        raise _damaged(error) from error


def _cells(workbook: Any, title: str) -> Iterator[Any]:
    sheet = workbook[title]
    sheet.reset_dimensions()  # which many programs write wrongly
    yield from sheet.iter_rows(max_col=None)


def _translated(rows: Iterator[Any]) -> Iterator[Any]:
    """``rows``, with what the library raises as our own."""
    try:
        yield from rows
    except Exception as error:
        raise _damaged(error) from error


def _damaged(error: Exception) -> FeedUnreadable:
    return FeedUnreadable(
        f"The Excel file can't be read ({type(error).__name__})."
        " Open it, save it anew as .xlsx and upload that."
    )


def _texts(row: Any) -> tuple[_Row, int]:
    """The texts of a row, none at the end that is empty, and how many cells hold an error."""
    texts: _Row = []
    errors = 0
    for number, cell in enumerate(row):
        value = cell.value
        if value is None:
            continue
        if cell.data_type == "e":
            errors += 1
            continue
        text = cell_text(value, cell.number_format)
        if text and number < _MOST_COLUMNS:
            texts.extend([None] * (number - len(texts)))
            texts.append(text)
    return texts, errors
