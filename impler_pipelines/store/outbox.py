"""The outbox of webhooks: pages added in the transaction that ends a run. It sends none.

Which rows a webhook has been sent is remembered by digests, so that a load adds what changed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    LargeBinary,
    MetaData,
    Table,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.schema import CreateTable

from impler_pipelines.model import LoadCounts, PageStatus, WebhookDestination
from impler_pipelines.store.codec import storable
from impler_pipelines.store.engine import new_id
from impler_pipelines.store.tables import sent_rows, webhook_pages

_stage = Table(
    "_impler_sent",
    MetaData(),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("row_key", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)
_PAGES_A_STATEMENT_BYTES = 4 * 1024**2


@dataclass(frozen=True)
class PageHeader:
    """What the pages of one load to one webhook have in common."""

    template_id: str
    import_job_id: str
    run_id: str
    destination_id: str
    chunk_size: int
    extra: dict[str, Any]
    is_invalid: bool
    total_records: int


def stage_rows(connection: Connection, rows: Iterable[tuple[int, bytes, bytes]]) -> None:
    """Stage a load's rows for this transaction: position, key and digest of each, in order."""
    connection.execute(CreateTable(_stage))
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101  # the connection is open
    copy = "COPY _impler_sent (position, row_key, digest) FROM STDIN (FORMAT BINARY)"
    with driver.cursor().copy(copy) as into:
        into.set_types(["int8", "bytea", "bytea"])
        for row in rows:
            into.write_row(row)
    connection.exec_driver_sql("ANALYZE _impler_sent")


def rows_to_send(
    connection: Connection, webhook: WebhookDestination, import_job_id: str
) -> tuple[LoadCounts, list[int] | None]:
    """Compare the staged rows with those sent before, and take note of them as sent.

    Returns how many are new, changed and as they were, and the positions of those that are to be
    sent, in order; None stands for all of them.
    """
    sent = sent_rows.alias("sent")
    is_new = sent.c.row_key.is_(None).label("is_new")
    changed = connection.execute(
        select(_stage.c.position, is_new)
        .outerjoin(
            sent,
            (sent.c.destination_id == webhook.id)
            & (sent.c.import_job_id == import_job_id)
            & (sent.c.row_key == _stage.c.row_key),
        )
        .where(sent.c.digest.is_distinct_from(_stage.c.digest))
        .order_by(_stage.c.position)
    ).all()
    _remember(connection, webhook.id, import_job_id)
    total = connection.scalar(select(func.count()).select_from(_stage)) or 0
    inserted = sum(row.is_new for row in changed)
    counts = LoadCounts(
        inserted=inserted, updated=len(changed) - inserted, unchanged=total - len(changed)
    )
    return counts, [row.position for row in changed] if webhook.changes_only else None


def add_pages(
    connection: Connection,
    header: PageHeader,
    pages: Iterable[tuple[bytes, int]],
    *,
    now: dt.datetime,
) -> int:
    """Add pages, each a JSON array and its number of records, to be sent from now on, in order.

    Returns how many they are.
    """
    added: list[str] = []
    for batch in _batched(pages):
        values = [
            {
                "id": f"msg_{new_id()}",
                "template_id": header.template_id,
                "destination_id": header.destination_id,
                "import_job_id": header.import_job_id,
                "run_id": header.run_id,
                "page": len(added) + number,
                "total_pages": 0,
                "total_records": header.total_records,
                "records": records,
                "is_invalid": header.is_invalid,
                "chunk_size": header.chunk_size,
                "extra": storable(header.extra),
                "data": data,
                "status": PageStatus.WAITING,
                "next_attempt_at": now,
                "created_at": now,
            }
            for number, (data, records) in enumerate(batch, start=1)
        ]
        connection.execute(insert(webhook_pages), values)
        added += [value["id"] for value in values]
    if added:
        connection.execute(
            update(webhook_pages)
            .where(webhook_pages.c.id.in_(added))
            .values(total_pages=len(added))
        )
    return len(added)


def _remember(connection: Connection, destination_id: str, import_job_id: str) -> None:
    staged = select(
        literal(destination_id), literal(import_job_id), _stage.c.row_key, _stage.c.digest
    )
    columns = ["destination_id", "import_job_id", "row_key", "digest"]
    statement = upsert(sent_rows).from_select(columns, staged)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=columns[:3],
            set_={"digest": statement.excluded.digest},
            where=sent_rows.c.digest != statement.excluded.digest,
        )
    )


def _batched(pages: Iterable[tuple[bytes, int]]) -> Iterator[list[tuple[bytes, int]]]:
    batch: list[tuple[bytes, int]] = []
    size = 0
    for page in pages:
        batch.append(page)
        size += len(page[0])
        if size > _PAGES_A_STATEMENT_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
