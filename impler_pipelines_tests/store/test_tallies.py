"""Counters: what they hold, that a fold changes nothing, that writers never wait for each other."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, func, select

from impler_pipelines.store.engine import transaction
from impler_pipelines.store.tables import tallies
from impler_pipelines.store.tallies import (
    BUCKETS,
    Tally,
    add_tallies,
    fold_tallies,
    observation,
    read_tallies,
)


def rows(connection: Connection) -> int | None:
    return connection.scalar(select(func.count()).select_from(tallies))


def test_counters_and_histograms(store_engine: Engine) -> None:
    with transaction(store_engine) as connection:
        add_tallies(connection, Tally("rows", "inserted", 3), Tally("rows", "updated", 0))
        add_tallies(connection, Tally("rows", "inserted", 4), Tally("bytes", "", 2.0**40))
        for seconds in (0.05, 0.1, 0.3, 99_999):
            add_tallies(connection, *observation("op", "fetch", seconds))
        totals = read_tallies(connection)
    assert totals.counters == {"rows": {"inserted": 7}, "bytes": {"": 2.0**40}}
    seen = totals.histograms["op"]["fetch"]
    counts = [seen.counts[bound] for bound in ("0.1", "0.25", "0.5", "3600.0", "+Inf")]
    assert counts == [2, 2, 3, 3, 4]
    assert seen.total == pytest.approx(99_999.45)


@given(st.floats(0, 1e6))
def test_an_observation_is_in_the_first_bucket_that_holds_it(value: float) -> None:
    count, total = observation("op", "", value)
    assert (count.amount, total.amount, total.bucket) == (1, value, "sum")
    bound = float(count.bucket)
    assert value <= bound
    assert all(value > smaller for smaller in BUCKETS if smaller < bound)


class TestFold:
    def test_changes_no_total_and_leaves_a_row_each(self, store_engine: Engine) -> None:
        with transaction(store_engine) as connection:
            for _ in range(20):
                add_tallies(connection, Tally("rows", "inserted", 1), *observation("op", "x", 2))
            before = read_tallies(connection)
            fold_tallies(connection, beyond=60)
            assert rows(connection) == 60
            fold_tallies(connection, beyond=59)
            assert rows(connection) == 3
            assert read_tallies(connection) == before
            add_tallies(connection, Tally("rows", "inserted", 1))
            fold_tallies(connection, beyond=0)
            assert read_tallies(connection).counters["rows"] == {"inserted": 21}

    @pytest.mark.parametrize("other", [fold_tallies, lambda c: add_tallies(c, Tally("a", "", 1))])
    def test_beside_a_writer_that_has_not_committed(
        self, store_engine: Engine, other: Callable[[Connection], object]
    ) -> None:
        with transaction(store_engine) as connection:
            add_tallies(connection, Tally("a", "", 1), Tally("a", "", 1))
        with transaction(store_engine) as slow:
            add_tallies(slow, Tally("a", "", 10))
            with transaction(store_engine) as quick:  # a lock would end in the test's time limit
                fold_tallies(quick, beyond=0)
                other(quick)
        with transaction(store_engine) as connection:
            more = 0 if other is fold_tallies else 1
            assert read_tallies(connection).counters["a"] == {"": 12 + more}
