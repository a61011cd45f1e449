"""What a run would load and refuse right now. It writes nothing anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import pyarrow as pa

from impler_pipelines.extraction import BATCH_ROWS, Limits
from impler_pipelines.mapping import ROW_KEY, MappedBatch, check_filters, map_batches
from impler_pipelines.model import Column, FieldMapping, Filter, Reject, Upload
from impler_pipelines.orchestration.extracting import records_of


@dataclass(frozen=True)
class Draft:
    """How records become rows, saved or not.

    ``fits``: the record path is the feed's, and mapped paths are among its headings; otherwise
    that is still to be found out, and a record path of None is to be detected. ``loaded`` are the
    row keys that must not come again, in pieces, to be read once.
    """

    columns: tuple[Column, ...]
    mappings: tuple[FieldMapping, ...]
    filters: tuple[Filter, ...]
    record_path: str | None
    fits: bool
    loaded: Iterable[Sequence[str]] = ()


@dataclass(frozen=True)
class Extent:
    """How many rows, and how many rejects, are shown; how many records are read, None for all."""

    limit: int
    first_records: int | None = None


@dataclass
class Preview:
    """The first rows and rejects of a feed, and how many there are of each.

    ``indexes`` are the places of the rows in the feed, from 0. ``is_partial``: counts are those of
    the records that were read, and there may be more of them.
    """

    limit: int
    rows: list[dict[str, Any]] = field(default_factory=list)
    indexes: list[int] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    records: int = 0
    filtered: int = 0
    valid: int = 0
    invalid: int = 0
    warnings: tuple[str, ...] = ()
    is_partial: bool = False

    def add(self, mapped: MappedBatch) -> None:
        """Count a batch, and keep what still fits."""
        self.records += mapped.records
        self.filtered += mapped.filtered
        self.valid += mapped.rows.num_rows
        self.invalid += len(mapped.rejects)
        left = self.limit - len(self.rows)
        self.rows += mapped.rows.drop_columns([ROW_KEY]).slice(0, left).to_pylist()
        self.indexes += mapped.places[:left].tolist()
        self.rejects += mapped.rejects[: self.limit - len(self.rejects)]


def preview(
    feed: BinaryIO,
    content_type: str | None,
    draft: Draft,
    extent: Extent,
    limits: Limits,
    upload: Upload | None = None,
) -> Preview:
    """Extract and map ``feed``, as a run would, for the first rows and rejects.

    All of it is read, since a feed that breaks off at its end is not loaded at all; or no more
    than it takes to have the first records, whatever stands behind them. Raises what extraction
    raises, and ``RequestInvalid`` for filters on columns that the template has lost.
    """
    check_filters(draft.filters, draft.columns)
    feed.seek(0)
    most = extent.first_records
    stream = records_of(
        feed,
        record_path=draft.record_path,
        fields=draft.mappings,
        content_type=content_type,
        limits=limits,
        upload=upload,
        batch_rows=min(most or BATCH_ROWS, BATCH_ROWS),
    )
    found = Preview(extent.limit)
    mapped = map_batches(
        stream if most is None else _first(stream, most),
        columns=draft.columns,
        filters=draft.filters,
        loaded=draft.loaded,
    )
    for batch in mapped:
        found.add(batch)
    found.is_partial = found.records == most
    if not found.is_partial:
        gone = sorted(stream.missing_paths) if stream.records else []
        found.warnings = (*stream.warnings, *(f"No record has a value at {path}." for path in gone))
    return found


def _first(batches: Iterable[pa.RecordBatch], records: int) -> Iterator[pa.RecordBatch]:
    """So many records of ``batches``, which are not asked for more."""
    for batch in batches:
        yield batch.slice(0, records)
        records -= batch.num_rows
        if records <= 0:
            return
