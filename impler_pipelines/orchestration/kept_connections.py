"""Lets the Dagster of one process keep its connections to PostgreSQL. It opens none itself.

Dagster's storage opens a connection for nearly every query and closes it again, so that the
instances that a process makes, one for each tick at times, hold none. Making them costs the server
more than the queries do. With a URL that says ``plugin=impler_kept`` all of a process's instances
share a few, which are looked at before each use: one that the server lost is replaced.
"""

from __future__ import annotations

import os
from typing import Any

from sqlalchemy import URL, Engine
from sqlalchemy.engine import CreateEnginePlugin
from sqlalchemy.pool import NullPool, QueuePool

_KEPT = 4  # of one process; more are opened where threads need them, and closed after use
_SECONDS = 300  # a connection is replaced after that, so that a server that has moved is found

_first: dict[tuple[object, ...], Engine] = {}


class KeptConnections(CreateEnginePlugin):
    """SQLAlchemy's hook into ``create_engine``, found by the entry point ``sqlalchemy.plugins``.

    Engines that would keep nothing get the pool of the first one with the same URL; all others,
    such as the webserver's, are left as they are.
    """

    def __init__(self, url: URL, kwargs: dict[str, Any]) -> None:
        super().__init__(url, kwargs)
        # Connections are not to be shared with a process that forks.
        self._key = (os.getpid(), url, kwargs.get("isolation_level"))
        self._is_meant = kwargs.get("poolclass") is NullPool
        if self._is_meant:
            kwargs |= {
                "poolclass": QueuePool,
                "pool_size": _KEPT,
                "max_overflow": -1,
                "pool_pre_ping": True,
                "pool_recycle": _SECONDS,
            }

    def update_url(self, url: URL) -> URL:
        """It has no parameters of its own."""
        return url

    def engine_created(self, engine: Engine) -> None:
        """Share the first engine's pool, and its dialect, which knows the pool's server."""
        if self._is_meant:
            first = _first.setdefault(self._key, engine)
            engine.pool, engine.dialect = first.pool, first.dialect


def let_go() -> None:
    """Close what is kept and not in use: for whoever wants the database for himself."""
    for engine in _first.values():
        engine.pool.dispose()
