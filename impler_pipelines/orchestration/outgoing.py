"""What a load leaves for its webhooks: rows that are new to them, and rejects, as pages in the
outbox. It sends nothing; ``sending`` does, when the load is done."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection

from impler_pipelines.destinations.webhooks.pages import paged, reject_texts, row_texts
from impler_pipelines.mapping import ROW_KEY, digest_rows
from impler_pipelines.model import ImportPlan, LoadCounts, WebhookDestination
from impler_pipelines.orchestration.references import MappedRows
from impler_pipelines.orchestration.runtime import Runtime
from impler_pipelines.orchestration.tabular import read_batches, read_rejects
from impler_pipelines.store import outbox


def leave_pages(
    runtime: Runtime,
    connection: Connection,
    plan: ImportPlan,
    run_id: str,
    mapped: MappedRows,
    *,
    now: dt.datetime,
) -> dict[str, LoadCounts]:
    """Add each webhook's pages in the transaction that ends the run; webhook id → counts.

    ``inserted`` and ``updated`` rows are those that it was never sent, or sent otherwise.
    """
    if not plan.webhooks:
        return {}
    keys = [column.key for column in plan.columns]
    read_rows = partial(read_batches, runtime.artifacts, mapped.rows_path)
    outbox.stage_rows(connection, _identified(read_rows(), keys))
    counts = {}
    for webhook in plan.webhooks:
        counted, positions = outbox.rows_to_send(connection, webhook, plan.import_job_id)
        counts[webhook.id] = counted
        chosen = None if positions is None else np.array(positions, dtype=np.int64)
        header = _header(plan, run_id, webhook, mapped.valid if chosen is None else len(chosen))
        texts = _texts(_chosen(read_rows(), chosen), keys)
        outbox.add_pages(connection, header, paged(texts, webhook.chunk_size), now=now)
        if webhook.include_invalid:
            rejects = read_rejects(runtime.artifacts, mapped.rejects_path)
            header = _header(plan, run_id, webhook, mapped.invalid, is_invalid=True)
            pages = paged(reject_texts(rejects), webhook.chunk_size)
            outbox.add_pages(connection, header, pages, now=now)
    return counts


def _header(
    plan: ImportPlan,
    run_id: str,
    webhook: WebhookDestination,
    total_records: int,
    *,
    is_invalid: bool = False,
) -> outbox.PageHeader:
    return outbox.PageHeader(
        template_id=plan.template_id,
        import_job_id=plan.import_job_id,
        run_id=run_id,
        destination_id=webhook.id,
        chunk_size=webhook.chunk_size,
        extra=plan.extra,
        is_invalid=is_invalid,
        total_records=total_records,
    )


def _identified(
    batches: Iterable[pa.RecordBatch], keys: list[str]
) -> Iterator[tuple[int, bytes, bytes]]:
    """Place, key and digest of the content of each row."""
    place = 0
    for batch in batches:
        values = {key: batch.column(key) for key in keys}
        digests = digest_rows(values, keys)
        names = batch.column(ROW_KEY).to_pylist()
        for name, digest in zip(names, digests, strict=True):
            yield place, bytes.fromhex(name), digest.tobytes()
            place += 1


def _chosen(
    batches: Iterable[pa.RecordBatch], positions: np.ndarray[tuple[int], np.dtype[np.int64]] | None
) -> Iterator[pa.RecordBatch]:
    """The rows at ``positions``, which are in order; None: all."""
    first = 0
    for batch in batches:
        if positions is None:
            yield batch
        else:
            start, end = np.searchsorted(positions, [first, first + batch.num_rows])
            if end > start:
                yield batch.take(pa.array(positions[start:end] - first))
        first += batch.num_rows


def _texts(batches: Iterable[pa.RecordBatch], keys: list[str]) -> Iterator[bytes]:
    for batch in batches:
        yield from row_texts(batch, keys)
