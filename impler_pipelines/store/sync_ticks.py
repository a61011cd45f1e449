"""When the sync sensor last ticked, and last left nothing undone. One row, written at each tick."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert as upsert

from impler_pipelines.store.tables import sync_ticks

_NAME = "sync_import_jobs"


@dataclass(frozen=True)
class SyncTick:
    """``in_step_at``: changes up to this moment have reached Dagster. None: none has so far."""

    ticked_at: dt.datetime
    in_step_at: dt.datetime | None


def note_tick(connection: Connection, *, now: dt.datetime, in_step: bool) -> None:
    """A tick that began at ``now`` is over; ``in_step`` unless something stopped it."""
    values = {"ticked_at": now} | ({"in_step_at": now} if in_step else {})
    connection.execute(
        upsert(sync_ticks)
        .values(name=_NAME, **values)
        .on_conflict_do_update(index_elements=["name"], set_=values)
    )


def last_tick(connection: Connection) -> SyncTick | None:
    """The last tick there was."""
    query = select(sync_ticks.c.ticked_at, sync_ticks.c.in_step_at).where(
        sync_ticks.c.name == _NAME
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else SyncTick(row.ticked_at, row.in_step_at)
