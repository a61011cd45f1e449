"""Dagster runs on workers, each executed by one process at a time: kept by PostgreSQL."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import DBAPIError

from impler_pipelines.store.engine import store_errors


@contextmanager
def taken(
    engine: Engine, dagster_run_id: str, *, if_fit: Callable[[Connection], None]
) -> Iterator[bool]:
    """Take a Dagster run for as long as the context lasts; False if another process has it.

    ``engine`` is one for locks. ``if_fit`` is asked first, and refuses by raising. Raises
    ``StoreUnavailable``.
    """
    with store_errors():
        connection = engine.connect()
    try:
        with store_errors():
            if_fit(connection)
            ours = connection.scalar(select(func.pg_try_advisory_xact_lock(_key(dagster_run_id))))
        yield bool(ours)
    finally:
        with suppress(DBAPIError):  # a connection that was lost has let go already
            connection.close()


def _key(dagster_run_id: str) -> int:
    return int.from_bytes(hashlib.sha256(dagster_run_id.encode()).digest()[:8], "big", signed=True)
