"""Connections to the store. It opens transactions, translates lost connections, and tells the time
that all who are connected have in common."""

from __future__ import annotations

import datetime as dt
import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, NullPool, create_engine, func, select
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from impler_pipelines import logs
from impler_pipelines.errors import StoreBusy, StoreUnavailable

# Deadlock, statement timeout, lock timeout, serialisation: the server is there, and in the way.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_BUSY_STATES = frozenset({"40P01", "57014", "55P03", "40001"})
# A host whose machine has gone is noticed within a minute and a half; PostgreSQL's own is hours.
_KEEPALIVES = "-c tcp_keepalives_idle=60 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
_outage = logs.Outage("store.unreachable", "store.reachable", level=logging.ERROR)  # of a process


def open_store(url: str, *, pool_size: int = 5) -> Engine:
    """An engine on the store's database; connects on first use.

    Statements are cut off after a minute, so that no request waits for ever on a lock.
    """
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=15,
        pool_pre_ping=True,
        hide_parameters=True,  # errors are logged, and parameters hold secrets
        connect_args={
            "connect_timeout": 10,
            "options": "-c statement_timeout=60000 -c timezone=UTC -c search_path=public",
            "application_name": "impler-pipelines",
        },
    )


def open_for_locks(url: str) -> Engine:
    """An engine for advisory locks that are held for minutes: a connection for each, kept by none.

    A lock so ends with the process that holds it, however that ends.
    """
    return create_engine(
        url,
        poolclass=NullPool,
        connect_args={
            "connect_timeout": 10,
            "options": f"{_KEEPALIVES} -c statement_timeout=0 -c search_path=public"
            " -c idle_in_transaction_session_timeout=0",
            "application_name": "impler-pipelines turns",
        },
    )


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction: committed at the end, rolled back by any exception.

    Events that are noted in it are spoken once it is committed. Raises ``StoreUnavailable`` when
    the database can't be reached, goes away or is too busy.
    """
    with store_errors(), logs.after_commit(), engine.begin() as connection:
        _outage.over()
        yield connection


@contextmanager
def store_errors() -> Iterator[None]:
    """Raise the driver's errors from inside as the store's own."""
    try:
        yield
    except PoolTimeout as error:
        raise StoreBusy("All connections to the store's database are in use.") from error
    except (OperationalError, InterfaceError) as error:
        if getattr(error.orig, "sqlstate", None) in _BUSY_STATES:
            raise StoreBusy("The store's database is busy: try again.") from error
        raise _gone("The store's database can't be reached.", error) from error
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        raise _gone("The store's database closed the connection.", error) from error


def _gone(message: str, error: DBAPIError) -> StoreUnavailable:
    _outage.begun(f"{message} {str(error.orig).strip()}")
    return StoreUnavailable(message)


def database_time(connection: Connection) -> dt.datetime:
    """The database's clock: what processes on several hosts go by where they judge each other."""
    moment: dt.datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return moment


def new_id() -> str:
    """A new identifier of 24 hex digits: safe in URLs, Dagster names and directory names."""
    return secrets.token_hex(12)
