"""Rows and rejects as pages of JSON records. It sends nothing."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from impler_pipelines.model import Reject

# A page ends here even if it has fewer records than it may have: a receiver takes it in one piece.
_MOST_BYTES = 4 * 1024**2


def row_texts(batch: pa.RecordBatch, keys: list[str]) -> Iterator[bytes]:
    """Each row as a JSON object of the columns ``keys``; missing values are null.

    Dates are ISO 8601 in UTC (RFC 3339), whole numbers and floats JSON numbers.
    """
    for row in batch.select(keys).to_pylist():
        yield _text(row)


def reject_texts(rejects: Iterable[Reject]) -> Iterator[bytes]:
    """Each reject as a JSON object, in the form that the control API gives it."""
    for reject in rejects:
        yield _text(
            {
                "index": reject.index,
                "record": reject.record,
                "errors": [
                    {
                        "column": error.column,
                        "rule": error.rule,
                        "value": error.value,
                        "message": error.message,
                    }
                    for error in reject.errors
                ],
            }
        )


def paged(texts: Iterable[bytes], chunk_size: int) -> Iterator[tuple[bytes, int]]:
    """JSON arrays of at most ``chunk_size`` records and, but for single ones, 4 MB; with the
    number of records in each."""
    page: list[bytes] = []
    size = 0
    for text in texts:
        if page and (len(page) == chunk_size or size + len(text) > _MOST_BYTES):
            yield _array(page), len(page)
            page, size = [], 0
        page.append(text)
        size += len(text)
    if page:
        yield _array(page), len(page)


def body(data: bytes, envelope: Mapping[str, Any]) -> bytes:
    """The body of a request: ``envelope`` as a JSON object with ``data`` in it."""
    start = json.dumps(envelope, ensure_ascii=False).encode(errors="replace")
    return start[:-1] + b', "data": ' + data + b"}"


def _array(texts: list[bytes]) -> bytes:
    return b"[" + b",".join(texts) + b"]"


def _text(value: object) -> bytes:
    # Half of a surrogate pair is no UTF-8 and no JSON that others read.
    return json.dumps(value, ensure_ascii=False, default=_plain).encode(errors="replace")


def _plain(value: object) -> str:
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    raise TypeError(f"no JSON for {type(value).__name__}")
