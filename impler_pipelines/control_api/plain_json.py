"""JSON that the store can hold: refuses what JSON parsers let through and PostgreSQL does not."""

from __future__ import annotations

import json
import math
from typing import Any

from impler_pipelines.errors import FieldProblem, RequestInvalid

MAX_DEPTH = 64


def check_plain_json(value: Any, field: str = "") -> None:
    """Raise ``RequestInvalid`` naming each value that can't be stored.

    * NUL characters, which PostgreSQL's text has no place for
    * lone surrogates (``"\\ud800"``), which are no Unicode text
    * NaN and infinities, which RFC 8259 does not know
    * nesting deeper than 64 levels
    """
    problems = []
    waiting = [(value, field, 0)]
    while waiting:
        value, field, depth = waiting.pop()
        reason = _reason(value, depth)
        if reason:
            problems.append(FieldProblem(_printable(field) or "body", reason))
        elif isinstance(value, dict):
            problems += [
                FieldProblem(_printable(_below(field, key)), f"its name {reason}")
                for key in value
                if (reason := _reason(key, depth))
            ]
            waiting += [(v, _below(field, k), depth + 1) for k, v in value.items()]
        elif isinstance(value, list):
            waiting += [(v, _below(field, i), depth + 1) for i, v in enumerate(value)]
    if problems:
        raise RequestInvalid(problems)


def parse_object(text: str, field: str) -> dict[str, Any]:
    """The JSON object in ``text``. Raises ``RequestInvalid`` on ``field`` for anything else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RequestInvalid.of(field, "must be an object, or one as JSON text") from error
    if not isinstance(value, dict):
        raise RequestInvalid.of(field, "must be an object, or one as JSON text")
    check_plain_json(value, field)
    return value


def _below(field: str, key: object) -> str:
    return f"{field}.{key}" if field else str(key)


def _printable(field: str) -> str:
    return field.replace("\0", "\\0")


def _reason(value: object, depth: int) -> str | None:
    if depth > MAX_DEPTH:
        return f"is nested deeper than {MAX_DEPTH} levels"
    if isinstance(value, float) and not math.isfinite(value):
        return "must be a finite number"
    if isinstance(value, str):
        if "\0" in value:
            return "holds a NUL character, which can't be stored"
        if any("\ud800" <= character <= "\udfff" for character in value):
            return "holds half of a surrogate pair, which is no text"
    return None
