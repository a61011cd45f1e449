"""What a run says of itself on its page in Dagster: metadata of ops, failures and loads.

It words what the rooms have found out and computes nothing new. Numbers are ints and floats,
which Dagster plots; seconds are seconds; URLs come without user, password and query. Nothing here
is imported that a run without news does not need.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dagster import (
    AssetMaterialization,
    MetadataValue,
    TableColumn,
    TableColumnConstraints,
    TableSchema,
)

from impler_pipelines.errors import PipelineError, TerminalError, TransientError
from impler_pipelines.orchestration.assets import asset_key
from impler_pipelines.orchestration.markdown import escaped, table
from impler_pipelines.sources.urls import public_url

if TYPE_CHECKING:
    from impler_pipelines.destinations.description import TableDescription
    from impler_pipelines.model import ImportPlan, LoadCounts, Run, SqlDestination
    from impler_pipelines.orchestration.extracting import Extracted
    from impler_pipelines.orchestration.references import FetchedFeed, MappedRows
    from impler_pipelines.sources import FetchResult

Metadata = dict[str, Any]

CAUSE = "what is wrong with the feed"
_MOST_REASONS = 50
_MOST_CAUSES = 10
_NOT_MODIFIED = 304
_WORTH_TELLING_SECONDS = 0.1
_MEGABYTE = 1_000_000
_NOT_AGAIN = (
    "The next scheduled run. This run is not tried again: it would end the same until someone"
    " changes what the message names."
)


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        return time.monotonic() - self._started


def link(shown: str) -> MetadataValue:
    """A URL that is fit to show already, as a link: without the mark of a query it had."""
    return MetadataValue.url(shown.removesuffix("?…"))


def fetched(result: FetchResult) -> Metadata:
    """Of a feed that was fetched, or asked for and found unchanged."""
    metadata: Metadata = {
        "source": link(result.url),
        "HTTP status": result.status,
        "bytes": result.bytes,
        "seconds": _seconds(result.seconds),
        **_per_second("MB per second", result.bytes / _MEGABYTE, result.seconds),
        "content type": result.content_type or "not given",
    }
    if result.waited >= _WORTH_TELLING_SECONDS:
        metadata["waited for another request to its host, seconds"] = _seconds(result.waited)
    if result.moved_to:
        metadata["moved for good to"] = link(public_url(result.moved_to))
    if result.freshness:
        metadata["fresh until"] = MetadataValue.timestamp(result.freshness.until)
    if result.last_modified:
        metadata["last modified"] = result.last_modified
    return metadata


def unchanged(result: FetchResult) -> Metadata:
    """Of a run that found nothing new: how the feed was found unchanged, and what follows.

    It is said on the op and not on the tables' assets, whose plots it would tear apart.
    """
    how = (
        "The server answered 304 Not Modified"
        if result.status == _NOT_MODIFIED
        else "The server sent the same bytes as at the last load"
    )
    why = f"{how}: nothing to extract, map or load, so the other ops are skipped."
    return {"result": "unchanged", "why": why, **fetched(result)}


def not_fetched(plan: ImportPlan, reason: str) -> Metadata:
    """Of a run that did not ask the server, and why."""
    return {"result": "unchanged", "why": reason, "source": link(public_url(plan.url))}


def at_hand(feed: FetchedFeed) -> Metadata:
    """Of a source that did not have to be fetched."""
    return {"file": feed.upload.file_name if feed.upload else "the feed of the earlier run"}


def extracted(plan: ImportPlan, found: Extracted, run: Run | None, *, seconds: float) -> Metadata:
    """Of the records that were read from the feed."""
    megabytes = (run.bytes or 0) / _MEGABYTE if run else 0
    return {
        "records": found.records,
        "record path": plan.record_path or "",
        "seconds": _seconds(seconds),
        **_per_second("MB per second", megabytes, seconds),
        "warnings": len(found.warnings),
        **_bullets("what was warned of", found.warnings),
    }


def mapped(
    rows: MappedRows, reasons: Mapping[str, int], previews: Mapping[str, str], *, seconds: float
) -> Metadata:
    """Of the rows and rejects; ``reasons`` counts each ``column: rule``, most frequent first."""
    return {
        "records": rows.records,
        "filtered": rows.filtered,
        "valid": rows.valid,
        "rejected": rows.invalid,
        # Before the speed: the page folds what is below the first handful.
        **_reasons(reasons),
        **{name: MetadataValue.md(preview) for name, preview in previews.items()},
        "seconds": _seconds(seconds),
        **_per_second("records per second", rows.records, seconds),
    }


@dataclass(frozen=True)
class Load:
    """One load into all destinations of a template; ``seconds`` are those of all of them."""

    plan: ImportPlan
    run_id: str
    rejected: int
    seconds: float


def loaded(
    load: Load,
    destination: SqlDestination,
    counts: LoadCounts,
    described: TableDescription,
    rows: int | None,
) -> AssetMaterialization:
    """What a load did to one table, on that table's asset.

    ``rows``, the table's number of rows now, is left out where it is None.
    """
    plan = load.plan
    written = counts.inserted + counts.updated + counts.unchanged
    metadata: Metadata = {
        "inserted": counts.inserted,
        "updated": counts.updated,
        "unchanged": counts.unchanged,
        "deleted": counts.deleted,
        "rejected": load.rejected,
        "seconds": _seconds(load.seconds),
        **_per_second("rows per second", written, load.seconds),
        "import job": plan.import_job_id,
        "user": plan.external_user_id,
        "run": load.run_id,
        "dagster/table_name": described.name,
        "dagster/column_schema": _schema(described),
    }
    if rows is not None:
        metadata["dagster/row_count"] = rows
    return AssetMaterialization(
        asset_key=asset_key(destination),
        description=(
            f"Import job {plan.import_job_id} of {plan.external_user_id}:"
            f" {counts.inserted} inserted, {counts.updated} updated, {counts.unchanged} unchanged,"
            f" {counts.deleted} deleted, {load.rejected} rejected."
        ),
        metadata=metadata,
    )


def failed(error: PipelineError, *, tries: int) -> Metadata:
    """Of an error that ends a run: its kind and what caused it, beside the words of ``failures``.

    Causes are named by their class alone: messages of an HTTP client or a driver hold whole URLs.
    """
    metadata: Metadata = {"error": type(error).__name__, "tries in this run": tries}
    if isinstance(error, TerminalError):
        metadata["next try"] = _NOT_AGAIN
    status = getattr(error, "status", None)
    if isinstance(status, int):
        metadata["HTTP status"] = status
    if isinstance(error, TransientError) and error.retry_after is not None:
        metadata["asked to wait, seconds"] = _seconds(error.retry_after)
    if error.cause is not None:
        metadata[CAUSE] = MetadataValue.json(error.cause)
    if causes := _causes(error):
        metadata["caused by"] = ", ".join(causes)
    return metadata


def retrying(error: TransientError, *, tried: int, most: int, wait: float, at: dt.datetime) -> str:
    """Why an op is tried again and when; ``at`` in UTC."""
    reason = str(error).rstrip(".")
    return f"{reason}. Try {tried + 1} of {most} in {wait:.0f} s, at {at:%H:%M:%S} UTC."


def _causes(error: BaseException) -> list[str]:
    names: list[str] = []
    at = error.__cause__ or error.__context__
    while at is not None and len(names) < _MOST_CAUSES:
        names.append(type(at).__name__)
        at = at.__cause__ or at.__context__
    return names


def _reasons(reasons: Mapping[str, int]) -> Metadata:
    if not reasons:
        return {}
    most = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))[:_MOST_REASONS]
    lines = [[*reason.rpartition(": ")[::2], count] for reason, count in most]
    return {"rejects by reason": MetadataValue.md(table(["column", "rule", "records"], lines))}


def _bullets(name: str, lines: Sequence[str]) -> Metadata:
    if not lines:
        return {}
    return {name: MetadataValue.md("\n".join(f"- {escaped(line)}" for line in lines))}


def _per_second(name: str, amount: float, seconds: float) -> Metadata:
    return {name: round(amount / seconds, 2)} if amount and seconds > 0 else {}


def _seconds(seconds: float) -> float:
    return round(float(seconds), 3)


def _schema(described: TableDescription) -> TableSchema:
    return TableSchema(
        [
            TableColumn(
                column.name,
                column.type,
                description=column.meaning,
                constraints=TableColumnConstraints(nullable=column.nullable),
            )
            for column in described.columns
        ]
    )
