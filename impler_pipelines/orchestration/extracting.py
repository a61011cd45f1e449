"""The extraction of one run: the feed's bytes in, Arrow batches on the artifact place out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa

from impler_pipelines.errors import MappingInvalid
from impler_pipelines.extraction import BATCH_ROWS, Limits, RecordStream, extract_records
from impler_pipelines.model import FieldMapping, ImportPlan, Upload
from impler_pipelines.orchestration.attempts import Attempt
from impler_pipelines.orchestration.limits import feed_limits
from impler_pipelines.orchestration.references import FetchedFeed
from impler_pipelines.orchestration.tabular import batch_writer

if TYPE_CHECKING:
    from impler_pipelines.extraction.uploads import UploadStream


@dataclass(frozen=True)
class Extracted:
    """How many records were found, and what is to be warned of, the fetch included."""

    records: int
    warnings: tuple[str, ...]


def extract_to_artifact(
    attempt: Attempt, plan: ImportPlan, feed: FetchedFeed, path: str
) -> Extracted:
    """Write the mapped headings' text, one row a record, to ``path``.

    Raises ``MappingInvalid`` when the path of a required column is nowhere in the feed, and what
    ``extraction`` raises for a feed that can't be read in full.
    """
    if not plan.mappings:
        raise MappingInvalid("No column is mapped: map one or more to a path of the feed.")
    runtime = attempt.runtime
    schema = pa.schema([(mapping.key, pa.string()) for mapping in plan.mappings])
    with runtime.artifacts.open(feed.path) as source:
        stream = records_of(
            source,
            record_path=plan.record_path,
            fields=plan.mappings,
            content_type=feed.content_type,
            limits=feed_limits(runtime.settings),
            upload=feed.upload,
        )
        with batch_writer(runtime.artifacts, path, schema) as writer:
            for batch in stream:
                writer.write_batch(batch)
                pa.default_memory_pool().release_unused()  # Arrow keeps what was freed
                attempt.report(stream.records, "records")
    gone = set(stream.missing_paths) if stream.records else set()
    _refuse_if_required(plan, gone)
    missing = tuple(f"No record has a value at {path}." for path in sorted(gone))
    return Extracted(stream.records, (*feed.warnings, *stream.warnings, *missing))


def records_of(
    source: BinaryIO,
    *,
    record_path: str | None,
    fields: Sequence[FieldMapping],
    content_type: str | None,
    limits: Limits,
    upload: Upload | None = None,
    batch_rows: int = BATCH_ROWS,
) -> RecordStream | UploadStream:
    """The mapped records of a feed, or of a file that was uploaded, which knows its record path.

    They come in batches of at most ``batch_rows``.
    """
    if upload is None:
        return extract_records(
            source,
            record_path=record_path or "",
            fields=fields,
            content_type=content_type,
            limits=limits,
            batch_rows=batch_rows,
        )
    # Most runs are of feeds: readers of workbooks are loaded for files alone.
    from impler_pipelines.extraction.uploads import extract_upload

    return extract_upload(
        source,
        record_path=upload.record_path,
        fields=fields,
        file_name=upload.file_name,
        content_type=upload.content_type,
        limits=limits,
        batch_rows=batch_rows,
    )


def _refuse_if_required(plan: ImportPlan, gone: set[str]) -> None:
    required = {c.key for c in plan.columns if c.is_required and not c.default_value}
    lost = [m for m in plan.mappings if m.path in gone and m.key in required]
    if lost:
        named = ", ".join(f"{m.path!r} (required column {m.key!r})" for m in lost)
        raise MappingInvalid(
            f"No record of the feed has a value at {named} any more:"
            " map the column to another path, or ask the publisher.",
            paths=[m.path for m in lost],
        )
