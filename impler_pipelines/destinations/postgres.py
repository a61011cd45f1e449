"""Loading into PostgreSQL (15 and later): ``COPY`` into a temporary table, then one merge.

The order of locks, the same for every load, so that loads wait for each other but never in a ring:

1. Staging locks nothing but the load's own temporary table, however long the rows take to come.
2. An advisory lock on (table, import job): the same import job loads one at a time. Two import
   jobs have no row in common (the key starts with the import job), so they merge side by side.
3. Only to create or alter the table: an advisory lock on the table's name, then, if it is missing,
   on the schema's, after which it is looked at again; then PostgreSQL's own lock on the table,
   which waits for running merges. Nobody who merges ever asks for 2 or 3 again.

All of them end with the transaction; waiting ends with ``lock_timeout``.
"""

from __future__ import annotations

import hashlib
from typing import Any

import sqlalchemy as sa
from sqlalchemy.schema import CreateTable

from impler_pipelines.destinations.load import Load
from impler_pipelines.destinations.merging import index_stage, merge
from impler_pipelines.destinations.rows import as_csv
from impler_pipelines.destinations.shape import prepare_table
from impler_pipelines.model import LoadCounts

LOCK_TIMEOUT = "120s"  # longer than the merge of a large feed, shorter than a person's patience
STATEMENT_TIMEOUT = "30min"  # a COPY is one statement for as long as its rows take to come
MANY_ROWS = 10_000  # from here on reading all of an import job's rows beats looking each one up


def load_into_postgres(load: Load) -> LoadCounts:
    """Stage and merge in one transaction; see ``sql.load_rows`` for the contract."""
    with load.engine.connect() as connection, connection.begin():
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'")
        staged = _stage(connection, load)
        index_stage(connection, load)
        _choose_joins(connection, load, staged)
        _lock(connection, f"load {load.table.fullname} {load.identity.import_job_id}")
        prepare_table(connection, load.table, lock=lambda what: _lock(connection, what))
        counts = merge(connection, load, staged)
        load.tell_finish(connection, counts)
    return counts


def _choose_joins(connection: sa.Connection, load: Load, staged: int) -> None:
    """Keep the planner from a nested loop over many rows, whatever it believes of the table.

    What it knows of a table that just grew is old: "one row of this import job" may be a million.
    """
    connection.exec_driver_sql(f'ANALYZE "{load.stage.name}"')
    if staged > MANY_ROWS:
        connection.exec_driver_sql("SET LOCAL enable_nestloop = off")


def _lock(connection: sa.Connection, what: str) -> None:
    """Hold the advisory lock named ``what`` until the transaction ends."""
    digest = hashlib.blake2b(f"impler {what}".encode(), digest_size=8).digest()
    key = sa.literal(int.from_bytes(digest, signed=True), sa.BigInteger)
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))


def _stage(connection: sa.Connection, load: Load) -> int:
    connection.execute(CreateTable(load.stage))
    preparer = connection.dialect.identifier_preparer
    # Not executed by SQLAlchemy, so nothing would undo the doubling of percent signs.
    names = ", ".join(preparer.format_column(c) for c in load.stage.columns).replace("%%", "%")
    copy_in = f"COPY \"{load.stage.name}\" ({names}) FROM STDIN WITH (FORMAT csv, ENCODING 'UTF8')"
    driver: Any = connection.connection.driver_connection
    staged = 0
    with driver.cursor() as cursor, cursor.copy(copy_in) as copy:
        for batch in load.batches:
            copy.write(as_csv(batch))
            staged += batch.num_rows
            load.tell_progress(staged)
    return staged
