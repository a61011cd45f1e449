"""Rejects of a Run: the records that were refused, with every reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, func, insert, select

from impler_pipelines.model import Reject
from impler_pipelines.store.codec import CELL_ERRORS, encode, storable
from impler_pipelines.store.tables import rejects

_REJECTS_A_STATEMENT = 1000
_CHARACTERS_A_STATEMENT = 4_000_000  # of values: a record may have megabytes of them


def replace_rejects(connection: Connection, run_id: str, found: Iterable[Reject]) -> None:
    """Store a Run's rejects in place of those of an earlier attempt."""
    connection.execute(rejects.delete().where(rejects.c.run_id == run_id))
    batch: list[dict[str, Any]] = []
    characters = 0
    for reject in found:
        batch.append(
            {
                "run_id": run_id,
                "index": reject.index,
                "record": storable(reject.record),
                "errors": encode(CELL_ERRORS, reject.errors),
            }
        )
        characters += sum(len(value) for value in reject.record.values() if value)
        if len(batch) == _REJECTS_A_STATEMENT or characters > _CHARACTERS_A_STATEMENT:
            connection.execute(insert(rejects), batch)
            batch, characters = [], 0
    if batch:
        connection.execute(insert(rejects), batch)


def list_rejects(
    connection: Connection, run_id: str, *, limit: int | None = None, after: int | None = None
) -> list[Reject]:
    """A Run's rejects in the feed's order, from the one behind index ``after``."""
    query = select(rejects.c.index.label("place"), rejects.c.record, rejects.c.errors)
    query = query.where(rejects.c.run_id == run_id).order_by(rejects.c.index)
    if after is not None:
        query = query.where(rejects.c.index > after)
    if limit is not None:
        query = query.limit(limit)
    return [
        Reject(row.place, row.record, CELL_ERRORS.validate_python(row.errors))
        for row in connection.execute(query)
    ]


def reject_batches(connection: Connection, run_id: str) -> Iterator[list[Reject]]:
    """All of a Run's rejects in the feed's order, a thousand at a time."""
    after = None
    while batch := list_rejects(connection, run_id, limit=_REJECTS_A_STATEMENT, after=after):
        yield batch
        after = batch[-1].index


def reject_places(connection: Connection, run_id: str) -> frozenset[int]:
    """Where in the feed the records of a Run's rejects stand, from 0."""
    return frozenset(connection.scalars(select(rejects.c.index).where(rejects.c.run_id == run_id)))


def reject_fields(connection: Connection, run_id: str) -> list[str]:
    """The names that occur in the records of a Run's rejects, in alphabetical order."""
    name = func.jsonb_object_keys(rejects.c.record).label("name")
    query = select(name).where(rejects.c.run_id == run_id).distinct().order_by(name)
    return list(connection.scalars(query))
