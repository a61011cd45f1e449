"""Turns at hosts for the whole installation, kept by PostgreSQL. It makes no request.

A turn is an advisory lock that lasts as long as a transaction: it ends with the process that holds
it, however that ends, and whoever waits for it is served in the order of coming. Each has a
connection of its own, beside the pools: fetches take minutes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, cast

import psycopg
from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import DBAPIError

from impler_pipelines.errors import HostBusy
from impler_pipelines.sources.interruption import Interruption
from impler_pipelines.store.engine import open_for_locks, store_errors

_OURS = 0x1A9E  # the first of the lock's two numbers, apart from other advisory locks
_LOCK_TIMEOUT = "55P03"
_CANCEL_SECONDS = 5.0
_HELD = text(
    "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND classid = :ours AND objid = :key)"
)


class HostTurns:
    """``with HostTurns(url).turn(host, seconds):`` no other process has a turn at that host."""

    def __init__(self, url: str) -> None:
        self._engine = open_for_locks(url)

    @contextmanager
    def turn(
        self,
        host: str,
        seconds: float,
        *,
        waiting: Callable[[str], None] = lambda _host: None,
        interruption: Interruption | None = None,
    ) -> Iterator[None]:
        """A turn at ``host``, waited for at most ``seconds``; ``waiting`` is told if it must be.

        An ``interruption`` ends the waiting. Raises ``HostBusy`` when the turn does not come,
        ``Interrupted``, and ``StoreUnavailable`` when nobody can tell.
        """
        with store_errors():
            connection = self._engine.connect()
        try:
            with store_errors():
                _take(connection, host, seconds, waiting, interruption or Interruption())
            yield
        finally:
            with suppress(DBAPIError):  # a connection that was lost has let go already
                connection.close()


def is_busy(connection: Connection, host: str) -> bool:
    """Whether someone has a turn at the host now."""
    return bool(connection.scalar(_HELD, {"ours": _OURS, "key": _key(host) % 2**32}))


def _take(
    connection: Connection,
    host: str,
    seconds: float,
    waiting: Callable[[str], None],
    interruption: Interruption,
) -> None:
    key = _key(host)
    if connection.scalar(select(func.pg_try_advisory_xact_lock(_OURS, key))):
        return
    waiting(host)
    longest = str(max(1, round(seconds * 1000)))
    connection.execute(select(func.set_config("lock_timeout", longest, True)))
    try:
        with interruption.ending(lambda: _give_up(connection)):
            connection.execute(select(func.pg_advisory_xact_lock(_OURS, key)))
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _LOCK_TIMEOUT:
            raise
        raise HostBusy(host, seconds) from error


def _give_up(connection: Connection) -> None:
    """End what another thread waits for on ``connection``."""
    driver = connection.connection.driver_connection
    with suppress(psycopg.Error):  # the connection is gone: nobody waits on it
        cast("psycopg.Connection[Any]", driver).cancel_safe(timeout=_CANCEL_SECONDS)


def _key(host: str) -> int:
    """The second number. Hosts that share one by chance wait for each other, and no more."""
    return int.from_bytes(hashlib.sha256(host.encode()).digest()[:4], "big", signed=True)
