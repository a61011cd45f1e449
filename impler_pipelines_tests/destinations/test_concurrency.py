"""Several loads into one table at the same moment: none fails, none is lost, none doubled."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa

from impler_pipelines.destinations.sql import load_rows, open_destination
from impler_pipelines.model import LoadCounts, LoadMode
from impler_pipelines_tests.destinations.conftest import url_of
from impler_pipelines_tests.destinations.tables_at_hand import (
    COLUMNS,
    batches,
    identity,
    load,
    read,
    row,
)

WAIT = 60  # seconds that a thread waits for the others before the test fails
ROWS = [row("a"), row("b", "Desk"), row("c", None)]


def together(*loads: Callable[[threading.Barrier], LoadCounts]) -> list[LoadCounts]:
    """Run the loads in threads, each with a barrier at which all have to arrive."""
    barrier = threading.Barrier(len(loads), timeout=WAIT)
    with ThreadPoolExecutor(len(loads)) as pool:
        return [future.result() for future in [pool.submit(one, barrier) for one in loads]]


def loading(
    url: str,
    job: str,
    run: str,
    mode: LoadMode,
    columns: int = len(COLUMNS),
    table: str = "products",
) -> Callable[[threading.Barrier], LoadCounts]:
    """A load whose rows are staged before any of its companions begins to merge."""

    def staged(barrier: threading.Barrier) -> Iterator[pa.RecordBatch]:
        yield from batches(ROWS, COLUMNS[:columns])
        barrier.wait()

    def run_it(barrier: threading.Barrier) -> LoadCounts:
        engine = open_destination(url)
        try:
            return load_rows(
                engine,
                table,
                mode,
                COLUMNS[:columns],
                staged(barrier),
                identity=identity(run, job),
            )
        finally:
            engine.dispose()

    return run_it


@pytest.mark.parametrize("kind", ["postgresql", "mariadb", "sqlite"])
@pytest.mark.parametrize("mode", LoadMode)
class TestTogether:
    @pytest.fixture
    def url(self, kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
        return url_of(kind, request, tmp_path)

    @pytest.fixture
    def reader(self, url: str) -> Iterator[sa.Engine]:
        engine = open_destination(url)
        yield engine
        engine.dispose()

    def test_import_jobs_make_one_table(self, url: str, reader: sa.Engine, mode: LoadMode) -> None:
        jobs = [f"job{number}" for number in range(4)]
        counts = together(*(loading(url, job, "run1", mode) for job in jobs))
        assert counts == [LoadCounts(inserted=3)] * 4
        assert read(reader, "_import_job_id", "_row_key") == [(j, k) for j in jobs for k in "abc"]

    def test_several_tables_are_made(self, url: str, reader: sa.Engine, mode: LoadMode) -> None:
        names = [f"products_{number}" for number in range(4)]
        counts = together(*(loading(url, "job1", "run1", mode, table=name) for name in names))
        assert counts == [LoadCounts(inserted=3)] * 4
        assert [len(read(reader, "_row_key", table=name)) for name in names] == [3] * 4

    def test_import_jobs_add_columns(self, url: str, reader: sa.Engine, mode: LoadMode) -> None:
        load(reader, [row("a")], job="job0", mode=mode, columns=COLUMNS[:1])
        counts = together(*(loading(url, f"job{n}", "run2", mode, n) for n in (2, 3, 4)))
        assert counts == [LoadCounts(inserted=3)] * 3
        assert read(reader, "price", "stock", "published") == [(None, None, None)] * 10

    def test_the_same_run_of_an_import_job_loads_once(
        self, url: str, reader: sa.Engine, mode: LoadMode
    ) -> None:
        load(reader, [], mode=mode)
        counts = together(*(loading(url, "job1", "run1", mode) for _ in range(3)))
        once = LoadCounts(inserted=3)
        again = once if mode is LoadMode.APPEND else LoadCounts(unchanged=3)
        assert sorted(counts, key=str) == sorted([once, again, again], key=str)
        assert read(reader, "_row_key", "title") == [("a", "Lamp"), ("b", "Desk"), ("c", None)]


class TestMerging:
    def test_of_two_import_jobs_goes_side_by_side_on_postgresql(
        self, postgres: sa.Engine, database_url: str
    ) -> None:
        """One load has merged and waits in ``finish`` for another one, which must not wait."""
        load(postgres, [row("a")], job="job0")

        def outer(connection: sa.Connection, counts: LoadCounts) -> None:
            assert counts == LoadCounts(inserted=1)
            inner = open_destination(database_url)
            try:
                assert load(inner, [row("a")], job="job2") == LoadCounts(inserted=1)
            finally:
                inner.dispose()

        load(postgres, [row("a")], job="job1", finish=outer)
        assert [job for (job,) in read(postgres, "_import_job_id")] == ["job0", "job1", "job2"]

    def test_of_one_import_job_waits_for_the_other_on_postgresql(
        self, postgres: sa.Engine, database_url: str
    ) -> None:
        """One load has merged and waits in ``finish`` until the other one waits for its lock."""
        load(postgres, [])
        other = open_destination(database_url)
        with ThreadPoolExecutor(1) as pool:
            started: list[Future[LoadCounts]] = []

            def start_the_other(connection: sa.Connection, counts: LoadCounts) -> None:
                assert counts == LoadCounts(inserted=3)
                started.append(pool.submit(load, other, ROWS, run="run2"))
                _until_someone_waits(connection)

            load(postgres, ROWS, finish=start_the_other)
            assert started[0].result(WAIT) == LoadCounts(unchanged=3)
        other.dispose()


def _until_someone_waits(connection: sa.Connection) -> None:
    waiting = sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    deadline = time.monotonic() + WAIT
    while not connection.execute(waiting).scalar_one():
        assert time.monotonic() < deadline, "nobody waits for an advisory lock"
        time.sleep(0.01)
