"""Owns the way from batches of raw texts to typed rows and rejects, with every reason kept.

It reads no feed and loads nothing. Columns and filters are taken as ``check_columns`` and
``check_filters`` accept them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from impler_pipelines.mapping.cast import Caster
from impler_pipelines.mapping.casters import arrow_type, caster_for
from impler_pipelines.mapping.filters import passing
from impler_pipelines.mapping.row_keys import Digests, row_keys
from impler_pipelines.mapping.text import shown, strip, strip_column
from impler_pipelines.mapping.uniqueness import Claims, Rows, UniqueRule, claim, unique_rules
from impler_pipelines.mapping.validations import broken_rows, expectation
from impler_pipelines.model import CellError, Column, Filter, Reject

ROW_KEY = "_row_key"


@dataclass(frozen=True)
class MappedBatch:
    """What became of one batch: ``records`` = ``filtered`` + rows + rejects.

    ``rows`` has the schema of ``row_schema``; rows and rejects keep the order of the feed. The
    batch's ``first`` record has that place in the feed, and ``places`` are those of the rows.
    """

    rows: pa.RecordBatch
    rejects: tuple[Reject, ...]
    records: int
    filtered: int
    first: int
    places: npt.NDArray[np.int64]


def row_schema(columns: Sequence[Column]) -> pa.Schema:
    """The typed columns in their order, then ``_row_key`` (see ``row_keys.digest_rows``).

    Number is int64, Double float64, Date timestamp[us, UTC], every other type string.
    """
    fields = [pa.field(column.key, arrow_type(column.type)) for column in columns]
    return pa.schema([*fields, pa.field(ROW_KEY, pa.string())])


def map_batches(
    batches: Iterable[pa.RecordBatch],
    *,
    columns: Sequence[Column],
    filters: Sequence[Filter] = (),
    loaded: Iterable[Sequence[str]] = (),
) -> Iterator[MappedBatch]:
    """Yield one MappedBatch for each batch, in order; memory does not grow with the feed's texts.

    A batch has the mapped columns by key, as strings; columns it lacks are all missing. For each
    record, in this order:

    * white space around values is dropped, and what is then empty is missing;
    * filters: a record that fails one is counted and goes no further;
    * missing values become the column's default, then are checked against ``isRequired``;
    * values are typed, then validated; every column is checked and every reason kept;
    * the row key, or a ``unique_with``, that a row before it has is a reason too, and so is a row
      key that is among those ``loaded`` by earlier runs, which come in pieces.
    """
    mapper = _Mapper(columns, filters, loaded)
    for batch in batches:
        yield mapper.map(batch)


@dataclass(frozen=True)
class _TypedColumn:
    values: pa.Array
    errors: dict[int, list[CellError]]


class _Mapper:
    """Carries over batches what must be carried: the place in the feed and the keys seen."""

    def __init__(
        self,
        columns: Sequence[Column],
        filters: Sequence[Filter],
        loaded: Iterable[Sequence[str]],
    ) -> None:
        self._columns = tuple(columns)
        self._filters = tuple(filters)
        self._casters: dict[str, Caster] = {c.key: caster_for(c) for c in self._columns}
        self._rules = unique_rules(self._columns, loaded)
        self._schema = row_schema(self._columns)
        self._place = 0

    def map(self, batch: pa.RecordBatch) -> MappedBatch:
        records, first = batch.num_rows, self._place
        self._place += records
        texts = {column.key: strip_column(_raw(batch, column.key)) for column in self._columns}
        places = np.arange(records)
        passed = passing(texts, self._filters)
        if passed is not None and not pc.all(passed).as_py():
            texts = {key: column.filter(passed) for key, column in texts.items()}
            places = pc.indices_nonzero(passed).to_numpy().astype(np.int64)
        typed = {column.key: self._type(column, texts[column.key]) for column in self._columns}
        values = {key: column.values for key, column in typed.items()}
        claims = claim(self._rules, values, _refused(typed, len(places)))
        errors = self._errors(typed, claims, texts)
        rejects = _rejects(batch, self._columns, places, first, errors)
        rows = self._rows(values, claims.row_digests, errors)
        kept = first + np.delete(places, list(errors))
        return MappedBatch(rows, rejects, records, records - len(places), first, kept)

    def _type(self, column: Column, texts: pa.Array) -> _TypedColumn:
        default = strip(column.default_value or "")
        if default and texts.null_count:
            texts = texts.fill_null(default)
        cast = self._casters[column.key](texts)
        errors: dict[int, list[CellError]] = {}
        name, rule = column.name or column.key, column.type.value.lower()
        if column.is_required and texts.null_count:
            missing = CellError(column.key, "required", None, f"{name} is required and is missing")
            errors |= {row: [missing] for row in _nonzero(texts.is_null())}
        refused = list(cast.refusals)
        for row, text in zip(refused, _at(texts, refused), strict=True):
            message = f"{name}: {shown(text)} {cast.refusals[row].reason}"
            errors[row] = [CellError(column.key, rule, text, message)]
        for validation in column.validations:
            broken = broken_rows(column, validation, cast.values)
            for row, text in zip(broken, _at(texts, broken), strict=True):
                message = validation.error_message or (
                    f"{name}: {shown(text)} {expectation(validation)}"
                )
                error = CellError(column.key, validation.validate, text, message)
                errors.setdefault(row, []).append(error)
        return _TypedColumn(cast.values, errors)

    def _errors(
        self, typed: Mapping[str, _TypedColumn], claims: Claims, texts: Mapping[str, pa.Array]
    ) -> dict[int, list[CellError]]:
        """All errors by row: those of values in the order of the columns, then repeats."""
        errors: dict[int, list[CellError]] = {}
        for column in self._columns:
            for row, found in typed[column.key].errors.items():
                errors.setdefault(row, []).extend(found)
        for rule, repeats in claims.repeats:
            for owner in rule.owners:
                for row, text in zip(repeats, _at(texts[owner.key], repeats), strict=True):
                    errors.setdefault(row, []).append(_repeat_error(rule, owner, text))
        return errors

    def _rows(
        self, values: Mapping[str, pa.Array], digests: Digests, errors: Mapping[int, object]
    ) -> pa.RecordBatch:
        arrays = [*(values[column.key] for column in self._columns), row_keys(digests)]
        rows = pa.RecordBatch.from_arrays(arrays, schema=self._schema)
        if not errors:
            return rows
        valid = np.ones(rows.num_rows, dtype=bool)
        valid[list(errors)] = False
        return rows.filter(pa.array(valid))


def _raw(batch: pa.RecordBatch, key: str) -> pa.Array:
    """The column's raw texts; a column that the mapping left out is all missing."""
    at = batch.schema.get_field_index(key)
    return pa.nulls(batch.num_rows, pa.string()) if at < 0 else batch.column(at).cast(pa.string())


