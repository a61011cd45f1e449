"""Arrow batches on their way into SQL: checked against the columns, rendered for a driver.

It never looks at a database. Everything is done a column at a time; no loop over cells.

- U+0000 can't be stored by PostgreSQL, and other databases cut text off at it: everywhere it
  becomes U+FFFD, the replacement character, so that its place stays visible.
- Dates outside of the years 1 to 9999 are refused: SQL drivers can't read them back.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from impler_pipelines.destinations.tables import ROW_KEY
from impler_pipelines.errors import DestinationRefused
from impler_pipelines.model import Column, ColumnType

SLICE_ROWS = 10_000  # bounds the memory of a rendered piece, however large the batches are

_ARROW_TYPES: dict[ColumnType, pa.DataType] = {
    ColumnType.NUMBER: pa.int64(),
    ColumnType.DOUBLE: pa.float64(),
    ColumnType.DATE: pa.timestamp("us", tz="UTC"),
}
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_EARLIEST, _LATEST = (
    (moment - _EPOCH) // dt.timedelta(microseconds=1)
    for moment in (
        dt.datetime.min.replace(tzinfo=dt.UTC),
        dt.datetime.max.replace(tzinfo=dt.UTC),
    )
)
_CSV = pyarrow.csv.WriteOptions(include_header=False, quoting_style="needed")


def rows_schema(columns: Sequence[Column]) -> pa.Schema:
    """The Arrow schema of the batches that a load takes: the columns in order, then the row key."""
    fields = [(column.key, _ARROW_TYPES.get(column.type, pa.string())) for column in columns]
    return pa.schema([*fields, (ROW_KEY, pa.string())])


def conformed(
    batches: Iterable[pa.RecordBatch], columns: Sequence[Column]
) -> Iterator[pa.RecordBatch]:
    """The batches in slices of at most ``SLICE_ROWS`` rows, with values that every database takes.

    Raises ``DestinationRefused`` where the batches were not made for these columns.
    """
    schema = rows_schema(columns)
    for batch in batches:
        if batch.schema.names != schema.names or batch.schema.types != schema.types:
            raise DestinationRefused(
                f"The rows were mapped to other columns ({_described(batch.schema)}) than the"
                f" template has now ({_described(schema)}): start a new run of the import"
            )
        for start in range(0, batch.num_rows, SLICE_ROWS):
            piece = batch.slice(start, SLICE_ROWS)
            arrays = [
                _storable(piece.column(index), field.name) for index, field in enumerate(schema)
            ]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def as_csv(batch: pa.RecordBatch) -> bytes:
    """The batch as ``COPY … (FORMAT csv)`` reads it: text quoted, null as nothing at all."""
    out = BytesIO()
    pyarrow.csv.write_csv(batch, out, _CSV)
    return out.getvalue()


def as_tuples(batch: pa.RecordBatch, *, dates_as_text: bool) -> list[tuple[Any, ...]]:
    """The batch as rows for ``executemany``; dates are naive in UTC.

    ``dates_as_text`` gives them as SQLAlchemy's ``DateTime`` keeps them in SQLite:
    ``2026-11-02 08:00:00.000000``.
    """
    return list(zip(*(_plain(c, dates_as_text).to_pylist() for c in batch.columns), strict=True))


def with_naive_dates(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with dates as wall times in UTC, without a zone."""
    return pa.RecordBatch.from_arrays(
        [_plain(c, False) for c in batch.columns], names=batch.schema.names
    )


def _plain(array: pa.Array, dates_as_text: bool) -> pa.Array:
    if not pa.types.is_timestamp(array.type):
        return array
    if dates_as_text:
        return pc.strftime(array, format="%Y-%m-%d %H:%M:%S")
    return array.cast(pa.timestamp("us"))


def _storable(array: pa.Array, name: str) -> pa.Array:
    if pa.types.is_string(array.type):
        if name == ROW_KEY and array.null_count:
            raise DestinationRefused("A row has no row key: start a new run of the import")
        if _has_nul(array):
            return pc.replace_substring(array, "\0", "\N{REPLACEMENT CHARACTER}")
    elif pa.types.is_timestamp(array.type):
        span = pc.min_max(array.cast(pa.int64()))
        low, high = span["min"].as_py(), span["max"].as_py()
        if low is not None and (low < _EARLIEST or high > _LATEST):
            raise DestinationRefused(
                f"Column {name!r} holds a date outside of the years 1 to 9999: make such a value"
                " a reject of the mapping"
            )
    return array


def _has_nul(texts: pa.Array) -> bool:
    """Whether a NUL is anywhere in the column's bytes: the rows' that are not looked at, too."""
    content = texts.buffers()[2]
    return content is not None and not np.frombuffer(content, dtype=np.uint8).all()


def _described(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in schema if field.name != ROW_KEY)
