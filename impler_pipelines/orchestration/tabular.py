"""Arrow batches on the artifact place: rows and rejects, written and read in pieces."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa

from impler_pipelines.model import CellError, Reject
from impler_pipelines.orchestration.artifacts import Artifacts

REJECT_SCHEMA = pa.schema([("index", pa.int64()), ("record", pa.string()), ("errors", pa.string())])


class _NoPandas:
    """An import finder that has no pandas."""

    def find_spec(self, name: str, *_: object) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name)


def _keep_pandas_out() -> None:
    """Let Arrow find no pandas the once that it looks for it.

    Where pandas is installed Arrow imports it with the first list that becomes an array, to see
    whether the list is a Series: 35 MB and a third of a second in every run, for nothing. Arrow
    looks again for whoever asks it for pandas objects.
    """
    if "pandas" in sys.modules:
        return
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.array([None])
    finally:
        sys.meta_path.remove(finder)


_keep_pandas_out()


@contextmanager
def batch_writer(
    artifacts: Artifacts, path: str, schema: pa.Schema
) -> Iterator[pa.RecordBatchStreamWriter]:
    """Write Arrow batches as an IPC stream."""
    with artifacts.open(path, "wb") as file, pa.ipc.new_stream(file, schema) as writer:
        yield writer


def read_batches(artifacts: Artifacts, path: str) -> Iterator[pa.RecordBatch]:
    """Read the batches of an IPC stream one at a time."""
    with artifacts.open(path) as file, pa.ipc.open_stream(file) as reader:
        yield from reader


def reject_batch(rejects: Sequence[Reject]) -> pa.RecordBatch:
    """Rejects as one Arrow batch; record and errors as JSON text."""
    return pa.record_batch(
        [
            pa.array([r.index for r in rejects], pa.int64()),
            pa.array([json.dumps(r.record) for r in rejects], pa.string()),
            pa.array([json.dumps([_plain(e) for e in r.errors]) for r in rejects], pa.string()),
        ],
        schema=REJECT_SCHEMA,
    )


def read_rejects(artifacts: Artifacts, path: str) -> Iterator[Reject]:
    """The rejects that ``reject_batch`` has written."""
    for batch in read_batches(artifacts, path):
        for row in batch.to_pylist():
            errors = tuple(CellError(**error) for error in json.loads(row["errors"]))
            yield Reject(row["index"], json.loads(row["record"]), errors)


def count_reasons(rejects: Iterable[Reject], into: Counter[str]) -> None:
    """Count each ``column: rule`` that refused a record."""
    for reject in rejects:
        into.update({f"{error.column}: {error.rule}" for error in reject.errors})


def _plain(error: CellError) -> dict[str, str | None]:
    return {
        "column": error.column,
        "rule": error.rule,
        "value": error.value,
        "message": error.message,
    }
