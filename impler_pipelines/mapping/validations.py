"""Owns the validations that look at one value: range, length, digits.

``unique_with`` looks at other records and belongs to ``uniqueness``.
"""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from impler_pipelines.model import Column, ColumnType, Validation

NUMERIC = (ColumnType.NUMBER, ColumnType.DOUBLE)


def broken_rows(column: Column, validation: Validation, values: pa.Array) -> list[int]:
    """The rows whose typed value breaks the validation. Missing values break none.

    * range: the value is from ``min`` to ``max``, both included;
    * length: its characters (Unicode code points) are;
    * digits: its digits are, signs, points and separators not counted.
    """
    measure = _measure(column.type, validation.validate, values)
    if measure is None:
        return []
    inside = pa.repeat(True, len(measure))
    if validation.min is not None:
        inside = pc.and_(inside, pc.greater_equal(measure, _bound(measure, validation.min)))
    if validation.max is not None:
        inside = pc.and_(inside, pc.less_equal(measure, _bound(measure, validation.max)))
    return pc.indices_nonzero(pc.invert(pc.fill_null(inside, True))).to_pylist()  # type: ignore[no-any-return]


def expectation(validation: Validation) -> str:
    """What the validation asks for, to follow the value in a sentence."""
    noun = {"range": "", "length": " characters", "digits": " digits"}[validation.validate]
    low, high = _plain(validation.min), _plain(validation.max)
    if low is not None and low == high:
        bounds = f"exactly {low}"
    elif low is not None and high is not None:
        bounds = f"from {low} to {high}"
    else:
        bounds = f"at least {low}" if low is not None else f"at most {high}"
    verb = "is out of range: expected" if validation.validate == "range" else "must have"
    return f"{verb} {bounds}{noun}"


def _measure(column_type: ColumnType, validate: str, values: pa.Array) -> pa.Array | None:
    if validate == "range":
        return values if column_type in NUMERIC else None
    if column_type is ColumnType.DATE:
        return None
    if validate == "length":
        return None if column_type in NUMERIC else pc.utf8_length(values)
    if validate != "digits":
        return None
    if column_type in NUMERIC:
        return pa.array([_digits(value) for value in values.to_pylist()], pa.int64())
    # digits of every script are counted
    return pc.utf8_length(pc.replace_substring_regex(values, r"\P{Nd}", ""))


def _digits(value: float | None) -> int | None:
    """Digits of the shortest plain notation: 10.5 has three, 1e300 has 301, 12.0 has two."""
    if value is None:
        return None
    plain = format(Decimal(repr(abs(value))), "f").removesuffix(".0")
    return sum(letter.isdecimal() for letter in plain)


def _bound(measure: pa.Array, bound: float) -> pa.Scalar:
    # whole bounds as integers: comparing int64 with a float would round large values
    whole = pa.types.is_integer(measure.type) and float(bound).is_integer()
    return pa.scalar(int(bound) if whole else float(bound))


def _plain(bound: float | None) -> str | None:
    if bound is None:
        return None
    return str(int(bound)) if float(bound).is_integer() else repr(bound)
