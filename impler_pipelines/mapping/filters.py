"""Owns filters: whether they are acceptable, and which records of a batch pass them all.

A filter looks at the text of a value before it is typed and before a default takes its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from impler_pipelines.errors import FieldProblem, RequestInvalid
from impler_pipelines.mapping.patterns import matches, pattern_problem
from impler_pipelines.mapping.text import strip
from impler_pipelines.model import Column, Filter

_OPERATIONS: dict[str, Callable[[pa.Array, str], pa.Array]] = {
    "contains": lambda texts, value: pc.match_substring(texts, value),
    "equals": lambda texts, value: pc.equal(texts, strip(value)),
    "startsWith": lambda texts, value: pc.starts_with(texts, value),
    "endsWith": lambda texts, value: pc.ends_with(texts, value),
    "matches": matches,
}


def check_filters(filters: Sequence[Filter], columns: Sequence[Column]) -> None:
    """Raise RequestInvalid, naming ``filters.<n>.<field>``, for every filter that can't be used."""
    keys = [column.key for column in columns]
    problems: list[FieldProblem] = []
    for at, rule in enumerate(filters):
        where = f"filters.{at}"
        if rule.field not in keys:
            known = ", ".join(keys) or "none"
            message = f"{rule.field!r} is not a column key; the columns are: {known}"
            problems.append(FieldProblem(f"{where}.field", message))
        if rule.operation not in _OPERATIONS:
            message = f"{rule.operation!r} is not one of: {', '.join(_OPERATIONS)}"
            problems.append(FieldProblem(f"{where}.operation", message))
        elif rule.operation == "matches":
            if problem := pattern_problem(rule.value):
                problems.append(FieldProblem(f"{where}.value", problem))
        elif rule.operation != "equals" and not rule.value:
            message = f"an empty value with {rule.operation} would let every record pass"
            problems.append(FieldProblem(f"{where}.value", message))
    if problems:
        raise RequestInvalid(problems)


def passing(texts: Mapping[str, pa.Array], filters: Sequence[Filter]) -> Any:
    """Where all filters hold, as a boolean array; None without filters.

    ``texts`` holds each column without surrounding white space. Case matters. A missing value
    compares as an empty text, so ``equals ""`` finds the records that lack it.
    """
    held = None
    for rule in filters:
        found = _OPERATIONS[rule.operation](pc.fill_null(texts[rule.field], ""), rule.value)
        held = found if held is None else pc.and_(held, found)
    return held
