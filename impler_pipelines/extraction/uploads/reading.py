"""Opens an uploaded file by what it holds, reads it to its end, and gives its mapped records."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from impler_pipelines.errors import FeedUnreadable
from impler_pipelines.extraction.detection import Candidate
from impler_pipelines.extraction.document import Source, open_source
from impler_pipelines.extraction.heading_tally import HeadingTally
from impler_pipelines.extraction.kinds import refuse_binary
from impler_pipelines.extraction.limits import Limits
from impler_pipelines.extraction.reading import read_feed
from impler_pipelines.extraction.record_batches import RecordStream, extract_records
from impler_pipelines.extraction.rows import combined
from impler_pipelines.extraction.uploads import delimited, json_lines, sheets
from impler_pipelines.extraction.uploads.table import Table
from impler_pipelines.extraction.uploads.texts import Chunks
from impler_pipelines.model import FieldMapping, Heading, Repeated

_BATCH_ROWS = 5000
_BATCH_CHARACTERS = 2 * 1024**2
_OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # also of a new one with a password
_MARKS = rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\0]*"
_XML = re.compile(_MARKS + rb"<\0?[?!A-Za-z_]")
_JSON = re.compile(_MARKS + rb"(?:\{|\[[\s\0]*\{)")


@dataclass(frozen=True)
class UploadReading:
    """What an uploaded file holds; see ``FeedReading``.

    ``record_path`` is a sheet's name, or a word for the only table that there is.
    """

    format: str
    record_path: str
    record_count: int
    candidates: tuple[Candidate, ...]
    headings: tuple[Heading, ...]
    warnings: tuple[str, ...]


@dataclass
class UploadStream:
    """The mapped records of an uploaded file, as ``RecordStream`` gives those of a feed."""

    table: Table
    fields: Sequence[FieldMapping]
    records: int = 0
    warnings: tuple[str, ...] = ()
    missing_paths: tuple[str, ...] = ()
    _filled: set[str] = field(default_factory=set)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        rows: list[list[str | None]] = []
        characters = 0
        for values in self.table.records():
            row = [_value(values.get(f.path), f.repeated) for f in self.fields]
            self._filled |= values.keys()
            rows.append(row)
            characters += sum(len(text) for text in row if text)
            if len(rows) == _BATCH_ROWS or characters > _BATCH_CHARACTERS:
                yield self._batch(rows)
                rows, characters = [], 0
        if rows:
            yield self._batch(rows)
        self.warnings = tuple(self.table.warnings)
        self.missing_paths = tuple(f.path for f in self.fields if f.path not in self._filled)

    def _batch(self, rows: list[list[str | None]]) -> pa.RecordBatch:
        self.records += len(rows)
        columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
        return pa.RecordBatch.from_arrays(columns, [f.key for f in self.fields])


def read_upload(
    source: Source,
    *,
    file_name: str = "",
    content_type: str | None = None,
    record_path: str | None = None,
    limits: Limits = Limits(),  # noqa: B008  a frozen value
) -> UploadReading:
    """Read ``source`` to its end and say what it holds.

    What it is is told by its content; ``file_name`` and ``content_type`` only say whether tabs are
    between values, and a charset. Raises ``FeedUnreadable`` (``FileMalformed``,
    ``FeedHasNoRecords``) and ``LimitExceeded``.
    """
    again = open_source(source, limits)
    table = _table(again, file_name, content_type, record_path, limits)
    if table is None:
        feed = read_feed(source, content_type=content_type, record_path=record_path, limits=limits)
        return UploadReading(
            feed.format,
            feed.record_path,
            feed.record_count,
            feed.candidates,
            feed.headings,
            feed.warnings,
        )
    tally = HeadingTally(None)
    for name in table.columns:
        tally.count(name, 0, repeated=False)  # a column without a value can be mapped all the same
    for values in table.records():
        tally.add(values)
    headings = tuple(tally.headings())
    if len(headings) > limits.max_headings:
        raise limits.exceeded("max_headings")
    return UploadReading(
        table.format,
        table.record_path,
        tally.records,
        table.candidates or (Candidate(table.record_path, tally.records, 1.0),),
        headings,
        tuple(table.warnings),
    )


def extract_upload(
    source: Source,
    *,
    record_path: str,
    fields: Sequence[FieldMapping],
    file_name: str = "",
    content_type: str | None = None,
    limits: Limits = Limits(),  # noqa: B008  a frozen value
) -> UploadStream | RecordStream:
    """The mapped ``fields`` of every record: N records give N rows, in order.

    Iterating yields batches of nullable strings, named by the fields' keys; ``records``,
    ``warnings`` and ``missing_paths`` are right after that. Raises as ``read_upload`` does.
    """
    again = open_source(source, limits)
    table = _table(again, file_name, content_type, record_path, limits)
    if table is None:
        return extract_records(
            source,
            record_path=record_path,
            fields=fields,
            content_type=content_type,
            limits=limits,
        )
    return UploadStream(table, fields)


def _table(
    again: Chunks,
    file_name: str,
    content_type: str | None,
    record_path: str | None,
    limits: Limits,
) -> Table | None:
    """The file's table, or None for XML, which has its own way."""
    head = next(again(), b"")
    if not head.strip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n"):
        raise FeedUnreadable("The file is empty.")
    if head.startswith(b"PK\x03\x04"):
        content = _whole(again, sheets.MOST_BYTES)
        if sheets.is_workbook(content):
            return sheets.read_table(content, record_path, limits)
        raise FeedUnreadable(
            "The file is a ZIP archive and no Excel workbook: upload what is in it."
        )
    if head.startswith(_OLD_EXCEL):
        raise FeedUnreadable(
            "The file is an old Excel workbook (.xls), or one with a password: save it as .xlsx or"
            " .csv, without a password."
        )
    refuse_binary(head)
    if _XML.match(head):
        return None
    if _JSON.match(head):
        return json_lines.read_table(again, content_type, limits)
    kind = (content_type or "").lower()
    tabs = file_name.lower().endswith((".tsv", ".tab")) or "tab-separated" in kind
    return delimited.read_table(again, content_type, limits, tabs=tabs)


def _whole(again: Callable[[], Iterator[bytes]], most: int) -> bytes:
    pieces, size = [], 0
    for piece in again():
        size += len(piece)
        if size > most:
            raise FeedUnreadable(f"The workbook is too large: the limit is {most} bytes.")
        pieces.append(piece)
    return b"".join(pieces)


def _value(value: str | list[str] | None, repeated: Repeated) -> str | None:
    if value is None:
        return None
    texts = [value] if isinstance(value, str) else value
    if repeated is Repeated.FIRST:
        return texts[0]
    return combined(texts, repeated)
