"""The API's way to the store: one engine, one secret box, and whether migrations have run."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import Connection, Engine

from impler_pipelines.errors import StoreUnavailable
from impler_pipelines.settings import Settings
from impler_pipelines.store.engine import open_store, transaction
from impler_pipelines.store.migrations import migrate
from impler_pipelines.store.secrets import secret_box

logger = logging.getLogger(__name__)

_POOL_SIZE = 10  # with as many overflowing; requests hold a connection for milliseconds
_LONGEST_WAIT_SECONDS = 10.0


class StoreAccess:
    """Transactions on the store; ``box`` seals and opens its secrets."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.store_url
        self._engine = open_store(self._url, pool_size=_POOL_SIZE)
        self._reserve = open_store(self._url, pool_size=1)
        self._closed = threading.Event()
        self._migrated = True
        self.box = secret_box(settings)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction. Raises ``StoreUnavailable``, also before the migrations have run."""
        with self._on(self._engine) as connection:
            yield connection

    @contextmanager
    def reserved_transaction(self) -> Iterator[Connection]:
        """The same over connections kept for questions of health, whatever requests hold."""
        with self._on(self._reserve) as connection:
            yield connection

    def migrate_in_background(self) -> threading.Thread:
        """Run the migrations, again and again until the database can be reached."""
        self._migrated = False
        thread = threading.Thread(target=self._migrate, name="migrations", daemon=True)
        thread.start()
        return thread

    def close(self) -> None:
        """Give up waiting for the database and close the idle connections."""
        self._closed.set()
        self._engine.dispose()
        self._reserve.dispose()

    @contextmanager
    def _on(self, engine: Engine) -> Iterator[Connection]:
        if not self._migrated:
            raise StoreUnavailable("The store's database is not ready yet.")
        with transaction(engine) as connection:
            yield connection

    def _migrate(self) -> None:
        wait = 0.5
        while not self._closed.is_set():
            try:
                migrate(self._url)
            except StoreUnavailable as error:
                logger.warning("%s Trying again in %.1f s.", error, wait)
            except Exception:
                logger.exception("The migrations failed; trying again in %.1f s.", wait)
            else:
                self._migrated = True
                return
            self._closed.wait(wait)
            wait = min(wait * 2, _LONGEST_WAIT_SECONDS)


async def _store_of(request: Request) -> StoreAccess:
    store: StoreAccess = request.app.state.store
    return store


Store = Annotated[StoreAccess, Depends(_store_of)]


async def _settings_of(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


ApiSettings = Annotated[Settings, Depends(_settings_of)]
