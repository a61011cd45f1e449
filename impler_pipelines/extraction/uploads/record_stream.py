"""Extracts mapped values of an uploaded file as Arrow record batches, one row a record, in order.

A path is taken as it is written, else in the grammar of headings (``paths``), as mappings are
kept. Several values of one path become what feeds make of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import pyarrow as pa

from impler_pipelines.extraction.document import Source
from impler_pipelines.extraction.limits import Limits
from impler_pipelines.extraction.paths import normalise_path
from impler_pipelines.extraction.record_batches import BATCH_ROWS, RecordStream, extract_records
from impler_pipelines.extraction.rows import Row, combined
from impler_pipelines.extraction.uploads.opening import open_upload
from impler_pipelines.extraction.uploads.reading import no_record
from impler_pipelines.extraction.uploads.records import UploadRecords
from impler_pipelines.model import FieldMapping, Repeated

_BATCH_BYTES = 2 * 1024**2


def extract_upload(
    source: Source,
    *,
    record_path: str,
    fields: Sequence[FieldMapping],
    file_name: str | None = None,
    content_type: str | None = None,
    limits: Limits = Limits(),  # noqa: B008  a frozen value
    batch_rows: int = BATCH_ROWS,
    on_progress: Callable[[int], None] | None = None,
) -> UploadStream | RecordStream:
    """Read the mapped ``fields`` of every record of ``source``; its content says what kind it is.

    Iterating yields ``pyarrow.RecordBatch`` of at most ``batch_rows`` rows and about 2 MB, one
    nullable string column for each field, named by its key, in order. A file that turns out
    malformed raises in the middle of that: what came before must be thrown away.

    Raises ``FeedUnreadable`` (``FeedMalformed``, ``FeedHasNoRecords``) and ``LimitExceeded``.
    """
    records = open_upload(
        source,
        file_name=file_name,
        content_type=content_type,
        record_path=record_path,
        limits=limits,
    )
    if records is None:
        return extract_records(
            source,
            record_path=record_path,
            fields=fields,
            content_type=content_type,
            limits=limits,
            batch_rows=batch_rows,
            on_progress=on_progress,
        )
    return UploadStream(records, fields, batch_rows, on_progress)


class UploadStream:
    """One reading of a file's records. Iterate once; the attributes are right after that.

    ``records``: how many there were. ``missing_paths``: mapped paths that neither the header nor
    any record has. ``warnings``: what was recovered on the way. ``schema`` is known from the start.
    """

    def __init__(
        self,
        records: UploadRecords,
        fields: Sequence[FieldMapping],
        batch_rows: int,
        on_progress: Callable[[int], None] | None,
    ) -> None:
        self._source = records
        self._fields = tuple(fields)
        self._batch_rows = batch_rows
        self._on_progress = on_progress
        self._seen: set[str] = set()
        self._normalised: dict[str, str] = {}  # → as the file writes it
        self._meant: list[str | None] = []  # the heading of each field
        self.records = 0
        self.warnings: tuple[str, ...] = ()
        self.missing_paths: tuple[str, ...] = ()

    @property
    def schema(self) -> pa.Schema:
        """One nullable string for each field, in order."""
        return pa.schema([pa.field(f.key, pa.string()) for f in self._fields])

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        columns: list[Row] = [[] for _ in self._fields]
        rows = size = 0
        self._learn(self._source.columns)
        for values in self._source.values():
            if not values.keys() <= self._seen:
                self._learn(values)
            for column, field, heading in zip(columns, self._fields, self._meant, strict=True):
                value = values.get(heading) if heading is not None else None
                text = _taken(value, field.repeated)
                column.append(text)
                size += len(text) if text else 0
            rows += 1
            if rows >= self._batch_rows or size >= _BATCH_BYTES:
                yield self._batch(rows, columns)
                rows = size = 0
        if rows:
            yield self._batch(rows, columns)
        self._conclude()

    def _learn(self, headings: Iterable[str]) -> None:
        """Remember what the file calls its headings, the first of a name before others."""
        for heading in headings:
            self._seen.add(heading)
            self._normalised.setdefault(normalise_path(heading), heading)
        self._meant = [
            field.path
            if field.path in self._seen
            else self._normalised.get(normalise_path(field.path))
            for field in self._fields
        ]

    def _batch(self, rows: int, columns: list[Row]) -> pa.RecordBatch:
        """``columns`` as a batch; they are emptied."""
        arrays = [pa.array(column, pa.string()) for column in columns]
        for column in columns:
            column.clear()
        self.records += rows
        if self._on_progress is not None:
            self._on_progress(self.records)
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _conclude(self) -> None:
        self.warnings = self._source.warnings
        if not self.records:
            self.warnings = (*self.warnings, no_record(self._source))
        self._learn(self._source.columns)
        self.missing_paths = tuple(
            field.path
            for field, heading in zip(self._fields, self._meant, strict=True)
            if heading is None
        )


def _taken(value: str | list[str] | None, repeated: Repeated) -> str | None:
    """What a column takes of the values of its heading."""
    if value is None or (isinstance(value, str) and repeated is not Repeated.JSON):
        return value
    return combined([value] if isinstance(value, str) else value, repeated)
