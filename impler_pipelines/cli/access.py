"""What commands work on: the store, and the log of what they do to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from impler_pipelines import logs
from impler_pipelines.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Connection


@contextmanager
def store() -> Iterator[Connection]:
    """One transaction on the store. Raises ``StoreUnavailable``."""
    from impler_pipelines.store.engine import open_store, transaction

    engine = open_store(Settings.load().store_url, pool_size=1)
    try:
        with transaction(engine) as connection:
            yield connection
    finally:
        engine.dispose()


def speak() -> None:
    """What is done here is logged beside what the others do, where there is such a place."""
    settings = Settings.load()
    kept = settings.home / "logs"
    file = kept / "cli.log" if kept.is_dir() else None
    logs.configure("cli", form=settings.log_format, level=settings.log_level, file=file)
    logs.bind(by="cli")
