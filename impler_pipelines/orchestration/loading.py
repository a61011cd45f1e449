"""One load: mapped rows into every destination of the template, recorded with what was read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import Connection

from impler_pipelines import logs
from impler_pipelines.destinations.description import (
    TableDescription,
    count_rows,
    describe_table,
)
from impler_pipelines.destinations.sql import LoadIdentity, load_rows
from impler_pipelines.errors import DeletionsHeld, PipelineError
from impler_pipelines.model import (
    FeedState,
    ImportPlan,
    LoadCounts,
    LoadMode,
    Run,
    SqlDestination,
)
from impler_pipelines.orchestration.attempts import Attempt
from impler_pipelines.orchestration.kept_feeds import forget_feed, keep_feed
from impler_pipelines.orchestration.places import engine_of, in_store
from impler_pipelines.orchestration.references import MappedRows
from impler_pipelines.orchestration.runtime import Runtime, utc_now
from impler_pipelines.orchestration.tabular import read_batches, read_rejects
from impler_pipelines.sources.urls import public_url
from impler_pipelines.store import runs


def load_all(attempt: Attempt, plan: ImportPlan, mapped: MappedRows) -> dict[str, LoadCounts]:
    """Load the rows into each table and leave pages for each webhook; destination id → counts.

    Ends the Run as SUCCESS. Where the last table is in the store's own database the Run is recorded
    in the load's transaction, webhooks' pages included. Elsewhere they are recorded after it: a
    crash in between repeats an idempotent load. Raises ``RunCancelled`` when the import job was
    deleted or the Run cancelled meanwhile, ``DeletionsHeld`` for a mirror that would lose too many
    rows; what the table at hand had taken is rolled back.
    """
    runtime, run = attempt.runtime, attempt.run
    with runtime.transaction() as store:
        runs.begin_load(store, **_attempt(run))
    counts: dict[str, LoadCounts] = {}
    # Tables in the store's database come last, so that the record seals all of them.
    ordered = sorted(plan.tables, key=lambda d: in_store(runtime, d))
    for position, destination in enumerate(ordered):
        last = position == len(ordered) - 1

        def finish(
            connection: Connection,
            loaded: LoadCounts,
            seals: bool = last and in_store(runtime, destination),
            destination: SqlDestination = destination,
        ) -> None:
            _hold_deletions(runtime, run, destination, loaded)
            counts[destination.id] = loaded
            if seals:
                _record(runtime, connection, plan, run, mapped, counts)
            else:
                with runtime.transaction() as store:
                    runs.refuse_if_unwanted(store, **_attempt(run))

        with logs.after_commit():
            _load_one(attempt, plan, mapped, destination, finish)
    if not ordered or not in_store(runtime, ordered[-1]):
        with runtime.transaction() as store:
            _record(runtime, store, plan, run, mapped, counts)
    return counts


def describe_destination(
    runtime: Runtime, plan: ImportPlan, destination: SqlDestination, warn: Callable[[str], None]
) -> tuple[TableDescription, int | None]:
    """The table that a load has written to, and how many rows it has now.

    The load is done: rows that can't be counted are None and a warning, not a failure.
    """
    engine = engine_of(runtime, destination)
    table = describe_table(engine, destination.table, destination.mode, plan.columns)
    try:
        return table, count_rows(engine, destination.table)
    except PipelineError as error:
        warn(f"The rows of {table.name} are loaded, but not counted: {error}")
        return table, None


def _load_one(
    attempt: Attempt,
    plan: ImportPlan,
    mapped: MappedRows,
    destination: SqlDestination,
    finish: Callable[[Connection, LoadCounts], None],
) -> None:
    runtime, run = attempt.runtime, attempt.run
    load_rows(
        engine_of(runtime, destination),
        destination.table,
        _mode(destination, mapped, partial=run.rejects_of is not None),
        plan.columns,
        read_batches(runtime.artifacts, mapped.rows_path),
        identity=LoadIdentity(
            import_job_id=plan.import_job_id,
            external_user_id=plan.external_user_id,
            run_id=run.id,
            loaded_at=utc_now(),
        ),
        finish=finish,
        on_progress=lambda done: attempt.report(done, "rows"),
    )


def _hold_deletions(
    runtime: Runtime, run: Run, destination: SqlDestination, loaded: LoadCounts
) -> None:
    """Stop a load that would delete a larger share of the import job's rows than is allowed.

    A feed that broke is likelier than one that lost most of its records. Someone who has looked
    lets a run delete as many rows as the one that was stopped would have.
    """
    percent = runtime.settings.mirror_max_deleted_percent
    before = loaded.updated + loaded.unchanged + loaded.deleted
    if loaded.deleted <= max(before * percent / 100, run.deletions_confirmed or 0):
        return
    raise DeletionsHeld(destination.table, loaded.deleted, before, percent)


def _mode(destination: SqlDestination, mapped: MappedRows, *, partial: bool = False) -> LoadMode:
    """A load without a row empties no mirror: a feed that broke is likelier than an empty one. Nor
    does one of a part of the feed."""
    if destination.mode is LoadMode.MIRROR and (partial or not mapped.valid):
        return LoadMode.UPSERT
    return destination.mode


def kept_rows_warnings(plan: ImportPlan, mapped: MappedRows) -> tuple[str, ...]:
    """What is to be said where a mirror kept rows that this load does not have."""
    return tuple(
        f"No row was loaded, so the mirror {destination.table!r} keeps all rows it has. If the"
        " feed is meant to be empty, delete this import job's rows from the table."
        for destination in plan.tables
        if _mode(destination, mapped) is not destination.mode
    )


def on_their_way(plan: ImportPlan, counts: dict[str, LoadCounts]) -> tuple[str, ...]:
    """What is to be said of rows that were left for webhooks."""
    return tuple(
        f"On their way to {public_url(webhook.callback_url)}: {found.inserted} new rows and"
        f" {found.updated} that have changed; {found.unchanged} are as they were sent before."
        for webhook in plan.webhooks
        if (found := counts[webhook.id])
    )


def _record(
    runtime: Runtime,
    connection: Connection,
    plan: ImportPlan,
    run: Run,
    mapped: MappedRows,
    counts: dict[str, LoadCounts],
) -> None:
    now = runtime.time_in(connection)
    runs.replace_rejects(connection, run.id, read_rejects(runtime.artifacts, mapped.rejects_path))
    if plan.webhooks:
        # Most templates have none: what makes pages is loaded for those that do.
        from impler_pipelines.orchestration.outgoing import leave_pages

        counts |= leave_pages(runtime, connection, plan, run.id, mapped, now=now)
    runs.record_load(
        connection,
        **_attempt(run),
        counts=_total(plan, counts),
        totals={
            "records": mapped.records,
            "filtered": mapped.filtered,
            "valid": mapped.valid,
            "invalid": mapped.invalid,
        },
        feed_state=_state_after(plan, run, mapped),
        now=now,
        warnings=kept_rows_warnings(plan, mapped),
    )


def _state_after(plan: ImportPlan, run: Run, mapped: MappedRows) -> FeedState:
    """What is known to be loaded now."""
    if run.rejects_of is not None:
        return mapped.feed.read  # a part of a feed: the rest is as it was mapped then
    # Edited while the run was under way: these rows are the former mapping's.
    current = plan.fingerprint == mapped.fingerprint
    return replace(mapped.feed.read, fingerprint=plan.fingerprint if current else None)


def keep_for_rejects(runtime: Runtime, run: Run, mapped: MappedRows) -> None:
    """Keep the feed of a load that has rejects, so that they can be run again; or no longer one."""
    if mapped.feed.upload is not None:
        return
    if mapped.invalid:
        keep_feed(runtime.artifacts, run.import_job_id, run.id, mapped.feed)
    else:
        forget_feed(runtime.artifacts, run.import_job_id)


def _attempt(run: Run) -> dict[str, str]:
    """Which attempt this is, as the store checks it."""
    return {
        "job_id": run.import_job_id,
        "run_id": run.id,
        "dagster_run_id": run.dagster_run_id or "",
    }


def _total(plan: ImportPlan, counts: dict[str, LoadCounts]) -> LoadCounts:
    """A Run counts rows of its template's first destination; further ones hold the same rows."""
    return counts[plan.destinations[0].id] if plan.destinations else LoadCounts()