def _refused(typed: Mapping[str, _TypedColumn], rows: int) -> dict[str, Rows]:
    refused = {key: np.zeros(rows, dtype=bool) for key in typed}
    for key, column in typed.items():
        refused[key][list(column.errors)] = True
    return refused


def _repeat_error(rule: UniqueRule, owner: Column, text: str | None) -> CellError:
    subject = shown(text) if text is not None else "a missing value"
    message = rule.message or f"{owner.name or owner.key}: {subject} {rule.reason}"
    return CellError(owner.key, rule.rule, text, message)


def _at(texts: pa.Array, rows: Sequence[int]) -> list[Any]:
    return list(texts.take(pa.array(rows, pa.int64())).to_pylist()) if rows else []


def _nonzero(where: pa.Array) -> list[int]:
    return list(pc.indices_nonzero(where).to_pylist())


def _rejects(
    batch: pa.RecordBatch,
    columns: Sequence[Column],
    places: npt.NDArray[np.int64],
    first: int,
    errors: Mapping[int, list[CellError]],
) -> tuple[Reject, ...]:
    """The rejected records in the feed's order, with their values as they came."""
    if not errors:
        return ()
    rows = sorted(errors)
    keys = [column.key for column in columns]
    raw = [_raw(batch, key).take(pa.array(places[rows])).to_pylist() for key in keys]
    return tuple(
        Reject(first + int(places[row]), dict(zip(keys, record, strict=True)), tuple(errors[row]))
        for row, record in zip(rows, zip(*raw, strict=True), strict=True)
    )
