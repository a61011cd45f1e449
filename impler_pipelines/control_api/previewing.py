"""What a run of an import job would load and refuse right now. It writes nothing anywhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, BinaryIO

from impler_pipelines.extraction import Limits
from impler_pipelines.mapping import ROW_KEY, MappedBatch, check_filters, map_batches
from impler_pipelines.model import ImportPlan, Reject, Upload
from impler_pipelines.orchestration.extracting import records_of
from impler_pipelines.orchestration.places import loaded_before
from impler_pipelines.orchestration.runtime import Runtime


@dataclass
class Preview:
    """The first rows and rejects of a feed, and how many there are of each."""

    limit: int
    rows: list[dict[str, Any]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    records: int = 0
    filtered: int = 0
    valid: int = 0
    invalid: int = 0
    warnings: tuple[str, ...] = ()

    def add(self, mapped: MappedBatch) -> None:
        """Count a batch, and keep what still fits."""
        self.records += mapped.records
        self.filtered += mapped.filtered
        self.valid += mapped.rows.num_rows
        self.invalid += len(mapped.rejects)
        rows = mapped.rows.drop_columns([ROW_KEY])
        self.rows += rows.slice(0, self.limit - len(self.rows)).to_pylist()
        self.rejects += mapped.rejects[: self.limit - len(self.rejects)]


def preview(
    runtime: Runtime,
    plan: ImportPlan,
    feed: BinaryIO,
    content_type: str | None,
    limits: Limits,
    *,
    limit: int,
    upload: Upload | None = None,
) -> Preview:
    """Extract and map all of ``feed``, as a run would, for the first ``limit`` rows and rejects.

    All of it, since a feed that breaks off at its end is not loaded at all. Raises what extraction
    raises, and ``RequestInvalid`` for filters on columns that the template has lost.
    """
    check_filters(plan.filters, plan.columns)
    feed.seek(0)
    stream = records_of(feed, plan, content_type, limits, upload)
    found = Preview(limit)
    loaded = loaded_before(runtime, plan, run_id="")
    for mapped in map_batches(stream, columns=plan.columns, filters=plan.filters, loaded=loaded):
        found.add(mapped)
    gone = sorted(stream.missing_paths) if stream.records else []
    found.warnings = (*stream.warnings, *(f"No record has a value at {path}." for path in gone))
    return found
