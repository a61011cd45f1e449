"""Reads CSV and its kin as records, by RFC 4180. It never shifts a value into another column.

A row that has fewer cells than the header lacks the last ones; one that has more is refused, if
there is something in them. Rows that hold nothing at all are skipped.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator

from impler_pipelines.errors import FeedHasNoRecords, FileMalformed
from impler_pipelines.extraction.detection import Candidate
from impler_pipelines.extraction.limits import Limits
from impler_pipelines.extraction.uploads.delimiters import find_delimiter
from impler_pipelines.extraction.uploads.header import Header
from impler_pipelines.extraction.uploads.text_file import TextFile
from impler_pipelines.extraction.values import Values

ROWS = "rows"
# The csv module's own bound is one for the whole process and too small; lines are bound before.
csv.field_size_limit(2**31 - 1)

_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_Row = tuple[int, list[str]]


class DelimitedRecords:
    """One table of text. Raises ``FeedHasNoRecords`` for a file without a header."""

    record_path = ROWS

    def __init__(self, text: TextFile, *, tabs_expected: bool) -> None:
        self._text = text
        self._delimiter = find_delimiter(text.sample(), tabs_expected=tabs_expected)
        tabs = self._delimiter.character == "\t"
        self.format = "tsv" if tabs else "csv"
        self._header = self._read_header(self._rows())

    @property
    def columns(self) -> tuple[str, ...]:
        """The header's names."""
        return tuple(self._header.names)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Of the encoding and the header."""
        return (*self._text.warnings, *self._header.warnings)

    def candidates(self, count: int) -> tuple[Candidate, ...]:
        """There is one table in the file."""
        return (Candidate(ROWS, count, 1.0),)

    def values(self) -> Iterator[Values]:
        """One dict a row; a cell that the row lacks is absent."""
        rows = self._rows()
        self._read_header(rows)
        names = self._header.names
        width = len(names)
        for line, row in rows:
            if len(row) > width:
                _refuse_surplus(row, width, line)
            # Shorter rows lack the last values, longer ones have nothing there.
            yield dict(zip(names, row, strict=False))

    def _read_header(self, rows: Iterator[_Row]) -> Header:
        _, cells = next(rows, (0, []))
        if not cells:
            raise FeedHasNoRecords(
                "The file is empty: its first line must name the columns, one row a record below."
            )
        return Header(cells, self._text.limits)

    def _rows(self) -> Iterator[_Row]:
        """Every row that holds something, with the number of its first line."""
        lines = _RecordLines(self._text, self._delimiter.character)
        if self._delimiter.named:
            next(lines)
        limits = self._text.limits
        reader = csv.reader(lines, delimiter=self._delimiter.character, strict=True)
        count = 0
        while True:
            first = lines.number + 1
            lines.begin()
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise lines.malformed(error) from error
            count += 1
            if count > limits.max_elements:
                raise limits.exceeded("max_elements")
            if any(row) and any(map(str.strip, row)):
                yield first, row


def _refuse_surplus(row: list[str], width: int, line: int) -> None:
    if any(map(str.strip, row[width:])):
        raise FileMalformed(
            f"the row has {len(row)} cells, the header only {width}."
            " A cell that holds the delimiter must be in quotes",
            line=line,
        )


class _RecordLines:
    """The lines of one record after the other, and where its last quote was opened."""

    def __init__(self, text: TextFile, delimiter: str) -> None:
        self._lines = text.lines()
        self._limits: Limits = text.limits
        self._ends = ("", "\r", "\n", delimiter)
        self._quoted = re.compile(rf'(?:^|(?<=[{re.escape(delimiter)}\r\n]))"(?:[^"]|"")*+"?')
        self._record: list[str] = []
        self._size = 0
        self.number = 0

    def __iter__(self) -> _RecordLines:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.number += 1
        self._size += len(line)
        self._record.append(line)
        if self._size > self._limits.max_record_bytes:
            raise FileMalformed(
                "the quote that is opened there is not closed"
                f" within {self._limits.max_record_bytes} bytes",
                line=self._opened(),
            )
        return line

    def begin(self) -> None:
        """A new record begins with the next line."""
        self._record.clear()
        self._size = 0

    def malformed(self, error: csv.Error) -> FileMalformed:
        """What is wrong with the present record."""
        if "unexpected end" in str(error):
            reason = "the quote that is opened there is never closed"
        elif "expected after" in str(error):
            reason = (
                "something follows the closing quote of a cell."
                ' A quote inside of a quoted cell is written twice: ""'
            )
        else:
            reason = str(error)
        return FileMalformed(reason, line=self._opened())

    def _opened(self) -> int:
        """The line of the quote that was opened last, or of the one that is closed wrongly."""
        text = "".join(self._record)
        opened = 0
        for found in self._quoted.finditer(text):
            opened = found.start()
            if text[found.end() : found.end() + 1] not in self._ends:
                break
        first = self.number - len(self._record) + 1
        return first + len(_LINE_ENDS.findall(text, 0, opened))
