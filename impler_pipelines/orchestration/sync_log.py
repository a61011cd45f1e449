"""What a sync tick tells: that it was, what it did, what stopped it. It synchronizes nothing.

The store keeps the moment of the last tick, so that every replica of the API tells the same lag.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from impler_pipelines import logs
from impler_pipelines.errors import DagsterUnavailable, StoreUnavailable
from impler_pipelines.orchestration.runtime import Runtime
from impler_pipelines.orchestration.synchronizing import Synchronizer
from impler_pipelines.store.sync_ticks import note_tick
from impler_pipelines.store.tallies import fold_tallies

_trouble = logs.Outage("sync.stuck", "sync.recovered")  # of this process


@contextmanager
def tick_told(runtime: Runtime, sync: Synchronizer) -> Iterator[None]:
    """Around the steps of one tick; errors pass as they are."""
    begun = time.perf_counter()
    try:
        with logs.bound(by="sync"):
            yield
    except (DagsterUnavailable, StoreUnavailable) as error:
        _trouble.begun(error)
        _tell(sync, begun)
        if isinstance(error, DagsterUnavailable):
            with runtime.transaction() as connection:
                note_tick(connection, now=sync.now, in_step=False)
        raise
    if sync.refused:
        _trouble.begun("; ".join(sync.refused))
    else:
        _trouble.over()
    _tell(sync, begun)
    with runtime.transaction() as connection:
        note_tick(connection, now=sync.now, in_step=sync.in_step)
        fold_tallies(connection)


def _tell(sync: Synchronizer, begun: float) -> None:
    did = [what for what in sync.done if what not in sync.refused]
    if did:
        logs.note("sync.acted", did="; ".join(did), seconds=time.perf_counter() - begun)
