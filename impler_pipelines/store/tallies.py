"""Counters that only grow, also when what they counted is deleted. It knows no metric's meaning.

A ledger: every transaction that has something to count adds rows of its own, so that none waits
for another's; the sync sensor folds them into one row each now and then. A counter is the sum of
its rows, the same before and after a fold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

from sqlalchemy import Connection, delete, func, insert, select

from impler_pipelines.store.tables import tallies

BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
_SUM = "sum"
_BEYOND = "+Inf"


@dataclass(frozen=True)
class Tally:
    """What to add to the counter ``name`` under ``label``; see ``observation`` for histograms."""

    name: str
    label: str
    amount: float
    bucket: str = ""


def observation(name: str, label: str, value: float) -> tuple[Tally, Tally]:
    """One observed value of a histogram: a count in its bucket, and its part of the sum."""
    bucket = next((str(bound) for bound in BUCKETS if value <= bound), _BEYOND)
    return Tally(name, label, 1, bucket), Tally(name, label, value, _SUM)


def add_tallies(connection: Connection, *added: Tally) -> None:
    """Count, in the transaction of what is counted. Amounts of 0 are left out."""
    rows = [
        {"name": t.name, "label": t.label, "bucket": t.bucket, "amount": t.amount}
        for t in added
        if t.amount
    ]
    if rows:
        connection.execute(insert(tallies), rows)


def fold_tallies(connection: Connection, *, beyond: int = 1000) -> None:
    """Make one row of each counter's rows, once there are more than ``beyond``.

    Safe beside others that count, read or fold.
    """
    if (connection.scalar(select(func.count()).select_from(tallies)) or 0) <= beyond:
        return
    taken = delete(tallies).returning(
        tallies.c.name, tallies.c.label, tallies.c.bucket, tallies.c.amount
    )
    rows = taken.cte("taken")
    sums = select(
        rows.c.name, rows.c.label, rows.c.bucket, func.sum(rows.c.amount).label("amount")
    ).group_by(rows.c.name, rows.c.label, rows.c.bucket)
    connection.execute(
        insert(tallies).from_select(["name", "label", "bucket", "amount"], sums).add_cte(rows)
    )


@dataclass(frozen=True)
class Histogram:
    """Observations so far: cumulative counts by upper bound, the last being ``+Inf``; their sum."""

    counts: Mapping[str, float]
    total: float


@dataclass(frozen=True)
class Totals:
    """All there is: name → label → amount, and name → label → histogram."""

    counters: Mapping[str, Mapping[str, float]]
    histograms: Mapping[str, Mapping[str, Histogram]]


def read_tallies(connection: Connection) -> Totals:
    """Every counter and histogram, as of one moment."""
    counters: dict[str, dict[str, float]] = {}
    cells: dict[str, dict[str, dict[str, float]]] = {}
    keys = (tallies.c.name, tallies.c.label, tallies.c.bucket)
    for name, label, bucket, amount in connection.execute(
        select(*keys, func.sum(tallies.c.amount)).group_by(*keys)
    ):
        if bucket:
            cells.setdefault(name, {}).setdefault(label, {})[bucket] = amount
        else:
            counters.setdefault(name, {})[label] = amount
    histograms = {
        name: {label: _histogram(cell) for label, cell in by_label.items()}
        for name, by_label in cells.items()
    }
    return Totals(counters, histograms)


def _histogram(cell: Mapping[str, float]) -> Histogram:
    bounds = [*map(str, BUCKETS), _BEYOND]
    so_far = accumulate(cell.get(bound, 0) for bound in bounds)
    return Histogram(dict(zip(bounds, so_far, strict=True)), cell.get(_SUM, 0))
