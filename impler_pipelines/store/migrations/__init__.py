"""Alembic migrations of the store, run at start. They never touch Dagster's or users' tables.

What one may do, so that processes of the version before go on working until they are restarted:

* add tables, indexes, and columns that are null or have a constant default
* let a column be null that could not be; fill new columns of rows that are there
* never drop, rename or retype what the version before reads or writes
"""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import Connection, Engine, create_engine, inspect, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.pool import NullPool

from impler_pipelines.errors import SettingInvalid, StateConflict, StoreBusy
from impler_pipelines.store.engine import store_errors
from impler_pipelines.store.table_claims import public_url_of
from impler_pipelines.store.tables import SCHEMA

_LOCK = 0x1A9713E5  # any fixed number: one migration at a time in a database
_SCHEMAS = ("impler", "dagster", "imports")
# Whoever waits for a table holds up all that come after. So a migration asks for all tables at once
# and for a moment only, and again later, as long as something such as a backup has one. It is less
# than PostgreSQL's deadlock_timeout, so that nobody else is ended for getting in its way.
_TABLES_WAIT = "200ms"
_PAUSE_SECONDS = 1.0
_PATIENCE_SECONDS = 600.0


def migrate(store_url: str) -> None:
    """Create the three schemas and bring ``impler`` to the newest revision, all of it or nothing.

    Safe when several processes start together: an advisory lock lets one of them work while the
    others wait. Safe while others read and write: see above. Schemas that are there already are
    left as they are, so a role that may not create any will do. Raises ``StoreUnavailable`` when
    the database can't be reached, ``StoreBusy`` where a table was held for ten minutes,
    ``SettingInvalid`` where the role lacks a right, ``StateConflict`` for a database that a newer
    version has changed.
    """
    engine = create_engine(
        store_url,
        poolclass=NullPool,
        # A role named like our schema would have that schema as its default: say which it is.
        connect_args={"connect_timeout": 10, "options": "-c search_path=public"},
    )
    try:
        _upgrade_patiently(engine)
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


def _upgrade_patiently(engine: Engine) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            with store_errors():
                return _upgrade(engine)
        except StoreBusy:
            if time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE_SECONDS)


def _upgrade(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        for schema in sorted(set(_SCHEMAS) - set(inspect(connection).get_schema_names())):
            connection.execute(text(f"CREATE SCHEMA {schema}"))
        config = _config()
        config.attributes["connection"] = connection
        if _revision(connection) in _revisions()[1:]:  # there are tables of an earlier one
            _take_tables(connection)
        command.upgrade(config, "head")


def _take_tables(connection: Connection) -> None:
    names = inspect(connection).get_table_names(SCHEMA)
    tables = ", ".join(f"{SCHEMA}.{name}" for name in names)
    connection.execute(text(f"SET LOCAL lock_timeout = '{_TABLES_WAIT}'"))
    connection.execute(text(f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE"))


def refuse_other_revision(connection: Connection) -> None:
    """Raise ``StateConflict`` unless the tables are those of this version of the code.

    For processes that live long: the database may be migrated under them.
    """
    revisions = _revisions()
    here = _revision(connection)
    if here == revisions[0]:
        return
    if here is None or here in revisions:
        has = f"revision {here}" if here else "no tables"
        raise StateConflict(
            f"The store's database has {has}, and this version of the package needs revision"
            f" {revisions[0]}: run `impler-pipelines migrate`."
        )
    raise StateConflict(
        f"The store's database was changed by a newer version of this package (revision {here};"
        f" this one knows {revisions[0]}): start that version here, too."
    )


def _revision(connection: Connection) -> str | None:
    """That of the tables; None if there are none."""
    context = MigrationContext.configure(connection, opts={"version_table_schema": SCHEMA})
    return context.get_current_revision()


@cache
def _revisions() -> tuple[str, ...]:
    """All that this code knows, the newest first."""
    scripts = ScriptDirectory.from_config(_config())
    return tuple(script.revision for script in scripts.walk_revisions())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return config
