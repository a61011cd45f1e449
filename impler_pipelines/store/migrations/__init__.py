"""Alembic migrations of the store, run at start. They never touch Dagster's or users' tables."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from impler_pipelines.errors import StoreUnavailable

_LOCK = 0x1A9713E5  # any fixed number: one migration at a time in a database
_SCHEMAS = ("impler", "dagster", "imports")


def migrate(store_url: str) -> None:
    """Create the three schemas and bring ``impler`` to the newest revision.

    Safe when several processes start together: an advisory lock lets one of them work while the
    others wait. Raises ``StoreUnavailable`` when the database can't be reached.
    """
    engine = create_engine(
        store_url,
        poolclass=NullPool,
        # A role named like our schema would have that schema as its default: say which it is.
        connect_args={"connect_timeout": 10, "options": "-c search_path=public"},
    )
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            for schema in _SCHEMAS:
                connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {schema}"))
            config = Config()
            config.set_main_option("script_location", str(Path(__file__).parent))
            config.set_main_option("path_separator", "os")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except OperationalError as error:
        raise StoreUnavailable("The store's database can't be reached.") from error
    finally:
        engine.dispose()
