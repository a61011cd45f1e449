"""Runs that ask a publisher no more than it wants: fresh answers, moved feeds, one at a time."""

from __future__ import annotations

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from dagster import DagsterInstance

from impler_pipelines.model import ImportJob, Run, RunStatus, Trigger
from impler_pipelines.orchestration.names import FETCHING_HOST_TAG, RUN_ID_TAG, fetching_host
from impler_pipelines.store import import_jobs
from impler_pipelines.store.due import claim_due_run
from impler_pipelines_tests.feed_server import Handler
from impler_pipelines_tests.orchestration.conftest import FEED, World

pytestmark = pytest.mark.parametrize("world", ["store"], indirect=True)
HOUR = {"Cache-Control": "max-age=3600", "ETag": '"v1"'}


def scheduled(world: World, job: ImportJob) -> Run:
    """The run of the import job's next due time, executed now."""
    due = world.read(job).next_run
    assert due is not None
    with world.runtime.transaction() as connection:
        claimed = claim_due_run(connection, job.id, now=due)
    assert claimed.run is not None
    world.execute(job, **{RUN_ID_TAG: claimed.run.id})
    return latest(world, job)


def latest(world: World, job: ImportJob) -> Run:
    """The run that started last: due times lie ahead here."""
    started = {run.started_at: run for run in world.runs(job) if run.started_at}
    return started[max(started)]


def by_hand(world: World, job: ImportJob) -> Run:
    # An instance of its own: the one in memory is no database for several threads.
    with DagsterInstance.ephemeral() as instance:
        replace(world, instance=instance).execute(job)
    return latest(world, job)


def serve(world: World, headers: dict[str, str], body: str = FEED) -> None:
    world.feeds.routes["/feed.xml"] = (200, headers, body)


class TestFreshAnswers:
    def test_are_not_asked_for_again_on_schedule(self, world: World) -> None:
        job = world.add_import_job(run_now=False)
        serve(world, HOUR)
        assert scheduled(world, job).status is RunStatus.SUCCESS
        run = scheduled(world, job)
        assert (run.trigger, run.status, run.http_status) == (
            Trigger.SCHEDULE,
            RunStatus.UNCHANGED,
            None,
        )
        assert len(world.feeds.requests) == 1
        [warning] = run.warnings
        assert warning.startswith("Not fetched: the server said at ")
        assert "stays fresh until" in warning

    def test_are_asked_for_by_hand(self, world: World) -> None:
        job = world.add_import_job(run_now=False)
        serve(world, HOUR)
        scheduled(world, job)
        assert by_hand(world, job).http_status == 304
        assert len(world.feeds.requests) == 2

    def test_of_304_count_too(self, world: World) -> None:
        job = world.add_import_job(run_now=False)
        serve(world, {"ETag": '"v1"'})
        scheduled(world, job)
        serve(world, HOUR)
        assert scheduled(world, job).http_status == 304
        assert scheduled(world, job).http_status is None

    @pytest.mark.parametrize("said", ["no-cache", "no-store", "max-age=0", "max-age=59"])
    def test_that_are_not_fresh_are_asked_for(self, world: World, said: str) -> None:
        job = world.add_import_job(run_now=False)
        serve(world, {"Cache-Control": said, "ETag": '"v1"'})
        scheduled(world, job)
        assert scheduled(world, job).http_status == 304

    def test_do_not_outlast_an_edit(self, world: World) -> None:
        job = world.add_import_job(run_now=False)
        serve(world, HOUR)
        scheduled(world, job)
        with world.runtime.transaction() as connection:
            import_jobs.update_import_job(
                connection,
                job.id,
                now=dt.datetime.now(dt.UTC),
                changes={"url": world.feeds.url("/feed.xml?other")},
            )
        assert scheduled(world, job).status is RunStatus.SUCCESS
        assert len(world.feeds.requests) == 2


class TestMovedFeeds:
    def test_are_fetched_where_they_are(self, world: World) -> None:
        job = world.add_import_job(run_now=False)
        world.feeds.routes["/feed.xml"] = (301, {"Location": "/new.xml"}, "")
        world.feeds.routes["/new.xml"] = (200, {}, FEED)
        for asked in (["/feed.xml", "/new.xml"], ["/new.xml"]):
            world.feeds.requests.clear()
            run = by_hand(world, job)
            assert [request.path for request in world.feeds.requests] == asked
            if run.status is RunStatus.SUCCESS:
                [moved] = [w for w in run.warnings if "moved for good" in w]
                assert world.feeds.url("/new.xml") in moved
        assert world.read(job).url == job.url


class TestOneAtATime:
    def test_whoever_fetches_from_one_host(self, world: World) -> None:
        overlaps = Overlaps()
        world.feeds.routes["/feed.xml"] = overlaps.answer
        jobs = [world.add_import_job(run_now=False) for _ in range(4)]
        with ThreadPoolExecutor(4) as threads:
            runs = list(threads.map(lambda job: by_hand(world, job), jobs))
        assert [run.status for run in runs] == [RunStatus.SUCCESS] * 4
        assert overlaps.most == 1

    def test_the_tag_of_a_run_frees_its_host_once_it_has_the_feed(self, world: World) -> None:
        job = world.add_import_job(run_now=False)
        result = world.execute(job, **fetching_host(job.url))
        run = world.instance.get_run_by_id(result.run_id)
        assert run is not None
        assert run.tags[FETCHING_HOST_TAG] == f"fetched by {result.run_id}"


class Overlaps:
    """An answer that takes a while, and counts how many are under way at once."""

    def __init__(self) -> None:
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()

    def answer(self, handler: Handler) -> Any:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        threading.Event().wait(0.1)
        with self._lock:
            self._now -= 1
        handler.answer(200, {}, FEED)
