"""Owns what a template's columns must be: each problem named by its field. It maps nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

import pyarrow as pa

from impler_pipelines.errors import FieldProblem, RequestInvalid
from impler_pipelines.mapping.cast import Refusal
from impler_pipelines.mapping.casters import caster_for
from impler_pipelines.mapping.date_formats import compile_format
from impler_pipelines.mapping.patterns import pattern_problem
from impler_pipelines.mapping.text import shown, strip
from impler_pipelines.mapping.validations import NUMERIC, broken_rows, expectation
from impler_pipelines.model import Column, ColumnType, Validation

_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")
_VALIDATIONS = ("range", "length", "digits", "unique_with")

# A path within the column, and what is wrong there
_Problem = tuple[str, str]


def check_columns(columns: Sequence[Column]) -> None:
    """Raise RequestInvalid, naming ``columns.<n>.<field>``, for all that can't be used.

    Fields are named as the control API names them. What passes here never fails in
    ``map_batches``, whatever the feed holds.
    """
    problems = [] if columns else [FieldProblem("columns", "a template needs at least one column")]
    taken: dict[str, int] = {}
    for at, column in enumerate(columns):
        twin = taken.setdefault(column.key.lower(), at)
        found = [*_key_problems(column), *_column_problems(column, columns)]
        if twin != at:
            found.append(("key", f"{column.key!r} is the key of column {twin} too, case aside"))
        if not found:  # the default can only be tried on a column that is otherwise sound
            found.extend(_default_problems(column))
        problems.extend(FieldProblem(f"columns.{at}.{path}", message) for path, message in found)
    if problems:
        raise RequestInvalid(problems)


def _key_problems(column: Column) -> Iterator[_Problem]:
    if not _KEY.fullmatch(column.key):
        yield (
            "key",
            f"{column.key!r} is not a key: it takes a letter, then up to 62 letters, digits or _",
        )


def _column_problems(column: Column, columns: Sequence[Column]) -> Iterator[_Problem]:
    if column.regex:
        if problem := pattern_problem(column.regex):
            yield "regex", problem
    elif column.type is ColumnType.REGEX:
        yield "regex", "a Regex column needs a pattern"
    if column.type is ColumnType.SELECT:
        yield from _select_problems(column)
    for at, text in enumerate(column.date_formats):
        compiled = compile_format(text)
        if isinstance(compiled, Refusal):
            yield f"dateFormats.{at}", f"{text!r} {compiled.reason}"
    for at, validation in enumerate(column.validations):
        for field, message in _validation_problems(column, validation, columns):
            yield f"validations.{at}.{field}", message


def _select_problems(column: Column) -> Iterator[_Problem]:
    if not column.select_values:
        yield "selectValues", "a Select column needs at least one value to choose from"
    if column.allow_multi_select and not column.delimiter:
        yield "delimiter", "choosing several values needs a delimiter between them"
    for at, choice in enumerate(column.select_values):
        where = f"selectValues.{at}"
        if not choice or strip(choice) != choice or "\0" in choice:
            yield where, f"{choice!r} is empty, or has white space around it or a NUL character"
        elif column.select_values.index(choice) != at:
            yield where, f"{choice!r} comes twice"
        elif column.allow_multi_select and column.delimiter and column.delimiter in choice:
            yield where, f"{choice!r} holds the delimiter {column.delimiter!r}"


def _validation_problems(
    column: Column, validation: Validation, columns: Sequence[Column]
) -> Iterator[_Problem]:
    kind = validation.validate
    if kind not in _VALIDATIONS:
        yield "validate", f"{kind!r} is not one of: {', '.join(_VALIDATIONS)}"
    elif kind == "unique_with":
        yield from _unique_with_problems(column, validation, columns)
    elif not _fits(kind, column.type):
        yield "validate", f"{kind} has no meaning for a column of type {column.type.value}"
    else:
        yield from _bound_problems(validation)


def _unique_with_problems(
    column: Column, validation: Validation, columns: Sequence[Column]
) -> Iterator[_Problem]:
    if not validation.columns:
        yield "columns", "unique_with needs the keys of one or more other columns"
    others = {other.key for other in columns} - {column.key}
    for key in validation.columns:
        if key not in others:
            yield "columns", f"{key!r} is not the key of another column of this template"


def _bound_problems(validation: Validation) -> Iterator[_Problem]:
    low, high = validation.min, validation.max
    if low is None and high is None:
        yield "min", f"{validation.validate} needs min, max or both"
    for name, bound in (("min", low), ("max", high)):
        if bound is None:
            continue
        if not math.isfinite(bound):
            yield name, f"{bound!r} is not a finite number"
        elif validation.validate != "range" and (bound < 0 or not float(bound).is_integer()):
            yield name, f"{bound!r} is not a count: it takes 0 or a larger whole number"
    if low is not None and high is not None and low > high:
        yield "min", f"{low!r} is above max, {high!r}"


def _fits(kind: str, column_type: ColumnType) -> bool:
    if kind == "range":
        return column_type in NUMERIC
    if kind == "length":
        return column_type not in (*NUMERIC, ColumnType.DATE)
    return column_type is not ColumnType.DATE


def _default_problems(column: Column) -> Iterator[_Problem]:
    """The default goes the way of a feed's value: typed, then validated."""
    text = strip(column.default_value or "")
    if not text:
        return
    cast = caster_for(column)(pa.array([text], pa.string()))
    for refusal in cast.refusals.values():
        yield "defaultValue", f"{shown(text)} {refusal.reason}"
    for validation in column.validations:
        if validation.validate != "unique_with" and broken_rows(column, validation, cast.values):
            yield "defaultValue", f"{shown(text)} {expectation(validation)}"
