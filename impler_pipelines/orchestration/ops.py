"""The four ops of an import job: fetch → extract → map → load. Each calls a room and reports.

Rooms are imported where they are used: a run that finds nothing new never loads lxml or Arrow.
Annotations are not postponed here, since Dagster reads them when an op is defined.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from dagster import (
    AssetMaterialization,
    In,
    Nothing,
    OpExecutionContext,
    Out,
    Output,
    op,
)

from impler_pipelines.orchestration import reporting
from impler_pipelines.orchestration.attempts import Attempt
from impler_pipelines.orchestration.references import (
    ExtractedRecords,
    FetchedFeed,
    MappedRows,
    reference_directory,
)
from impler_pipelines.orchestration.runtime import utc_now

_RESOURCES = {"runtime"}


@op(
    out={
        "feed": Out(FetchedFeed, is_required=False, description="The feed, if it has changed."),
        "unchanged": Out(Nothing, is_required=False, description="Why there is nothing to load."),
    },
    required_resource_keys=_RESOURCES,
)
def fetch_feed(context: OpExecutionContext) -> Iterator[Output[FetchedFeed | None]]:
    """Download the feed, if it has changed since the last load.

    The server is asked for what is newer only. A feed that has not changed (304, or the same
    bytes) ends the run here as a success: the later ops are skipped. A scheduled run does not even
    ask while the server has said that its last answer stays fresh. What may pass by itself
    (no connection, 5xx, 429) is tried again up to three times, with growing waits. A file that was
    uploaded is here already.
    """
    from impler_pipelines.orchestration.fetching import (
        fetch_to_artifact,
        fetch_warnings,
        reason_not_to_ask,
        source_at_hand,
    )

    with Attempt(context) as attempt:
        plan = attempt.begin()
        if (at_hand := source_at_hand(attempt, plan)) is not None:
            yield Output(at_hand, "feed", metadata=reporting.at_hand(at_hand))
            return
        known = attempt.known_feed(plan)
        if reason := reason_not_to_ask(attempt, plan, known, now=utc_now()):
            context.log.info(reason)
            attempt.note(warnings=[reason])
            attempt.end_unchanged(known)
            yield Output(None, "unchanged", metadata=reporting.not_fetched(plan, reason))
            return
        path = attempt.path("feed")
        result = fetch_to_artifact(attempt, plan, known, path)
        warnings = fetch_warnings(result)
        attempt.note(http_status=result.status, bytes=result.bytes, warnings=list(warnings))
        read = result.read(replace(known, fingerprint=plan.fingerprint))
        if result.unchanged:
            attempt.end_unchanged(read)
            context.log.info(f"Unchanged since the last load (HTTP {result.status}).")
            yield Output(None, "unchanged", metadata=reporting.unchanged(result))
            return
        attempt.leave_host()
        feed = FetchedFeed(path, result.content_type, read, warnings)
        yield Output(feed, "feed", metadata=reporting.fetched(result))


@op(
    out=Out(ExtractedRecords, is_required=False, description="One row of text for each record."),
    required_resource_keys=_RESOURCES,
)
def extract_records(
    context: OpExecutionContext, feed: FetchedFeed
) -> Iterator[Output[ExtractedRecords]]:
    """Read the feed's records: N records give N rows of text.

    Each record keeps its own values, or null where it has none, at the mapped headings. A feed
    that can't be read in full fails the run: nothing of it is loaded.
    """
    from impler_pipelines.orchestration.extracting import extract_to_artifact

    with Attempt(context) as attempt:
        plan = attempt.begin()
        path, watch = attempt.path("records.arrow"), reporting.Stopwatch()
        found = extract_to_artifact(attempt, plan, feed, path)
        attempt.note(records=found.records, warnings=list(found.warnings))
        for warning in found.warnings:
            context.log.warning(warning)
        yield Output(
            ExtractedRecords(path, found.records, plan.fingerprint, feed),
            metadata=reporting.extracted(plan, found, attempt.run, seconds=watch.seconds),
        )


@op(
    out=Out(MappedRows, is_required=False, description="Typed rows, and rejects with reasons."),
    required_resource_keys=_RESOURCES,
)
def map_columns(
    context: OpExecutionContext, extracted: ExtractedRecords
) -> Iterator[Output[MappedRows]]:
    """Turn records into typed rows; sort out what does not fit.

    A record with a value that its column refuses becomes a reject, with every reason. Rejects
    do not fail the run: the other rows are loaded.
    """
    from impler_pipelines.orchestration.mapping_rows import map_to_artifacts

    with Attempt(context) as attempt:
        plan = attempt.begin()
        reasons: Counter[str] = Counter()
        previews: dict[str, str] = {}
        watch = reporting.Stopwatch()
        mapped = map_to_artifacts(attempt, plan, extracted, reasons, previews)
        metadata = reporting.mapped(mapped, reasons, previews, seconds=watch.seconds)
        yield Output(mapped, metadata=metadata)


@op(
    ins={"mapped": In(MappedRows)},
    out=Out(Nothing, is_required=False),
    required_resource_keys=_RESOURCES,
)
def load_rows(context: OpExecutionContext, mapped: MappedRows) -> Iterator[AssetMaterialization]:
    """Write the rows into the template's tables, all or none.

    Rows that are there already and have not changed are left alone. Each table is an asset,
    whose numbers of rows Dagster plots over time. What webhooks are to get is sent afterwards, by
    the sensor `send_webhooks`.
    """
    from impler_pipelines.orchestration.loading import (
        describe_destination,
        keep_for_rejects,
        kept_rows_warnings,
        load_all,
        on_their_way,
    )

    with Attempt(context) as attempt:
        plan, watch = attempt.begin(), reporting.Stopwatch()
        counts = load_all(attempt, plan, mapped)
        load = reporting.Load(plan, attempt.run_id, mapped.invalid, watch.seconds)
        for warning in kept_rows_warnings(plan, mapped):
            context.log.warning(warning)
        for line in on_their_way(plan, counts):
            context.log.info(line)
        for destination in plan.tables:
            table, rows = describe_destination(
                attempt.runtime, plan, destination, context.log.warning
            )
            yield reporting.loaded(load, destination, counts[destination.id], table, rows)
        keep_for_rejects(attempt.runtime, attempt.run, mapped)
        attempt.runtime.artifacts.remove(attempt.run_id)
        attempt.runtime.artifacts.remove(reference_directory(context.run_id))
