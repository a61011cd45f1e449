"""Opening a destination by its URL: driver, pool, timeouts, transactions. It reads no rows.

Engines for SQLite must come from here: the standard driver begins transactions late and commits
before DDL unless it is told not to.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from impler_pipelines.destinations.faults import public_name
from impler_pipelines.errors import DestinationRefused, RequestInvalid

BEGIN = "impler_begin"  # execution option: the words that begin a transaction in SQLite
CONNECT_TIMEOUT = 10  # seconds
BUSY_TIMEOUT = 60  # seconds that a load waits for another one's lock on a SQLite file
MYSQL_LOCK_TIMEOUT = 120  # seconds that a load waits for another one's lock on a MySQL table
MYSQL_READ_TIMEOUT = 1800  # seconds that one of its statements may take
# The server's own defaults would cut values off, wait for a day, or read and compare otherwise.
MYSQL_SESSION = (
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00',"
    " sql_safe_updates = 0,"
    f" lock_wait_timeout = {MYSQL_LOCK_TIMEOUT}, innodb_lock_wait_timeout = {MYSQL_LOCK_TIMEOUT}"
)

CheckAddress = Callable[[str, int], Sequence[str]]

_DEFAULT_DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
_PACKAGES = {
    "postgresql": "psycopg[binary]",
    "mysql": "pymysql",
    "mariadb": "pymysql",
    "duckdb": "duckdb-engine",
}
_NOT_REACHED = 2003  # MySQL's number
_PORTS = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306}


def open_destination(url: str, *, check_address: CheckAddress | None = None) -> sa.Engine:
    """An engine for a destination's URL, which keeps no connection that is not in use.

    ``postgresql://`` speaks psycopg 3, ``mysql://`` and ``mariadb://`` PyMySQL. A SQLite file is
    created at the first connection; its directory must exist.

    ``check_address(host, port)`` (see ``guard.address_check``) is called before every connection:
    it resolves the host, raises for an address that must not be dialled, and gives back the
    addresses, which are dialled then. With it, the URL has to name a PostgreSQL or MySQL server.

    Raises ``DestinationRefused`` for a URL that can't be understood, a missing driver package or
    a missing directory.
    """
    parsed = _parse(url)
    backend = parsed.get_backend_name()
    if check_address is not None and (backend not in _PORTS or not parsed.host):
        raise DestinationRefused(
            f"{public_name(parsed)}: only PostgreSQL and MySQL servers can be destinations here"
        )
    if backend == "sqlite":
        _check_sqlite_file(parsed)
    engine = _create(parsed, backend)
    if check_address is not None:
        _guard(engine, check_address)
    return engine


def check_destination_url(url: str, field: str = "destinations.0.url") -> str:
    """Give back a URL that came in a request, if it may be a destination at all.

    It names a PostgreSQL or MySQL server with host, user and database, and no driver or driver
    options, which could read files or send the server's own secrets. Raises ``RequestInvalid`` on
    ``field``. The address is checked on connecting (``open_destination``).
    """
    takes = "it takes postgresql:// or mysql:// with user:password@host:port/database"
    try:
        parsed = _parse(url)
    except DestinationRefused as error:
        raise RequestInvalid.of(field, takes) from error
    scheme = url.partition("://")[0]
    if scheme not in _DEFAULT_DRIVERS:
        raise RequestInvalid.of(field, f"{scheme!r} can't be a destination: {takes}")
    if parsed.query:
        raise RequestInvalid.of(field, f"driver options are refused: {takes}, and no options")
    if not (parsed.host and parsed.username and parsed.database):
        raise RequestInvalid.of(field, f"host, user or database is missing: {takes}")
    if any(mark in parsed.host for mark in ",/@%"):
        raise RequestInvalid.of(field, f"{parsed.host!r} is not one host: {takes}")
    return url


def _parse(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        # Without its cause: SQLAlchemy's message repeats the URL, password included.
        raise DestinationRefused(
            "The destination's URL can't be understood: it takes an SQLAlchemy URL such as"
            " postgresql://user:password@host:5432/database or sqlite:////path/to/file.db"
        ) from None
    return parsed.set(drivername=_DEFAULT_DRIVERS.get(parsed.drivername, parsed.drivername))


def _create(url: sa.URL, backend: str) -> sa.Engine:
    # A load takes one connection; one that is open and idle is in somebody's way, be it the lock
    # of a file or a place on a server.
    options: dict[str, Any] = {
        "connect_args": _connect_args(url, backend),
        "poolclass": NullPool,
    }
    if backend in _PORTS:
        # Whoever waited for a lock has to see what the one before committed.
        options["isolation_level"] = "READ COMMITTED"
    if backend in ("mysql", "mariadb"):
        options["paramstyle"] = "format"  # rows are staged as tuples
    try:
        engine = sa.create_engine(url, **options)
    except sa.exc.NoSuchModuleError as error:
        known = f": install the package {_PACKAGES[backend]}" if backend in _PACKAGES else ""
        raise DestinationRefused(
            f"No driver for {url.drivername}:// is installed{known}"
        ) from error
    except ImportError as error:
        package = _PACKAGES.get(backend, error.name)
        raise DestinationRefused(
            f"The driver for {url.drivername}:// is missing: install the package {package}"
        ) from error
    if backend == "sqlite":
        _begin_explicitly(engine)
    return engine


def _connect_args(url: sa.URL, backend: str) -> dict[str, Any]:
    if url.drivername == "postgresql+psycopg":
        return {
            "connect_timeout": CONNECT_TIMEOUT,
            "application_name": "impler_pipelines",
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": 60_000,  # milliseconds that sent bytes may stay unacknowledged
            "prepare_threshold": None,  # prepared statements break behind transaction poolers
        }
    if backend in ("mysql", "mariadb"):
        return {
            "connect_timeout": CONNECT_TIMEOUT,
            "read_timeout": MYSQL_READ_TIMEOUT,
            "write_timeout": MYSQL_READ_TIMEOUT,
            "charset": "utf8mb4",
            "init_command": MYSQL_SESSION,
            "local_infile": False,  # else a server may ask for files of ours
        }
    if backend == "sqlite":
        return {} if "timeout" in url.query else {"timeout": BUSY_TIMEOUT}
    return {}


def _check_sqlite_file(url: sa.URL) -> None:
    if not url.database or url.database == ":memory:":
        raise DestinationRefused(
            "sqlite:// without a file forgets its rows at once: give it one, as in"
            " sqlite:////path/to/file.db"
        )
    if url.database.startswith("file:"):  # a URI file name, with rules of its own
        return
    parent = Path(url.database).absolute().parent
    if not parent.is_dir():
        raise DestinationRefused(
            f"The SQLite file {url.database} can't be created, its directory {parent} does not"
            " exist: create the directory"
        )


def _begin_explicitly(engine: sa.Engine) -> None:
    """Make SQLAlchemy begin SQLite's transactions, DDL included; see its pysqlite documentation."""

    @sa.event.listens_for(engine, "connect")
    def never_begin_alone(driver: Any, _: Any) -> None:
        driver.isolation_level = None

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get(BEGIN, "BEGIN"))


