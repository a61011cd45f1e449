"""Points 3, 5, 6 and 8: runs come, come once, load once, and never end in silence."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from impler_pipelines.model import ImportJob, ImportJobStatus, Run, RunStatus
from impler_pipelines.orchestration.runtime import utc_now
from impler_pipelines.store import import_jobs, runs
from impler_pipelines.store.due import Claim, claim_due_run
from impler_pipelines.store.due_times import overdue_import_jobs
from impler_pipelines_tests.orchestration.conftest import FEED, World, rss


def claim(world: World, job: ImportJob, at: dt.datetime) -> Claim:
    with world.runtime.transaction() as connection:
        return claim_due_run(connection, job.id, now=at)


def next_due(world: World, job: ImportJob) -> dt.datetime:
    due = world.read(job).next_run
    assert due is not None
    return due


def executed(world: World, job: ImportJob) -> Run:
    world.execute(job)
    return world.runs(job)[0]


def delivered_once(world: World) -> None:
    """Neither twice in a run, as row and reject, nor again with the next run."""
    world.feeds.routes["/feed.xml"] = (200, {}, FEED)
    job = world.add_import_job(run_now=False)
    first = executed(world, job)
    assert (first.records, first.valid, first.invalid, first.inserted) == (3, 2, 1, 2)
    assert [row.link for row in world.rows()] == ["/1", "/2"]

    assert executed(world, job).status is RunStatus.UNCHANGED
    newer = rss(("Lamp", "/1", "10.5"), ("Chair", "/2", None), ("Desk", "/4", "5"))
    world.feeds.routes["/feed.xml"] = (200, {}, newer)
    last = executed(world, job)
    assert (last.inserted, last.updated, last.unchanged) == (1, 0, 2)
    assert [row.link for row in world.rows()] == ["/1", "/2", "/4"]


def a_late_tick(world: World) -> None:
    job = world.add_import_job(run_now=False)
    due = next_due(world, job)
    claimed = claim(world, job, due + dt.timedelta(minutes=7))
    assert claimed.run is not None
    assert claimed.run.due_at == due
    assert next_due(world, job) > due + dt.timedelta(minutes=7)


def a_tick_that_never_came(world: World) -> None:
    job = world.add_import_job(run_now=False)
    later = next_due(world, job) + dt.timedelta(days=40)
    with world.runtime.transaction() as connection:
        assert overdue_import_jobs(connection, before=later) == [job.id]
    assert claim(world, job, later).run is not None
    assert claim(world, job, later).run is None  # many due times were missed; one run makes up
    assert next_due(world, job) > later


def a_pause_across_a_due_time(world: World) -> None:
    job = world.add_import_job(run_now=False)
    due = next_due(world, job)
    long_after = due + dt.timedelta(days=3)
    with world.runtime.transaction() as connection:
        import_jobs.pause_import_job(connection, job.id, now=due - dt.timedelta(minutes=1))
    assert claim(world, job, due).run is None
    with world.runtime.transaction() as connection:
        import_jobs.resume_import_job(connection, job.id, now=long_after)
    again = next_due(world, job)
    assert long_after < again <= long_after + dt.timedelta(minutes=15)
    assert claim(world, job, again).run is not None


def no_end_date(world: World) -> None:
    job = world.add_import_job(run_now=False)
    for _ in range(12):
        claimed = claim(world, job, next_due(world, job))
        assert claimed.run is not None, claimed.reason
        with world.runtime.transaction() as connection:
            runs.cancel_run(connection, claimed.run.id, reason="", now=utc_now())
    assert world.read(job).status is ImportJobStatus.RUNNING


def an_error_leaves_a_trace(world: World) -> None:
    world.feeds.routes["/feed.xml"] = (200, {}, "<rss><channel>\n<item><title>a</item>")
    job = world.add_import_job(run_now=False)
    run = executed(world, job)
    assert run.status is RunStatus.FAILED
    assert run.ended_at is not None
    assert run.error is not None
    assert "line 2" in run.error
    seen = world.read(job)
    assert (seen.last_error, seen.consecutive_failures) == (run.error, 1)
    assert next_due(world, job) > utc_now()


def a_404_ends_the_run(world: World) -> None:
    job = world.add_import_job(run_now=False, url=world.feeds.url("/gone.xml"))
    run = executed(world, job)
    assert run.status is RunStatus.FAILED
    assert run.ended_at is not None
    assert run.error is not None
    assert "404" in run.error
    assert len(world.feeds.requests) == 1


def one_due_time_one_run(world: World) -> None:
    """Two replicas that see the same due time at the same moment."""
    job = world.add_import_job(run_now=False)
    due = next_due(world, job)
    start = Barrier(2)

    def replica(_: int) -> Claim:
        with world.runtime.transaction() as connection:
            start.wait(10)
            return claim_due_run(connection, job.id, now=due)

    with ThreadPoolExecutor(2) as replicas:
        claims = list(replicas.map(replica, range(2)))
    (made,) = [claimed.run for claimed in claims if claimed.run is not None]
    assert [run.id for run in world.runs(job)] == [made.id]
