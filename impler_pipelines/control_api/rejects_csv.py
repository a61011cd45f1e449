"""Rejects as CSV (RFC 4180), written piece by piece. It reads no store."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence

from impler_pipelines.model import Reject

MEDIA_TYPE = "text/csv; charset=utf-8"

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?[0-9][0-9.,]*")


def csv_pieces(fields: Sequence[str], batches: Iterable[Sequence[Reject]]) -> Iterator[str]:
    """The header and one row for each reject: ``_index``, the record's ``fields``, ``_errors``.

    Rows hold what anyone may have put into a feed, and spreadsheets run what looks like a formula:
    a value that begins like one gets ``'`` before it, unless it is a plain number (OWASP, "CSV
    Injection"). The JSON form has the values as they are.
    """
    yield _lines([["_index", *fields, "_errors"]])
    for batch in batches:
        yield _lines([_row(fields, reject) for reject in batch])


def _row(fields: Sequence[str], reject: Reject) -> list[object]:
    values = [reject.record.get(field) for field in fields]
    errors = "; ".join(f"{error.column}: {error.message}" for error in reject.errors)
    return [reject.index, *(_inert(value) for value in values), _inert(errors)]


def _inert(value: str | None) -> str:
    if value is None:
        return ""
    looks_like_formula = value.startswith(_FORMULA) and not _NUMBER.fullmatch(value)
    return f"'{value}" if looks_like_formula else value


def _lines(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
