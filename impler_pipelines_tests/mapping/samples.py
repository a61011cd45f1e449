"""Builds record batches from dicts and collects what became of them. No expectations live here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from impler_pipelines.mapping import MappedBatch, map_batches, row_schema
from impler_pipelines.model import Column, Filter, Reject

Record = Mapping[str, str | None]


@dataclass(frozen=True)
class Mapped:
    rows: pa.Table
    rejects: list[Reject]
    records: int
    filtered: int

    @property
    def valid(self) -> list[dict[str, object]]:
        return [
            {key: value for key, value in row.items() if key != "_row_key"}
            for row in self.rows.to_pylist()
        ]

    @property
    def row_keys(self) -> list[str]:
        return [row["_row_key"] for row in self.rows.to_pylist()]

    def reasons(self) -> list[tuple[int, str, str]]:
        return [(r.index, error.column, error.rule) for r in self.rejects for error in r.errors]


def batches(
    records: Sequence[Record], columns: Sequence[Column], sizes: Sequence[int] = ()
) -> Iterator[pa.RecordBatch]:
    """The records in batches of ``sizes``, whatever remains in one more."""
    schema = pa.schema([(column.key, pa.string()) for column in columns])
    start = 0
    for size in [*sizes, len(records)]:
        part = [dict(record) for record in records[start : start + size]]
        start += size
        yield pa.RecordBatch.from_pylist(part, schema=schema)


def collect(mapped: Sequence[MappedBatch], columns: Sequence[Column]) -> Mapped:
    return Mapped(
        pa.Table.from_batches([batch.rows for batch in mapped], schema=row_schema(columns)),
        [reject for batch in mapped for reject in batch.rejects],
        sum(batch.records for batch in mapped),
        sum(batch.filtered for batch in mapped),
    )


def map_records(
    records: Sequence[Record],
    columns: Sequence[Column],
    filters: Sequence[Filter] = (),
    sizes: Sequence[int] = (),
    loaded: Sequence[Sequence[str]] = (),
) -> Mapped:
    feed = batches(records, columns, sizes)
    mapped = map_batches(feed, columns=columns, filters=filters, loaded=loaded)
    return collect(list(mapped), columns)


def cast_one(column: Column, text: str) -> tuple[object, str | None]:
    """What one text becomes in a column: (value, None) or (None, message)."""
    mapped = map_records([{column.key: text}], [column])
    if mapped.rejects:
        (error,) = mapped.rejects[0].errors
        assert (error.column, error.rule) == (column.key, column.type.value.lower())
        return None, error.message
    return mapped.valid[0][column.key], None
