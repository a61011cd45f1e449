"""Extracts mapped values as Arrow record batches: N records in, exactly N rows out, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa

from impler_pipelines.errors import FeedHasNoRecords, FeedMalformed
from impler_pipelines.extraction.around import values_around
from impler_pipelines.extraction.columnar_reading import ColumnarReading
from impler_pipelines.extraction.columns import ColumnReader
from impler_pipelines.extraction.document import Document, Source, read_document
from impler_pipelines.extraction.limits import Limits
from impler_pipelines.extraction.matching import NameMatcher
from impler_pipelines.extraction.paths import Segments, join_path, split_path, starts_with
from impler_pipelines.extraction.record_elements import RecordElements
from impler_pipelines.extraction.rows import Row, RowReader
from impler_pipelines.extraction.survey import survey
from impler_pipelines.extraction.unusual import Unusual
from impler_pipelines.extraction.wanted import wanted_below
from impler_pipelines.extraction.wanted_paths import WantedPaths
from impler_pipelines.model import FieldMapping

BATCH_ROWS = 5000
_BATCH_BYTES = 2 * 1024**2


def extract_records(
    source: Source,
    *,
    record_path: str,
    fields: Sequence[FieldMapping],
    content_type: str | None = None,
    limits: Limits = Limits(),  # noqa: B008  a frozen value
    batch_rows: int = BATCH_ROWS,
    on_progress: Callable[[int], None] | None = None,
) -> RecordStream:
    """Read the mapped ``fields`` of every record of ``source``.

    Iterating yields ``pyarrow.RecordBatch`` of at most ``batch_rows`` rows and about 2 MB, one
    nullable string column for each field, named by its key, in order. A feed that turns out
    malformed raises in the middle of that: what came before must be thrown away.

    Raises ``FeedUnreadable`` (``FeedMalformed``; ``FeedHasNoRecords`` if not even the parent of
    the records is there) and ``LimitExceeded``.
    """
    document = read_document(source, content_type, limits)
    return RecordStream(document, split_path(record_path), fields, batch_rows, on_progress)


class RecordStream:
    """One reading of a feed's records. Iterate once; the attributes are right after that.

    ``records``: how many there were. ``missing_paths``: mapped paths that no record had.
    ``warnings``: what was recovered on the way. ``schema`` is known from the start.
    """

    def __init__(
        self,
        document: Document,
        record_path: Segments,
        fields: Sequence[FieldMapping],
        batch_rows: int,
        on_progress: Callable[[int], None] | None,
    ) -> None:
        self._document = document
        self._record_path = record_path
        self._fields = tuple(fields)
        self._batch_rows = batch_rows
        self._on_progress = on_progress
        self._paths = [split_path(f.path) for f in self._fields]
        self._matcher = NameMatcher(record_path[0])
        depth = len(record_path)
        inside = {
            column: path[depth:]
            for column, path in enumerate(self._paths)
            if starts_with(path, record_path)
        }
        self._wanted = wanted_below(inside)
        self._repeated = {column: self._fields[column].repeated for column in inside}
        self._filled = [False] * len(self._fields)
        self.records = 0
        self.warnings: tuple[str, ...] = ()
        self.missing_paths: tuple[str, ...] = ()

    @property
    def schema(self) -> pa.Schema:
        """One nullable string for each field, in order."""
        return pa.schema([pa.field(f.key, pa.string()) for f in self._fields])

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        by_columns = True
        while True:
            # The rows handed out so far are the same in another reading: it differs only in what
            # this one stumbled over. They are skipped there.
            try:
                yield from self._by_columns() if by_columns else self._by_rows()
            except Unusual:
                by_columns = False
            except FeedMalformed:
                closer = self._document.repaired()
                if closer is None:
                    raise
                self._document = closer
            else:
                return

    def _by_columns(self) -> Iterator[pa.RecordBatch]:
        """A reading by the document's bytes, for all that is not ``Unusual``."""
        paths = WantedPaths(self._record_path, self._wanted, self._matcher)
        reading = ColumnarReading(self._document, paths, paths.child)
        reader = ColumnReader(paths, reading.names, self._repeated)
        constants, most_rows = self._constants()
        skip = self.records
        for block in reading.blocks():
            rows, columns = len(block.first_tags), reader.read(block)
            given, skip = min(skip, rows), max(0, skip - rows)
            for first in range(given, rows, most_rows):
                size = min(most_rows, rows - first)
                yield self._batch(
                    size,
                    [
                        columns[number].slice(first, size)
                        if number in columns
                        else pa.repeat(pa.scalar(constants[number], pa.string()), size)
                        for number in range(len(self._fields))
                    ],
                )
        self._conclude(parent_seen=reading.parent_seen, warnings=reading.warnings)

    def _by_rows(self) -> Iterator[pa.RecordBatch]:
        """A reading by the parser's tree, for everything."""
        constants, most_rows = self._constants()
        reader = RowReader(self._wanted, self._repeated, constants, self._matcher)
        elements = RecordElements(self._document, self._record_path, self._matcher)
        skip, handed_out_bytes = self.records, 0
        cells: Row = []  # of all rows, one after the other: far fewer objects than a list each
        rows = 0
        for records in elements.batches():
            if skip:
                records, skip = records[skip:], max(0, skip - len(records))
            reader.read(records, cells)
            rows += len(records)
            while rows >= most_rows:
                yield self._taken(cells, most_rows)
                rows -= most_rows
            if rows and elements.stream.bytes_read - handed_out_bytes > _BATCH_BYTES:
                handed_out_bytes = elements.stream.bytes_read
                yield self._taken(cells, rows)
                rows = 0
        if rows:
            yield self._taken(cells, rows)
        self._conclude(parent_seen=elements.parent_seen, warnings=elements.stream.warnings)

    def _constants(self) -> tuple[Row, int]:
        """The values around the records, and how many rows may be held at once."""
        outside = [p for p in self._paths if p and not starts_with(p, self._record_path)]
        around = values_around(self._document, outside, self._record_path, self._matcher)
        constants: Row = [around.get(path) for path in self._paths]
        repeated_bytes = sum(len(value) for value in constants if value)
        most_rows = min(self._batch_rows, _BATCH_BYTES // max(repeated_bytes, 1))
        return constants, max(most_rows, 1)

    def _refuse_renamed_records(self, path: str) -> None:
        """A feed without a record is empty for now, unless other records stand in their place."""
        seen = survey(self._document, lambda _: None)
        around = self._record_path[:-1]
        for shape in seen.root.walk():
            structured = shape.repeats and len(shape.children) > 1
            if structured and split_path(shape.path)[:-1] == around:
                raise FeedHasNoRecords(
                    f"The feed has no {path!r} any more, but {shape.path!r} in its place:"
                    " choose its record path and mappings anew."
                )

    def _taken(self, cells: Row, rows: int) -> pa.RecordBatch:
        """The first ``rows`` of ``cells``, which it takes away, as a batch."""
        width = len(self._fields)
        end = rows * width
        columns = [pa.array(cells[at:end:width], pa.string()) for at in range(width)]
        del cells[:end]
        return self._batch(rows, columns)

    def _batch(self, rows: int, columns: Sequence[pa.Array]) -> pa.RecordBatch:
        for number, column in enumerate(columns):
            if column.null_count < len(column):
                self._filled[number] = True
        self.records += rows
        if self._on_progress is not None:
            self._on_progress(self.records)
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def _conclude(self, *, parent_seen: bool, warnings: Sequence[str]) -> None:
        warnings = [*self._document.warnings, *warnings]
        if not self.records:
            path = join_path(self._record_path)
            if not parent_seen:
                raise FeedHasNoRecords(
                    f"The feed has no {path!r} any more, nor the element around it:"
                    " it is another kind of document than the one that was mapped."
                    " Check its address, or choose its record path and mappings anew."
                )
            self._refuse_renamed_records(path)
            warnings.append(f"The feed has no record: there is no {path!r} in it at present.")
        self.warnings = tuple(warnings)
        self.missing_paths = tuple(
            field.path
            for field, filled in zip(self._fields, self._filled, strict=True)
            if not filled
        )
