"""Alembic migrations of the store, run at start. They never touch Dagster's or users' tables."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.pool import NullPool

from impler_pipelines.errors import SettingInvalid, StateConflict, StoreUnavailable
from impler_pipelines.store.table_claims import public_url_of

_LOCK = 0x1A9713E5  # any fixed number: one migration at a time in a database
_SCHEMAS = ("impler", "dagster", "imports")


def migrate(store_url: str) -> None:
    """Create the three schemas and bring ``impler`` to the newest revision.

    Safe when several processes start together: an advisory lock lets one of them work while the
    others wait. Schemas that are there already are left as they are, so a role that may not create
    any will do. Raises ``StoreUnavailable`` when the database can't be reached, ``SettingInvalid``
    where the role lacks a right, ``StateConflict`` for a database that a newer version has changed.
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
            for schema in sorted(set(_SCHEMAS) - set(inspect(connection).get_schema_names())):
                connection.execute(text(f"CREATE SCHEMA {schema}"))
            config = Config()
            config.set_main_option("script_location", str(Path(__file__).parent))
            config.set_main_option("path_separator", "os")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except OperationalError as error:
        raise StoreUnavailable("The store's database can't be reached.") from error
    except ProgrammingError as error:
        if not isinstance(error.orig, InsufficientPrivilege):
            raise
        raise SettingInvalid(
            "IMPLER_DATABASE_URL",
            public_url_of(store_url) or "",
            f"a role that may create schemas and tables ({error.orig.diag.message_primary})",
        ) from error
    except CommandError as error:
        raise StateConflict(
            f"The store's database was changed by a newer version of this package ({error}):"
            " start that version."
        ) from error
    finally:
        engine.dispose()
