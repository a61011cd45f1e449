"""CSV and its kin (RFC 4180): comma, semicolon, tab or bar between values, in flat memory.

* The delimiter is the one that gives the first records the same number of values; ``sep=;`` in the
  first line says it.
* Blank lines are no records. A record with fewer values than the header lacks the last ones; one
  with more is an error, unless what is too much is empty: values are never shifted.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence

from impler_pipelines.errors import FeedHasNoRecords, FileMalformed
from impler_pipelines.extraction.limits import Limits
from impler_pipelines.extraction.uploads.table import Table, column_names
from impler_pipelines.extraction.uploads.texts import Chunks, codec_of, text_of
from impler_pipelines.extraction.values import Values

RECORD_PATH = "rows"
_DELIMITERS = (",", ";", "\t", "|")
_SNIFFED_CHARACTERS = 64 * 1024
_SNIFFED_ROWS = 50
_LONGEST_VALUE = 64 * 1024**2


def read_table(again: Chunks, content_type: str | None, limits: Limits, *, tabs: bool) -> Table:
    """The table of a delimited text; ``tabs``: by its name or type they are between its values.

    Raises ``FileMalformed``, ``FeedHasNoRecords`` for a file without a header, ``FeedUnreadable``.
    """
    warnings: list[str] = []
    codec = codec_of(again, content_type, warnings.append)
    with text_of(again, codec) as text:
        head = text.read(_SNIFFED_CHARACTERS)
    skip, delimiter = _delimiter(head, tabs=tabs)
    header = next((row for _, row in _rows(again, codec, skip, delimiter)), None)
    if header is None:
        raise FeedHasNoRecords("The file has no header: its first line has to name the columns.")
    if len(header) > limits.max_headings:
        raise limits.exceeded("max_headings")

    def records() -> Iterator[Values]:
        rows = itertools.islice(_rows(again, codec, skip, delimiter), 1, None)
        for number, (line, row) in enumerate(rows):
            if number >= limits.max_elements:
                raise limits.exceeded("max_elements")
            yield _record(columns, row, line)

    table = Table("tsv" if delimiter == "\t" else "csv", RECORD_PATH, (), records, (), warnings)
    table.columns = columns = column_names(header, table.warn)
    return table


def _record(columns: Sequence[str], row: Sequence[str], line: int) -> Values:
    if len(row) > len(columns) and any(value.strip() for value in row[len(columns) :]):
        raise FileMalformed(
            f"it has {len(row)} values, and the header names {len(columns)} columns", line=line
        )
    return {
        name: text for name, value in zip(columns, row, strict=False) if (text := value.strip())
    }


def _rows(again: Chunks, codec: str, skip: int, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not blank, with the number of the line that it ends in."""
    csv.field_size_limit(_LONGEST_VALUE)
    with text_of(again, codec) as text:
        for _ in range(skip):
            text.readline()
        reader = csv.reader(text, delimiter=delimiter, strict=True)
        try:
            for row in reader:
                if any(map(str.strip, row)):
                    yield reader.line_num + skip, row
        except csv.Error as error:
            reason = str(error)
            if "unexpected end" in reason:
                reason = "a quotation mark is never closed"
            raise FileMalformed(reason, line=reader.line_num + skip) from error
        except UnicodeError as error:
            raise FileMalformed("its bytes are no text", line=reader.line_num + skip) from error


def _delimiter(head: str, *, tabs: bool) -> tuple[int, str]:
    """How many lines to skip, and the delimiter."""
    first = head.lstrip("\ufeff").partition("\n")[0].strip().lower()
    if first.startswith("sep=") and len(first) == 5:
        return 1, first[4]
    if tabs and "\t" in head:
        return 0, "\t"
    return 0, max(_DELIMITERS, key=lambda delimiter: _fitness(head, delimiter))


def _fitness(head: str, delimiter: str) -> tuple[float, int]:
    """The share of rows that have as many values as most have, and that number; (0, 0) for one."""
    reader = csv.reader(io.StringIO(head, newline=""), delimiter=delimiter)
    widths: list[int] = []
    try:
        widths = [len(row) for row in itertools.islice(reader, _SNIFFED_ROWS) if any(row)]
    except csv.Error:
        return 0.0, 0
    if len(head) == _SNIFFED_CHARACTERS and len(widths) > 1 and len(widths) < _SNIFFED_ROWS:
        widths.pop()  # cut in the middle
    if not widths or widths[0] == 1:
        return 0.0, 0
    [(width, count)] = Counter(widths).most_common(1)
    return (count / len(widths), width) if width > 1 else (0.0, 0)
