"""Any loads in any order against a model of the table in plain Python, each of them twice."""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from impler_pipelines.model import LoadCounts, LoadMode
from impler_pipelines_tests.destinations.tables_at_hand import load, read, row

Feed = dict[str, tuple[str | None, int | None]]
Table = dict[tuple[Any, ...], tuple[str | None, int | None]]

FEEDS = st.dictionaries(
    st.sampled_from("abcdef"),
    st.tuples(st.none() | st.sampled_from(["", "x", "y"]), st.none() | st.integers(0, 2)),
)


def expected(table: Table, feed: Feed, mode: LoadMode, run: str) -> LoadCounts:
    """Do to ``table`` what a load should do, and count it."""
    if mode is LoadMode.APPEND:
        for key in [key for key in table if key[1] == run]:
            del table[key]
        table.update({(key, run): values for key, values in feed.items()})
        return LoadCounts(inserted=len(feed))
    new = [key for key in feed if (key,) not in table]
    changed = [key for key, values in feed.items() if table.get((key,), values) != values]
    gone = [key for key in table if key[0] not in feed] if mode is LoadMode.MIRROR else []
    for key in gone:
        del table[key]
    table.update({(key,): values for key, values in feed.items()})
    return LoadCounts(len(new), len(changed), len(feed) - len(new) - len(changed), len(gone))


class TestLoads:
    @settings(
        max_examples=8,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(mode=st.sampled_from(LoadMode), feeds=st.lists(FEEDS, min_size=1, max_size=4))
    def test_twice_are_once_and_counts_are_exact(
        self, engine: sa.Engine, mode: LoadMode, feeds: list[Feed]
    ) -> None:
        job = uuid.uuid4().hex
        name = f"products_{mode}"
        load(engine, [row("a", "other's")], job=f"{job}-other", mode=mode, table=name)
        model: Table = {}
        for number, feed in enumerate(feeds):
            run = f"run{number}"
            rows = [row(key, title, stock=stock) for key, (title, stock) in feed.items()]
            for _ in range(2):
                counts = load(engine, rows, job=job, run=run, mode=mode, table=name)
                assert counts == expected(model, feed, mode, run)
                assert self._rows(engine, job, mode, name) == model
        assert self._rows(engine, f"{job}-other", mode, name) != {}

    def _rows(self, engine: sa.Engine, job: str, mode: LoadMode, name: str) -> Table:
        names = ("_import_job_id", "_row_key", "_run_id", "title", "stock")
        width = 2 if mode is LoadMode.APPEND else 1
        found = [f[1:] for f in read(engine, *names, table=name) if f[0] == job]
        return {values[:width]: (values[2], values[3]) for values in found}
