"""The places that a plan's rows go to: opened, and looked at before a fetch. It loads no row.

It never imports Arrow: every run looks whether its rows are there, also one that finds no news.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Engine

from impler_pipelines.destinations.engines import open_destination
from impler_pipelines.destinations.guard import address_check
from impler_pipelines.destinations.presence import holds_load, loaded_keys
from impler_pipelines.model import ImportPlan, LoadMode, SqlDestination
from impler_pipelines.orchestration.runtime import Runtime


def all_rows_stand(runtime: Runtime, plan: ImportPlan) -> bool:
    """Whether every table of the last load is still there, its columns and its rows.

    Tables that were dropped, emptied of this import job's rows, or have lost a column count as
    not loaded. A single row that was deleted or changed by hand is not looked for.
    """
    for destination in plan.tables:
        if not holds_load(
            engine_of(runtime, destination),
            destination.table,
            plan.columns,
            plan.import_job_id,
            with_rows=plan.loaded_rows,
        ):
            return False
    return True


def loaded_before(runtime: Runtime, plan: ImportPlan, run_id: str) -> Iterator[Sequence[str]]:
    """The row keys that must not come again, in pieces: those that the import job's other runs have
    loaded, where the template has unique columns and all its tables only add rows."""
    modes = {table.mode for table in plan.tables}
    if modes != {LoadMode.APPEND} or not any(column.is_unique for column in plan.columns):
        return
    table = plan.tables[0]
    engine = engine_of(runtime, table)
    yield from loaded_keys(engine, table.table, plan.import_job_id, but_of_run=run_id)


def in_store(runtime: Runtime, destination: SqlDestination) -> bool:
    """Whether its rows lie in the store's own database."""
    return destination.url is None and not runtime.settings.destination_url


def engine_of(runtime: Runtime, destination: SqlDestination) -> Engine:
    """An engine on the destination.

    A URL that came in a request has the address checked that is dialled: its name may have pointed
    elsewhere when the template was made. The setting's is ours.
    """
    if destination.url is None:
        return runtime.default_destination
    allowed = address_check(allow_private=runtime.settings.allow_private_addresses)
    return open_destination(destination.url, check_address=allowed)
