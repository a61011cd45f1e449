"""Loading into MySQL and MariaDB: staged as everywhere, merged while holding the table's lock.

They commit whatever is open before and after every change of a table, so a load has three steps:

1. Staging in a temporary table, which locks nothing, however long the rows take to come.
2. A named lock of the server on the table, held until the connection closes: loads into one table
   go on one after another from here. Then the table is made to fit, and that is committed.
3. One transaction: the merge and ``finish``.

Nobody asks for a second lock of that kind, so loads never wait for each other in a ring. Waiting
ends as for the server's own locks, with the session's ``lock_wait_timeout`` (``engines``).
"""

from __future__ import annotations

import hashlib
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from sqlalchemy.schema import CreateTable

from impler_pipelines.destinations.load import Load
from impler_pipelines.destinations.merging import index_stage, merge
from impler_pipelines.destinations.rows import as_tuples
from impler_pipelines.destinations.shape import prepare_table
from impler_pipelines.errors import DestinationRefused, DestinationUnavailable
from impler_pipelines.model import LoadCounts

# PyMySQL joins rows to statements of 1,024,000 bytes; the smallest default there was is above it.
_LEAST_PACKET = 1 << 20


def load_into_mysql(load: Load) -> LoadCounts:
    """Stage, make the table fit, merge; see ``sql.load_rows`` for the contract."""
    with load.engine.connect() as connection:
        connection.detach()  # closed at the end: lock and staging table go with it
        with connection.begin():
            staged = _stage(connection, load)
        with connection.begin():
            index_stage(connection, load)
        with connection.begin():
            _lock(connection, load.table.name)
            prepare_table(connection, load.table, lock=lambda _: None)  # held already
            _check_engine(connection, load.table.name)
        with connection.begin():
            counts = merge(connection, load, staged)
            load.tell_finish(connection, counts)
        return counts


def _lock(connection: sa.Connection, table: str) -> None:
    """Hold the named lock on ``table`` until the connection closes."""
    database = connection.scalar(sa.select(sa.func.database()))
    digest = hashlib.blake2b(f"{database}.{table}".encode(), digest_size=16).hexdigest()
    seconds = connection.scalar(sa.text("SELECT @@SESSION.lock_wait_timeout"))
    if connection.scalar(sa.select(sa.func.get_lock(f"impler {digest}", seconds))) != 1:
        raise DestinationUnavailable(
            f"Table {table!r} is busy: another load did not end within {seconds} seconds"
        )


def _check_engine(connection: sa.Connection, table: str) -> None:
    """Refuse a table whose storage engine could not take half a load back."""
    engine, transactions = connection.execute(
        sa.text(
            "SELECT t.engine, e.transactions FROM information_schema.tables AS t"
            " LEFT JOIN information_schema.engines AS e ON e.engine = t.engine"
            " WHERE t.table_schema = DATABASE() AND t.table_name = :table"
        ),
        {"table": table},
    ).one()
    if engine is not None and transactions != "YES":
        raise DestinationRefused(
            f"Table {table!r} is kept by the storage engine {engine}, which has no transactions:"
            " change it to InnoDB, or name another table"
        )


def _stage(connection: sa.Connection, load: Load) -> int:
    packet = int(connection.scalar(sa.text("SELECT @@max_allowed_packet")) or 0)
    if packet < _LEAST_PACKET:
        raise DestinationRefused(
            f"The server's max_allowed_packet is {packet} bytes: raise it to {_LEAST_PACKET} at"
            " least"
        )
    connection.execute(CreateTable(load.stage))
    insert = str(sa.insert(load.stage).compile(dialect=connection.dialect))
    staged = 0
    for batch in load.batches:
        if batch.num_rows:
            _check_finite(batch)
            _insert(connection, insert, as_tuples(batch, dates_as_text=False), packet)
        staged += batch.num_rows
        load.tell_progress(staged)
    return staged


def _check_finite(batch: pa.RecordBatch) -> None:
    for field, array in zip(batch.schema, batch.columns, strict=True):
        if pa.types.is_floating(field.type) and pc.all(pc.is_finite(array)).as_py() is False:
            raise DestinationRefused(
                f"Column {field.name!r} holds an infinite number or none at all (NaN), which MySQL"
                " can't store: make such a value a reject of the mapping"
            )


def _insert(
    connection: sa.Connection, statement: str, rows: list[tuple[Any, ...]], packet: int
) -> None:
    driver: Any = connection.connection.dbapi_connection
    try:
        connection.exec_driver_sql(statement, rows)
    except sa.exc.DBAPIError as error:
        # The server hangs up on a row that is too large, as if the network were at fault.
        largest = max(sum(len(driver.escape(v).encode()) for v in r if v is not None) for r in rows)
        if largest + len(statement) < packet:
            raise
        connection.invalidate()  # rolling back what hung up would raise instead
        raise DestinationRefused(
            f"A row is {largest} bytes in SQL, and the server takes {packet} at a time: raise its"
            " max_allowed_packet"
        ) from error
