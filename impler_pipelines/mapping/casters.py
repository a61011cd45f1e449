"""Owns which caster and which Arrow type each column type has. The casting itself is elsewhere."""

from __future__ import annotations

import pyarrow as pa

from impler_pipelines.mapping.cast import Caster
from impler_pipelines.mapping.date_formats import DateFormat, compile_format
from impler_pipelines.mapping.dates import TIMESTAMP, date_caster
from impler_pipelines.mapping.numbers import cast_doubles, cast_numbers
from impler_pipelines.mapping.texts import (
    cast_emails,
    cast_images,
    cast_texts,
    regex_caster,
    select_caster,
)
from impler_pipelines.model import Column, ColumnType

_ARROW_TYPES = {
    ColumnType.NUMBER: pa.int64(),
    ColumnType.DOUBLE: pa.float64(),
    ColumnType.DATE: TIMESTAMP,
}


def arrow_type(column_type: ColumnType) -> pa.DataType:
    """int64 for Number, float64 for Double, timestamp[us, UTC] for Date, string for the rest."""
    return _ARROW_TYPES.get(column_type, pa.string())


def caster_for(column: Column) -> Caster:
    """The caster of a column that ``check_columns`` accepts."""
    match column.type:
        case ColumnType.NUMBER:
            return cast_numbers
        case ColumnType.DOUBLE:
            return cast_doubles
        case ColumnType.DATE:
            compiled = [compile_format(text) for text in column.date_formats]
            return date_caster([fmt for fmt in compiled if isinstance(fmt, DateFormat)])
        case ColumnType.EMAIL:
            return cast_emails
        case ColumnType.IMAGE:
            return cast_images
        case ColumnType.REGEX:
            return regex_caster(column)
        case ColumnType.SELECT:
            return select_caster(column)
        case ColumnType.STRING | ColumnType.ANY:
            return cast_texts
