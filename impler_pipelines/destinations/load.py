"""One load as a value: whose rows, into which table, how, and what the caller hands in beside."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

import pyarrow as pa
import sqlalchemy as sa

from impler_pipelines.model import LoadCounts, LoadMode

Finish: TypeAlias = Callable[[sa.Connection, LoadCounts], None]
Progress: TypeAlias = Callable[[int], None]


@dataclass(frozen=True)
class LoadIdentity:
    """What every loaded row is stamped with. ``loaded_at`` is an aware time."""

    import_job_id: str
    external_user_id: str
    run_id: str
    loaded_at: dt.datetime

    def __post_init__(self) -> None:
        if self.loaded_at.tzinfo is None:
            raise ValueError(f"loaded_at={self.loaded_at.isoformat()} has no time zone")


@dataclass(frozen=True)
class Load:
    """All that a dialect's loader needs. ``stage`` is the temporary table it stages in."""

    engine: sa.Engine
    table: sa.Table
    stage: sa.Table
    mode: LoadMode
    batches: Iterable[pa.RecordBatch]
    identity: LoadIdentity
    finish: Finish | None
    on_progress: Progress | None

    def tell_progress(self, staged: int) -> None:
        """Tell the caller, if it wants to know, how many rows are staged so far."""
        if self.on_progress is not None:
            self.on_progress(staged)

    def tell_finish(self, connection: sa.Connection, counts: LoadCounts) -> None:
        """Give the caller its place in the transaction, just before it commits."""
        if self.finish is not None:
            self.finish(connection, counts)
