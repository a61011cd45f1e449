"""The references that ops hand to each other, and the IO manager that keeps them as JSON.

Dagster's default IO manager would leave pickles on the host that ran the op; these lie on the
artifact place, so a failed op can be executed again anywhere.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from dagster import InitResourceContext, InputContext, IOManager, OutputContext, io_manager
from pydantic import TypeAdapter

from impler_pipelines.model import FeedState, Upload


@dataclasses.dataclass(frozen=True)
class FetchedFeed:
    """The feed as it was fetched: ``path`` of its bytes, and ``read``, what is to be known of them.

    ``warnings`` are those of the fetch. ``upload``: no feed, but a file that was uploaded.
    """

    path: str
    content_type: str | None
    read: FeedState
    warnings: tuple[str, ...] = ()
    upload: Upload | None = None


@dataclasses.dataclass(frozen=True)
class ExtractedRecords:
    """Arrow batches of raw text, one row a record, one column a mapped key."""

    path: str
    records: int
    fingerprint: str
    feed: FetchedFeed


@dataclasses.dataclass(frozen=True)
class MappedRows:
    """Arrow batches of typed rows, and those of rejects."""

    rows_path: str
    rejects_path: str
    records: int
    filtered: int
    valid: int
    invalid: int
    fingerprint: str
    feed: FetchedFeed


_KINDS = {kind.__name__: kind for kind in (FetchedFeed, ExtractedRecords, MappedRows)}


class ReferenceIOManager(IOManager):
    """Writes a reference as JSON beside the artifacts and reads it back, also in a re-execution."""

    def handle_output(self, context: OutputContext, obj: Any) -> None:
        """Keep the reference that an op has returned."""
        value = TypeAdapter(type(obj)).dump_python(obj, mode="json")
        content = {"kind": type(obj).__name__, "value": value}
        with context.resources.runtime.artifacts.open(_path(context), "wb") as file:
            file.write(json.dumps(content).encode())

    def load_input(self, context: InputContext) -> Any:
        """Read the reference that the op before has kept."""
        with context.resources.runtime.artifacts.open(_path(context.upstream_output), "rb") as file:
            content = json.loads(file.read())
        kind: type[Any] = _KINDS[content["kind"]]
        return TypeAdapter(kind).validate_python(content["value"])


def reference_directory(dagster_run_id: str) -> str:
    """The artifact directory that holds the references which a Dagster run has made."""
    return f"references-{dagster_run_id}"


def _path(context: Any) -> str:
    return f"{reference_directory(context.run_id)}/{context.step_key}.{context.name}.json"


@io_manager(required_resource_keys={"runtime"})
def reference_io_manager(_: InitResourceContext) -> ReferenceIOManager:
    """References as JSON on the artifact place."""
    return ReferenceIOManager()
