"""The two readings of a document, by its bytes and by the parser's tree, each without the other.

The product takes the one or the other, whichever fits; tests hold them against each other.
"""

from __future__ import annotations

from collections.abc import Sequence

from impler_pipelines.extraction.columnar_reading import ColumnarReading
from impler_pipelines.extraction.columns import ColumnReader
from impler_pipelines.extraction.document import Document
from impler_pipelines.extraction.matching import NameMatcher
from impler_pipelines.extraction.paths import split_path
from impler_pipelines.extraction.reading import _tallied
from impler_pipelines.extraction.record_batches import RecordStream
from impler_pipelines.extraction.wanted import wanted_below
from impler_pipelines.extraction.wanted_paths import WantedPaths
from impler_pipelines.model import FieldMapping, Heading

Columns = list[list[str | None]]


def by_tree(document: Document, mapped: Sequence[FieldMapping], record: str) -> Columns:
    """The values of each field, all of which lie inside of the record."""
    stream = RecordStream(document, split_path(record), mapped, 5000, None)
    rows = [list(row.values()) for batch in stream._by_rows() for row in batch.to_pylist()]
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in mapped]


def by_bytes(
    document: Document, mapped: Sequence[FieldMapping], record: str, block_bytes: int
) -> Columns:
    """The same, read in blocks of that size. Raises ``Unusual``."""
    path = split_path(record)
    inside = {n: split_path(f.path)[len(path) :] for n, f in enumerate(mapped)}
    paths = WantedPaths(path, wanted_below(inside), NameMatcher(path[0]))
    reading = ColumnarReading(document, paths, paths.child, block_bytes)
    reader = ColumnReader(paths, reading.names, {n: f.repeated for n, f in enumerate(mapped)})
    found: Columns = [[] for _ in mapped]
    for block in reading.blocks():
        records, columns = len(block.first_tags), reader.read(block)
        for number in range(len(mapped)):
            values = columns[number].to_pylist()
            assert len(values) == records
            found[number] += values
    return found


def headings(document: Document, record: str, *, by_bytes: bool) -> tuple[int, list[Heading]]:
    """How many records there are, and their headings."""
    tally, _ = _tallied(document, record, None, by_bytes=by_bytes)
    return tally.records, list(tally.headings())
