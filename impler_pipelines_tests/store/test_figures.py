"""The figures that metrics show, over a real store, and that a scrape stays cheap."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, Engine, delete, event, text

from impler_pipelines.store import runs
from impler_pipelines.store.due import claim_due_run
from impler_pipelines.store.figures import Figures, read_figures
from impler_pipelines.store.sync_ticks import note_tick
from impler_pipelines.store.tables import runs as runs_table
from impler_pipelines_tests.store.shop import HOUR, MINUTE, NOW, Shop, at


@pytest.fixture
def figures(shop: Shop) -> Figures:
    return shop.do(read_figures)


class TestEmpty:
    def test_nothing_is_nothing(self, figures: Figures) -> None:
        assert (figures.import_jobs, figures.active_runs) == ({}, {})
        assert (figures.failing, figures.most_failures) == (0, 0)
        assert figures.oldest_queued is figures.oldest_running is figures.oldest_due is None
        assert figures.tick is figures.oldest_unsynced is None
        assert figures.totals.counters == {}


class TestGauges:
    def test_import_jobs_by_status_without_deleted_ones(self, shop: Shop) -> None:
        shop.add()
        shop.pause(shop.add())
        shop.delete(shop.add())
        assert shop.do(read_figures).import_jobs == {"RUNNING": 1, "PAUSED": 1}

    def test_failing(self, shop: Shop) -> None:
        shop.add()
        for failures in (2, 5):
            shop.set(shop.add(), consecutive_failures=failures, last_error="no")
        deleted = shop.add()
        shop.set(deleted, consecutive_failures=9)
        shop.delete(deleted)
        figures = shop.do(read_figures)
        assert (figures.failing, figures.most_failures) == (2, 5)

    def test_what_waits_and_what_runs(self, shop: Shop) -> None:
        shop.add(now=NOW - 2 * HOUR)
        shop.add(now=NOW - HOUR)
        job = shop.add(now=NOW - 3 * HOUR)
        shop.begin(job, shop.history(job)[0], now=NOW - MINUTE)
        figures = shop.do(read_figures)
        assert figures.active_runs == {"QUEUED": 2, "RUNNING": 1}
        assert figures.oldest_queued == NOW - 2 * HOUR
        assert figures.oldest_running == NOW - MINUTE

    def test_the_most_overdue(self, shop: Shop) -> None:
        shop.add()
        late = shop.add()
        shop.set(late, next_run=at("09:00"))
        paused = shop.pause(shop.add())
        shop.set(paused, next_run=at("08:00"))
        assert shop.do(read_figures).oldest_due == at("09:00")


class TestSync:
    def test_changes_since_the_last_tick_that_left_nothing(self, shop: Shop) -> None:
        first = shop.add(now=NOW)
        shop.do(note_tick, now=NOW + MINUTE, in_step=True)
        assert shop.do(read_figures).oldest_unsynced is None
        shop.pause(first, now=NOW + 2 * MINUTE)
        shop.add(now=NOW + 3 * MINUTE)
        shop.do(note_tick, now=NOW + 4 * MINUTE, in_step=False)
        figures = shop.do(read_figures)
        assert figures.oldest_unsynced == NOW + 2 * MINUTE
        assert figures.tick is not None
        assert figures.tick.ticked_at == NOW + 4 * MINUTE
        assert figures.tick.in_step_at == NOW + MINUTE
        shop.do(note_tick, now=NOW + 5 * MINUTE, in_step=True)
        assert shop.do(read_figures).oldest_unsynced is None


class TestTotals:
    def test_of_a_life(self, shop: Shop) -> None:
        job = shop.add(now=at("12:00"))
        run = shop.begin(job, shop.history(job)[0], now=at("12:02"))
        with shop.transaction() as connection:
            runs.note_progress(connection, run.id, {"bytes": 1000}, dagster_run_id="dagster-1")
        shop.load(job, run, now=at("12:03"))
        claim = shop.do(claim_due_run, job.id, now=at("13:00"))
        assert claim.run is not None
        shop.begin(job, claim.run, by="dagster-2", now=at("13:00"))
        shop.do(runs.fail_run, claim.run.id, error="no", now=at("13:01"))
        shop.begin(job, claim.run, by="dagster-3", again=True, now=at("13:05"))
        shop.do(runs.cancel_run, claim.run.id, reason="no", now=at("13:06"))
        shop.ask(job, now=at("13:10"))
        shop.delete(job, now=at("13:11"))
        totals = shop.do(read_figures).totals
        assert totals.counters == {
            "runs_ended": {"SUCCESS": 1, "FAILED": 1, "CANCELLED": 2},
            "run_attempts": {"FIRST": 1, "SCHEDULE": 2},
            "fetched_bytes": {"": 1000},
            "records": {"valid": 4, "rejected": 1},
            "rows": {"inserted": 3, "updated": 1},
        }
        delays = totals.histograms["run_start_delay_seconds"]
        assert {trigger: seen.total for trigger, seen in delays.items()} == {
            "FIRST": 120,
            "SCHEDULE": 0,
        }
        assert delays["SCHEDULE"].counts["0.1"] == 1
        lasted = totals.histograms["run_duration_seconds"]
        assert {status: seen.total for status, seen in lasted.items()} == {
            "SUCCESS": 60,
            "FAILED": 60,
            "CANCELLED": 360,
        }

    def test_outlive_the_runs_that_they_count(self, shop: Shop) -> None:
        job = shop.add()
        run = shop.begin(job, shop.history(job)[0])
        shop.load(job, run)
        before = shop.do(read_figures).totals
        shop.do(lambda c: c.execute(delete(runs_table)))
        assert shop.do(read_figures).totals == before

    def test_what_is_rolled_back_is_not_counted(self, shop: Shop) -> None:
        job = shop.add()

        def begin_and_fail(connection: Connection) -> None:
            runs.begin_attempt(
                connection,
                job_id=job.id,
                run_id=None,
                dagster_run_id="d",
                reexecution=False,
                now=NOW,
            )
            raise RuntimeError

        with pytest.raises(RuntimeError):
            shop.do(begin_and_fail)
        assert shop.do(read_figures).totals.counters == {}


_HISTORY = """
INSERT INTO impler.runs (id, import_job_id, status, trigger, due_at, created_at)
SELECT 'r' || n, :job, 'SUCCESS', 'SCHEDULE', now() - n * interval '1 minute',
       now() - n * interval '1 minute'
FROM generate_series(1, 20000) AS n
"""


def test_history_is_not_read(shop: Shop, store_engine: Engine) -> None:
    """Every query of a scrape gets by without a scan of the runs that are over."""
    job = shop.add()
    shop.do(lambda c: c.execute(text(_HISTORY), {"job": job.id}))
    with store_engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE impler.runs"))
    asked: list[tuple[str, Any]] = []

    def listen(_c: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        asked.append((statement, parameters))

    event.listen(store_engine, "before_cursor_execute", listen)
    try:
        shop.do(read_figures)
    finally:
        event.remove(store_engine, "before_cursor_execute", listen)
    about_runs = [one for one in asked if "impler.runs" in one[0]]
    assert about_runs
    with store_engine.connect() as connection:
        raw = connection.connection.cursor()
        for statement, parameters in about_runs:
            raw.execute(f"EXPLAIN {statement}", parameters)
            plan = "\n".join(row[0] for row in raw.fetchall())
            assert "Seq Scan" not in plan, plan
