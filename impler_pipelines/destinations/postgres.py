"""Loading into PostgreSQL (15 and later): ``COPY`` into a temporary table, then one merge.

The order of locks, the same for every load, so that loads wait for each other but never in a ring:

1. Staging locks nothing but the load's own temporary table, however long the rows take to come.
2. An advisory lock on (table, import job): the same import job loads one at a time. Two import
   jobs have no row in common (the key starts with the import job), so they merge side by side.
3. Only to create or alter the table: an advisory lock on the table's name, after which it is
   looked at again; then PostgreSQL's own lock on the table, which waits for running merges. Nobody
   who merges ever asks for 2 or 3 again.

All of them end with the transaction; waiting ends with ``lock_timeout``.
"""

from __future__ import annotations

import hashlib
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.schema import CreateTable

from impler_pipelines.destinations.load import Load
from impler_pipelines.destinations.merging import (
    STAMPS,
    differs,
    has_left,
    is_of_run,
    rows_to_insert,
    value_names,
)
from impler_pipelines.destinations.rows import as_csv
from impler_pipelines.destinations.shape import prepare_table
from impler_pipelines.model import LoadCounts, LoadMode

LOCK_TIMEOUT = "120s"  # longer than the merge of a large feed, shorter than a person's patience
STATEMENT_TIMEOUT = "30min"  # a COPY is one statement for as long as its rows take to come


def load_into_postgres(load: Load) -> LoadCounts:
    """Stage and merge in one transaction; see ``sql.load_rows`` for the contract."""
    name = load.table.fullname
    with load.engine.connect() as connection, connection.begin():
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'")
        staged = _stage(connection, load)
        _lock(connection, f"load {name} {load.identity.import_job_id}")
        prepare_table(
            connection, load.table, before_change=lambda: _lock(connection, f"change {name}")
        )
        counts = _merge(connection, load, staged)
        load.tell_finish(connection, counts)
    return counts


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


def _merge(connection: sa.Connection, load: Load, staged: int) -> LoadCounts:
    if load.mode is LoadMode.APPEND:
        connection.execute(sa.delete(load.table).where(is_of_run(load)))
        connection.execute(insert(load.table).from_select(*rows_to_insert(load)))
        return LoadCounts(inserted=staged)
    inserted, updated = _upsert(connection, load)
    deleted = 0
    if load.mode is LoadMode.MIRROR:
        deleted = connection.execute(sa.delete(load.table).where(has_left(load))).rowcount
    return LoadCounts(inserted, updated, staged - inserted - updated, deleted)


def _upsert(connection: sa.Connection, load: Load) -> tuple[int, int]:
    """The numbers of inserted and of updated rows, as the one statement itself did them.

    It returns a row for each that it wrote. A row just inserted has ``xmax`` 0; one that went
    through ON CONFLICT was locked first by this transaction, whose id is then in ``xmax``. Rows
    that the WHERE left alone are not returned at all. (RETURNING old would need PostgreSQL 18.)
    """
    statement = insert(load.table).from_select(*rows_to_insert(load))
    new = statement.excluded
    merged = (
        statement.on_conflict_do_update(
            index_elements=list(load.table.primary_key.columns),
            set_={name: new[name] for name in [*value_names(load), *STAMPS]},
            where=differs(load, new),
        )
        .returning(sa.literal_column("(xmax = 0)", sa.Boolean).label("is_new"))
        .cte("merged")
    )
    inserted = sa.func.count().filter(merged.c.is_new)
    row = connection.execute(sa.select(inserted, sa.func.count()).select_from(merged)).one()
    return row[0], row[1] - row[0]