def _guard(engine: sa.Engine, check_address: CheckAddress) -> None:
    backend = engine.dialect.name

    @sa.event.listens_for(engine, "do_connect")
    def dial_what_was_checked(
        dialect: sa.Dialect, _: Any, __: Any, arguments: dict[str, Any]
    ) -> Any:
        host = str(arguments["host"])
        addresses = check_address(host, int(arguments.get("port") or _PORTS[backend]))
        if backend != "postgresql":
            return _first_that_answers(dialect, addresses, arguments)
        arguments |= {
            "host": ",".join([host] * len(addresses)),  # the name, for TLS
            "hostaddr": ",".join(addresses),
            # Nothing of this process's own may answer for a password that is missing.
            "password": arguments.get("password") or "",
            "passfile": os.devnull,
            "sslcertmode": "disable",
            "gssencmode": "disable",
        }
        return None


def _first_that_answers(
    dialect: sa.Dialect, addresses: Sequence[str], arguments: dict[str, Any]
) -> Any:
    """PyMySQL's connection to the first address that can be reached."""
    for address in addresses[:-1]:
        try:
            return dialect.connect(**arguments | {"host": address})
        except dialect.loaded_dbapi.OperationalError as error:
            if error.args[0] != _NOT_REACHED:
                raise
    return dialect.connect(**arguments | {"host": addresses[-1]})
