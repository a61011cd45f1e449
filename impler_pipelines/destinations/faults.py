"""The one seam where drivers' and SQLAlchemy's exceptions become ours. It repairs nothing.

What may pass by itself (connection lost, deadlock, lock or statement timeout, server full or
shutting down, file locked) is ``DestinationUnavailable``; everything else (permission, missing
column, wrong type, wrong password) is ``DestinationRefused``.

Messages hold the database's own words without the values of rows, and never a password.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from impler_pipelines.errors import DestinationRefused, DestinationUnavailable, PipelineError

# https://www.postgresql.org/docs/current/errcodes-appendix.html: connection, transaction rollback,
# resources, operator's intervention (statement timeout included), system errors, lock timeout.
_TRANSIENT_STATES = ("08", "40", "53", "57", "58", "55P03", "55006")
# libpq gives no SQLSTATE for a refused login, only the server's English words.
_REFUSED_LOGINS = (
    "password authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "does not exist",
    "permission denied",
    "is not permitted to log in",
)
_LIBPQ_HINT = " Is the server running on that host and accepting TCP/IP connections?"
# https://sqlite.org/rescode.html: primary result codes.
_TRANSIENT_SQLITE = frozenset(
    {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL}
)
# https://mariadb.com/kb/en/mariadb-error-codes/, https://dev.mysql.com/doc/mysql-errors/8.4/en/
_TRANSIENT_MYSQL = frozenset(
    {
        # lock wait, deadlock (of rows, XA, named locks), new shape
        *(1205, 1213, 1412, 1614, 3058),
        *(1021, 1037, 1038, 1041, 1114, 1135, 1637),  # disk, memory, table space, threads
        *(1040, 1203, 1226),  # too many connections, of this user
        *(1053, 1317, 1927, 1969, 3024, 3169, 4031),  # shutdown, killed, out of time
        *(1290, 1792, 1836, 1047),  # read-only or not joined while servers change places
        *(1158, 1159, 1160, 1161, 2002, 2003, 2006, 2013, 2055),  # network: not reached, lost
    }
)
_MYSQL_RIGHTS = frozenset({1044, 1142, 1143, 1227, 1370})
_MYSQL_RULES = frozenset({1048, 1062, 1364, 1451, 1452, 3819, 4025})
_MYSQL_NO_DATABASE = 1049
_MYSQL_TOO_WIDE = frozenset({1117, 1118})
# Messages that quote a row: Duplicate entry 'x' for key …, Incorrect string value: 'x' for …,
# a syntax error near 'x'.
_MYSQL_QUOTED = {
    1062: re.compile(r"(?<=entry) '.*'(?= for )", re.DOTALL),
    1064: re.compile(r"(?<=near) '.*'", re.DOTALL),
    1292: re.compile(r"(?<=value:) '.*?'(?= for |$)", re.DOTALL),
    1366: re.compile(r"(?<=value:) '.*'(?= for )", re.DOTALL),
}


def public_name(url: sa.URL) -> str:
    """A destination's URL as it may be shown: no user, no password, no options."""
    host = f"{url.host or ''}{f':{url.port}' if url.port else ''}"
    return f"{url.get_backend_name()}://{host}/{url.database or ''}"


@contextmanager
def translated(engine: sa.Engine) -> Iterator[None]:
    """Raise ``DestinationUnavailable`` or ``DestinationRefused`` for what the database raises.

    This package's own errors, and whatever is not a database's, pass as they are.
    """
    try:
        yield
    except PipelineError:
        raise
    except sa.exc.DBAPIError as error:
        lost = error.connection_invalidated
        raise _fault(engine, error.orig or error, lost) from error
    except sa.exc.TimeoutError as error:
        raise DestinationUnavailable(
            f"The destination {public_name(engine.url)} is busy: no connection came free in time"
        ) from error
    except sa.exc.SQLAlchemyError as error:
        raise _fault(engine, error, False) from error
    except engine.dialect.loaded_dbapi.Error as error:
        raise _fault(engine, error, False) from error


def _fault(engine: sa.Engine, error: BaseException, lost: bool) -> PipelineError:
    name, words = f"The destination {public_name(engine.url)}", _words(engine, error)
    if lost or _is_transient(engine, error):
        return DestinationUnavailable(f"{name} can't be reached or is busy: {words}")
    return DestinationRefused(f"{name} refused the load: {words}{_advice(error, words)}")


def _advice(error: BaseException, words: str) -> str:
    """What to do about a server's commonest refusals; nothing where its words have to do."""
    state, code = str(getattr(error, "sqlstate", None) or ""), _mysql_code(error)
    if state.startswith("23") or code in _MYSQL_RULES:
        return ". Remove that rule from the table, or give the destination another table"
    if state == "42501" or "permission denied" in words or code in _MYSQL_RIGHTS:
        return ". Give the destination's user that right, or use another user"
    if "password" in words:
        return ". Check user and password in the destination's URL"
    unknown = "does not exist" in words and state in ("", "3D000")  # role or database
    if unknown or code == _MYSQL_NO_DATABASE:
        return ". Check the destination's URL"
    if code in _MYSQL_TOO_WIDE:
        return ". Give the template fewer columns"
    return ""


def _is_transient(engine: sa.Engine, error: BaseException) -> bool:
    match engine.dialect.name:
        case "postgresql":
            return _is_transient_in_postgres(error)
        case "sqlite":
            return getattr(error, "sqlite_errorcode", -1) & 0xFF in _TRANSIENT_SQLITE
        case "mysql" | "mariadb":
            return _mysql_code(error) in _TRANSIENT_MYSQL
        case _:
            return _is_operational(error)


def _is_transient_in_postgres(error: BaseException) -> bool:
    state = getattr(error, "sqlstate", None)
    if state is not None:
        return str(state).startswith(_TRANSIENT_STATES)
    return _is_operational(error) and not any(words in str(error) for words in _REFUSED_LOGINS)


def _mysql_code(error: BaseException) -> int:
    """The number of a MySQL error, 0 for anything else."""
    code = error.args[0] if error.args else None
    return code if isinstance(code, int) else 0


def _is_operational(error: BaseException) -> bool:
    # By name, as SQLAlchemy does it: duckdb-engine's driver module does not export the class.
    return any(base.__name__ == "OperationalError" for base in type(error).__mro__)


def _words(engine: sa.Engine, error: BaseException) -> str:
    # PostgreSQL's primary message; its DETAIL quotes rows.
    primary = getattr(getattr(error, "diag", None), "message_primary", None)
    code = _mysql_code(error)
    if code and len(error.args) > 1:
        quoted = _MYSQL_QUOTED.get(code)
        told = str(error.args[1]).rstrip(".")
        primary = quoted.sub("", told) if quoted else told
    words = " ".join(str(primary or error).split()) or type(error).__name__
    words = words.removesuffix(_LIBPQ_HINT)
    password = engine.url.password
    return words.replace(password, "***") if password else words
