"""The main path with nothing faked: real PostgreSQL, real daemon, real HTTP, real processes.

One test, so that one stack serves all stories, whichever worker it is given to.
"""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest

from impler_pipelines_tests.end_to_end.running_stack import until
from impler_pipelines_tests.end_to_end.shop import ROWS, Shop
from impler_pipelines_tests.end_to_end.stories import STORIES, TICK_LIMIT_SECONDS


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_import_jobs_on_the_real_stack(shop: Shop, subtests: pytest.Subtests) -> None:
    shop.stack.start()
    with ThreadPoolExecutor(len(STORIES)) as tellers:
        told = {story.__name__: tellers.submit(story, shop) for story in STORIES}
    for name, story in told.items():
        with subtests.test(name):
            story.result()
    with subtests.test("a_restart_goes_on_where_it_was"):
        stop_and_start_again(shop)
    shop.stack.stop()


def stop_and_start_again(shop: Shop) -> None:
    """On the same home: the import job, its history and its rows are there, and it goes on."""
    stack = shop.stack
    (job,) = stack.call("GET", "/v1/import-jobs/user/scheduled")
    history = {run["_id"] for run in stack.runs(job["_id"])}
    stack.stop()
    missed = dt.datetime.fromisoformat(job["nextRun"])
    until(lambda: dt.datetime.now(dt.UTC) > missed, "a due time that nobody sees", 65)
    started = dt.datetime.now(dt.UTC)
    stack.start()

    (again,) = stack.call("GET", "/v1/import-jobs/user/scheduled")
    assert (again["_id"], again["status"]) == (job["_id"], "RUNNING")
    assert history <= {run["_id"] for run in stack.runs(job["_id"])}
    assert shop.rows("scheduled") == ROWS

    def has_run_again() -> bool:
        newest = stack.ended(job["_id"], "SCHEDULE")[0]
        return dt.datetime.fromisoformat(newest["endedAt"]) > started

    until(has_run_again, "a scheduled run after the restart", TICK_LIMIT_SECONDS)
    assert shop.rows("scheduled") == ROWS
    due = [run["dueAt"] for run in stack.runs(job["_id"]) if run["trigger"] == "SCHEDULE"]
    assert due.count(job["nextRun"]) == 1  # late, and once
    assert len(set(due)) == len(due)
    assert dt.datetime.fromisoformat(stack.read(job["_id"])["nextRun"]) > started
