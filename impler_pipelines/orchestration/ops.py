"""The four ops of an import job: fetch → extract → map → load. Each calls a room and reports.

Rooms are imported where they are used: a run that finds nothing new never loads lxml or Arrow.
Annotations are not postponed here, since Dagster reads them when an op is defined.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from dagster import (
    AssetMaterialization,
    In,
    MetadataValue,
    Nothing,
    OpExecutionContext,
    Out,
    Output,
    op,
)

from impler_pipelines.model import FeedState
from impler_pipelines.orchestration.attempts import Attempt
from impler_pipelines.orchestration.limits import fetch_policy
from impler_pipelines.orchestration.references import (
    ExtractedRecords,
    FetchedFeed,
    MappedRows,
    reference_directory,
)

_RESOURCES = {"runtime"}


@op(out=Out(FetchedFeed, is_required=False), required_resource_keys=_RESOURCES)
def fetch_feed(context: OpExecutionContext) -> Iterator[Output[FetchedFeed]]:
    """Fetch the feed's bytes, asking the server only for what is newer than the last load.

    A feed that has not changed (304, or the same bytes) ends the run here as a success; the
    later ops are skipped.
    """
    from impler_pipelines.sources import fetch

    with Attempt(context) as attempt:
        plan = attempt.begin()
        known = attempt.known_feed(plan)
        path = attempt.path("feed")
        with attempt.runtime.artifacts.open(path, "wb") as into:
            result = fetch(
                plan.url,
                into,
                policy=fetch_policy(attempt.runtime.settings),
                auth=plan.auth,
                state=known,
                on_progress=lambda done: attempt.runtime.report("fetch_feed", done, "bytes"),
            )
        attempt.note(http_status=result.status, bytes=result.bytes)
        if result.unchanged:
            attempt.end_unchanged(
                FeedState(
                    etag=result.etag or known.etag,
                    last_modified=result.last_modified or known.last_modified,
                    body_hash=known.body_hash,
                    fingerprint=plan.fingerprint,
                )
            )
            context.log.info(f"Unchanged since the last load (HTTP {result.status}).")
            return
        feed = FetchedFeed(
            path, result.content_type, result.etag, result.last_modified, result.body_hash
        )
        yield Output(
            feed,
            metadata={
                "source": result.url,
                "HTTP status": result.status,
                "bytes": result.bytes,
                "seconds": result.seconds,
                "content type": result.content_type or "not given",
            },
        )


@op(out=Out(ExtractedRecords, is_required=False), required_resource_keys=_RESOURCES)
def extract_records(
    context: OpExecutionContext, feed: FetchedFeed
) -> Iterator[Output[ExtractedRecords]]:
    """Read the feed record by record: N records give N rows of the mapped headings' text."""
    from impler_pipelines.orchestration.extracting import extract_to_artifact

    with Attempt(context) as attempt:
        plan = attempt.begin()
        path = attempt.path("records.arrow")
        found = extract_to_artifact(attempt.runtime, plan, feed, path)
        attempt.note(records=found.records, warnings=list(found.warnings))
        for warning in found.warnings:
            context.log.warning(warning)
        yield Output(
            ExtractedRecords(path, found.records, plan.fingerprint, feed),
            metadata={
                "records": found.records,
                "record path": plan.record_path or "",
                "warnings": MetadataValue.md("\n".join(f"- {w}" for w in found.warnings) or "none"),
            },
        )


@op(out=Out(MappedRows, is_required=False), required_resource_keys=_RESOURCES)
def map_columns(
    context: OpExecutionContext, extracted: ExtractedRecords
) -> Iterator[Output[MappedRows]]:
    """Turn records into typed rows; what does not fit becomes a reject with every reason."""
    from impler_pipelines.orchestration.mapping_rows import map_to_artifacts

    with Attempt(context) as attempt:
        plan = attempt.begin()
        reasons: Counter[str] = Counter()
        previews: dict[str, Any] = {}
        mapped = map_to_artifacts(attempt, plan, extracted, reasons, previews)
        yield Output(
            mapped,
            metadata={
                "records": mapped.records,
                "filtered": mapped.filtered,
                "valid": mapped.valid,
                "invalid": mapped.invalid,
                "rejects by reason": MetadataValue.json(dict(reasons.most_common(50))),
                **{name: MetadataValue.md(table) for name, table in previews.items()},
            },
        )


@op(
    ins={"mapped": In(MappedRows)},
    out=Out(Nothing, is_required=False),
    required_resource_keys=_RESOURCES,
)
def load_rows(context: OpExecutionContext, mapped: MappedRows) -> Iterator[AssetMaterialization]:
    """Load the rows into the template's destinations, all or none, and end the run.

    Rows that are there already and have not changed are left alone.
    """
    from impler_pipelines.orchestration.loading import kept_rows_warnings, load_all

    with Attempt(context) as attempt:
        plan = attempt.begin()
        loaded = load_all(attempt.runtime, plan, attempt.run, mapped)
        for warning in kept_rows_warnings(plan, mapped):
            context.log.warning(warning)
        for destination in plan.destinations:
            counts = loaded[destination.id]
            yield AssetMaterialization(
                asset_key=["imports", destination.table],
                description=f"Rows of {plan.import_job_id} loaded into {destination.table}.",
                metadata={
                    "inserted": counts.inserted,
                    "updated": counts.updated,
                    "unchanged": counts.unchanged,
                    "deleted": counts.deleted,
                    "rejected": mapped.invalid,
                },
            )
        attempt.runtime.artifacts.remove(attempt.run_id)
        attempt.runtime.artifacts.remove(reference_directory(context.run_id))
