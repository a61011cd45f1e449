"""The mapping of one run: records in, typed rows and rejects on the artifact place out."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import replace

import pyarrow as pa

from impler_pipelines.errors import MappingInvalid
from impler_pipelines.mapping import MappedBatch, map_batches, row_schema
from impler_pipelines.model import ImportPlan, Reject
from impler_pipelines.orchestration.attempts import Attempt
from impler_pipelines.orchestration.markdown import table
from impler_pipelines.orchestration.places import loaded_before
from impler_pipelines.orchestration.references import ExtractedRecords, MappedRows
from impler_pipelines.orchestration.tabular import (
    REJECT_SCHEMA,
    batch_writer,
    count_reasons,
    read_batches,
    reject_batch,
)
from impler_pipelines.store import runs


def map_to_artifacts(
    attempt: Attempt,
    plan: ImportPlan,
    extracted: ExtractedRecords,
    reasons: Counter[str],
    previews: dict[str, str],
) -> MappedRows:
    """Map all batches; fills ``reasons`` and ``previews`` for the run's page in Dagster.

    Raises ``MappingInvalid`` when a filter names a column that the template has lost.
    """
    _refuse_lost_filters(plan)
    artifacts = attempt.runtime.artifacts
    rows_path, rejects_path = attempt.path("rows.arrow"), attempt.path("rejects.arrow")
    wanted = _rejected_places(attempt)
    preview = _Preview(attempt.runtime.settings.preview_rows)
    records = filtered = valid = invalid = 0
    with ExitStack() as stack:
        rows = stack.enter_context(batch_writer(artifacts, rows_path, row_schema(plan.columns)))
        rejects = stack.enter_context(batch_writer(artifacts, rejects_path, REJECT_SCHEMA))
        batches = read_batches(artifacts, extracted.path)
        loaded = loaded_before(attempt.runtime, plan, attempt.run_id)
        for mapped in map_batches(
            batches, columns=plan.columns, filters=plan.filters, loaded=loaded
        ):
            if wanted is not None:
                mapped = _only(mapped, wanted)
            rows.write_batch(mapped.rows)
            if mapped.rejects:
                rejects.write_batch(reject_batch(mapped.rejects))
            count_reasons(mapped.rejects, reasons)
            preview.add(mapped)
            records += mapped.records
            filtered += mapped.filtered
            valid += mapped.rows.num_rows
            invalid += len(mapped.rejects)
            attempt.report(records, "records")
    previews.update(preview.tables())
    return MappedRows(
        rows_path,
        rejects_path,
        records,
        filtered,
        valid,
        invalid,
        # Mapped by another version of the plan than it was extracted by: nothing to rely on.
        extracted.fingerprint if extracted.fingerprint == plan.fingerprint else "",
        extracted.feed,
    )


def _rejected_places(attempt: Attempt) -> frozenset[int] | None:
    """Where the records stand that alone are to be loaded; None: all of them."""
    former = attempt.run.rejects_of
    if former is None:
        return None
    with attempt.runtime.transaction() as connection:
        return runs.reject_places(connection, former)


def _only(mapped: MappedBatch, wanted: frozenset[int]) -> MappedBatch:
    """The batch as if it held the records at these places alone.

    The others were mapped all the same: a key that one of them has is taken.
    """
    rows = [at for at, place in enumerate(mapped.places.tolist()) if place in wanted]
    rejects = tuple(reject for reject in mapped.rejects if reject.index in wanted)
    places = range(mapped.first, mapped.first + mapped.records)
    records = sum(place in wanted for place in places)
    return replace(
        mapped,
        rows=mapped.rows.take(pa.array(rows, pa.int64())),
        rejects=rejects,
        records=records,
        filtered=records - len(rows) - len(rejects),
        places=mapped.places[rows],
    )


def _refuse_lost_filters(plan: ImportPlan) -> None:
    keys = {column.key for column in plan.columns}
    lost = sorted({condition.field for condition in plan.filters} - keys)
    if lost:
        raise MappingInvalid(
            f"A filter names columns that the template no longer has: {', '.join(lost)}."
            " Change the import job's filters."
        )


class _Preview:
    """The first rows and rejects, for Dagster's metadata; none when the setting is 0."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rows: list[pa.RecordBatch] = []
        self._rejects: list[Reject] = []

    def add(self, mapped: MappedBatch) -> None:
        """Keep what still fits of a batch."""
        missing = self._limit - sum(batch.num_rows for batch in self._rows)
        if missing > 0:
            self._rows.append(mapped.rows.slice(0, missing))
        self._rejects += mapped.rejects[: self._limit - len(self._rejects)]

    def tables(self) -> dict[str, str]:
        """Markdown tables by the name of their metadata entry."""
        tables = {}
        shown = [row for batch in self._rows for row in batch.to_pylist()]
        if shown:
            names = [name for name in shown[0] if not name.startswith("_")]
            lines = [[row[name] for name in names] for row in shown]
            tables["first rows"] = table(names, lines)
        if self._rejects:
            lines = [
                [str(r.index), e.column, e.rule, e.value, e.message]
                for r in self._rejects
                for e in r.errors
            ]
            header = ["record", "column", "rule", "value", "message"]
            tables["first rejects"] = table(header, lines)
        return tables
