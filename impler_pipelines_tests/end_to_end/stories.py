"""What happens to import jobs on a running stack, told one story an import job.

Stories share a stack and nothing else, so they are told at the same time: most of each is waiting
for a tick, a sweep or a heartbeat.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Mapping
from contextlib import closing

import psutil

from impler_pipelines_tests.end_to_end.running_stack import until
from impler_pipelines_tests.end_to_end.shop import EVERY_MINUTE, FEED, ROWS, Shop
from impler_pipelines_tests.feed_server import Handler

RUN_LIMIT_SECONDS = 240.0  # also where six runs begin at once on a busy machine
TICK_LIMIT_SECONDS = 180.0
SWEEPS_LIMIT_SECONDS = 130.0  # two sweeps of Dagster's schedules, and a tick
SYNC_LIMIT_SECONDS = 90.0
_MORE_THAN_SLOTS = 6  # import jobs of one host
_SLOW_ANSWER_SECONDS = 0.5


def rows_land_by_themselves_and_never_twice(shop: Shop) -> None:
    job_id = shop.import_job("scheduled", interval=EVERY_MINUTE)["_id"]

    (first,) = until(lambda: shop.stack.ended(job_id, "FIRST"), "a first run", RUN_LIMIT_SECONDS)
    counts = [first[name] for name in ("status", "records", "valid", "invalid", "inserted")]
    assert counts == ["SUCCESS", 4, 3, 1, 3]
    assert shop.rows("scheduled") == ROWS

    *_, tick = until(
        lambda: shop.stack.ended(job_id, "SCHEDULE"), "a scheduled run", TICK_LIMIT_SECONDS
    )
    assert (tick["status"], tick["httpStatus"], tick["inserted"]) == ("UNCHANGED", 304, None)
    assert shop.rows("scheduled") == ROWS


def a_pause_in_the_api_reaches_dagster(shop: Shop) -> None:
    stack = shop.stack
    job_id = shop.import_job("paused", interval=EVERY_MINUTE)["_id"]
    until(lambda: stack.schedule_status(job_id) == "RUNNING", "the schedule", RUN_LIMIT_SECONDS)

    paused = stack.call("PUT", f"/v1/import-jobs/user/{job_id}/pause")
    assert (paused["status"], paused["nextRun"]) == ("PAUSED", None)
    until(lambda: stack.schedule_status(job_id) == "STOPPED", "its stop", SYNC_LIMIT_SECONDS)

    resumed = stack.call("PUT", f"/v1/import-jobs/user/{job_id}/resume")
    assert resumed["status"] == "RUNNING"
    assert resumed["nextRun"] is not None
    until(lambda: stack.schedule_status(job_id) == "RUNNING", "its start", SYNC_LIMIT_SECONDS)

    stack.call("DELETE", f"/v1/import-jobs/user/paused/{job_id}")
    until(
        lambda: f"import_{job_id}" not in stack.job_names(),
        "the end of its Dagster job",
        SYNC_LIMIT_SECONDS,
    )


def a_switch_in_dagster_reaches_the_api(shop: Shop) -> None:
    stack = shop.stack
    job_id = shop.import_job("switched", runNow=False)["_id"]
    until(lambda: stack.schedule_status(job_id) == "RUNNING", "the schedule", RUN_LIMIT_SECONDS)

    stack.stop_schedule(job_id)
    until(lambda: stack.read(job_id)["status"] == "PAUSED", "a pause", SWEEPS_LIMIT_SECONDS)
    assert stack.schedule_status(job_id) == "STOPPED"

    stack.start_schedule(job_id)
    until(lambda: stack.read(job_id)["status"] == "RUNNING", "a resume", SWEEPS_LIMIT_SECONDS)
    assert stack.schedule_status(job_id) == "RUNNING"


def a_run_started_in_dagster_is_a_run(shop: Shop) -> None:
    stack = shop.stack
    job_id = shop.import_job("by_hand", runNow=False)["_id"]
    until(lambda: f"import_{job_id}" in stack.job_names(), "the Dagster job", RUN_LIMIT_SECONDS)

    dagster_run_id = stack.launch(job_id)
    (run,) = until(lambda: stack.ended(job_id, "MANUAL"), "a run by hand", RUN_LIMIT_SECONDS)
    assert (run["status"], run["dagsterRunId"]) == ("SUCCESS", dagster_run_id)
    tags = stack.tags(dagster_run_id)
    assert (tags["impler/run_id"], tags["impler/import_job_id"]) == (run["_id"], job_id)
    assert shop.rows("by_hand") == ROWS


def a_killed_run_does_not_stay_running(shop: Shop) -> None:
    stack = shop.stack
    hanging = Hanging()
    shop.feeds.routes["/killed.xml"] = (200, {}, FEED)
    job_id = shop.import_job("killed", runNow=False)["_id"]
    until(lambda: f"import_{job_id}" in stack.job_names(), "the Dagster job", RUN_LIMIT_SECONDS)
    shop.feeds.routes["/killed.xml"] = hanging
    try:
        run_id = stack.call("POST", f"/v1/import-jobs/{job_id}/runs", status=202)["_id"]
        assert hanging.reached.wait(RUN_LIMIT_SECONDS), "the feed was not asked for"
        shop.feeds.routes["/killed.xml"] = (200, {}, FEED)
        hanging.client.kill()
    finally:
        hanging.let_go.set()

    # The sensor launches it again, as the second attempt at the same Run.
    path = f"/v1/import-jobs/{job_id}/runs/{run_id}"
    until(lambda: stack.call("GET", path)["status"] == "SUCCESS", "its end", TICK_LIMIT_SECONDS)
    assert stack.call("GET", path)["attempts"] == 2
    assert shop.rows("killed") == ROWS

    next_id = stack.call("POST", f"/v1/import-jobs/{job_id}/runs", status=202)["_id"]
    until(lambda: stack.ended(job_id, "MANUAL")[1:], "the next run", RUN_LIMIT_SECONDS)
    last = stack.ended(job_id, "MANUAL")[0]
    assert (last["_id"], last["status"]) == (next_id, "UNCHANGED")


def a_slow_host_holds_up_nobody_else(shop: Shop) -> None:
    """Its import jobs take their turns, one request at a time, and wait without a run's slot."""
    stack = shop.stack
    names = [f"slow_{number}" for number in range(_MORE_THAN_SLOTS)]
    # Read once as they are made; no first run yet.
    jobs = [shop.import_job(name, host="localhost", runNow=False)["_id"] for name in names]
    asked = OneAtATime()
    shop.feeds.routes |= {f"/{name}.xml": asked for name in names}
    try:
        run_of = {
            job: stack.call("POST", f"/v1/import-jobs/{job}/runs", status=202)["_id"]
            for job in jobs
        }
        assert asked.reached.wait(RUN_LIMIT_SECONDS), "the slow feed was not asked for"
        # All the others had their chance to take a slot before this one.
        beside = shop.import_job("beside")["_id"]
        until(lambda: stack.ended(beside, "FIRST"), "a run on another host", RUN_LIMIT_SECONDS)
        runs = [
            stack.call("GET", f"/v1/import-jobs/{job}/runs/{run}") for job, run in run_of.items()
        ]
        waiting = [run["waitsFor"] for run in runs if run["status"] == "QUEUED"]
        assert waiting == ["localhost"] * (_MORE_THAN_SLOTS - 1)
    finally:
        asked.let_go.set()
    for name, job in zip(names, jobs, strict=True):
        (run,) = until(lambda job=job: stack.ended(job, "MANUAL"), name, RUN_LIMIT_SECONDS)
        assert (run["status"], run["waitsFor"]) == ("SUCCESS", None)
        assert shop.rows(name) == ROWS
    assert asked.most_at_once == 1


def a_cancelled_run_ends_in_dagster_too(shop: Shop) -> None:
    """Its server has stopped in the middle of the feed, so that it can't find out by itself."""
    stack = shop.stack
    hanging = Hanging()
    job_id = shop.import_job("cancelled", runNow=False)["_id"]
    until(lambda: f"import_{job_id}" in stack.job_names(), "the Dagster job", RUN_LIMIT_SECONDS)
    shop.feeds.routes["/cancelled.xml"] = hanging
    try:
        run_id = stack.call("POST", f"/v1/import-jobs/{job_id}/runs", status=202)["_id"]
        assert hanging.reached.wait(RUN_LIMIT_SECONDS), "the feed was not asked for"
        path = f"/v1/import-jobs/{job_id}/runs/{run_id}"
        run = stack.call("POST", f"{path}/cancel")
        assert run["status"] == "CANCELLED"
        until(
            lambda: stack.run_status(run["dagsterRunId"]) == "CANCELED",
            "its end in Dagster",
            SYNC_LIMIT_SECONDS,
        )
        until(lambda: not hanging.client.is_running(), "its process's end", 60)
    finally:
        hanging.let_go.set()

    shop.feeds.routes["/cancelled.xml"] = (200, {}, FEED)
    stack.call("POST", f"/v1/import-jobs/{job_id}/runs", status=202)
    until(lambda: stack.ended(job_id, "MANUAL")[1:], "the next run", RUN_LIMIT_SECONDS)
    assert shop.rows("cancelled") == ROWS


def a_failed_run_goes_on_from_the_op_that_failed(shop: Shop) -> None:
    stack = shop.stack
    with closing(sqlite3.connect(stack.rows_file)) as destination:
        destination.execute("CREATE TABLE retried (somebody_elses INTEGER)")
    job_id = shop.import_job("retried")["_id"]
    (run,) = until(lambda: stack.ended(job_id, "FIRST"), "the first run", RUN_LIMIT_SECONDS)
    assert (run["status"], run["attempts"]) == ("FAILED", 1)
    assert "retried" in run["error"]

    with closing(sqlite3.connect(stack.rows_file)) as destination:
        destination.execute("DROP TABLE retried")
    asked = len(shop.feeds.requests_for("/retried.xml"))
    path = f"/v1/import-jobs/{job_id}/runs/{run['_id']}"
    stack.call("POST", f"{path}/retry", status=202)
    until(lambda: stack.call("GET", path)["status"] == "SUCCESS", "its success", RUN_LIMIT_SECONDS)
    again = stack.call("GET", path)
    assert (again["attempts"], again["inserted"], again["error"]) == (2, 3, None)
    assert len(shop.feeds.requests_for("/retried.xml")) == asked
    assert stack.tags(again["dagsterRunId"])["dagster/parent_run_id"] == run["dagsterRunId"]
    assert shop.rows("retried") == ROWS


class OneAtATime:
    """A route of many feeds that hangs until it is let go, and counts who is there at once."""

    def __init__(self) -> None:
        self.reached, self.let_go = threading.Event(), threading.Event()
        self.most_at_once = self._now = 0
        self._lock = threading.Lock()

    def __call__(self, handler: Handler) -> None:
        with self._lock:
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        self.reached.set()
        self.let_go.wait(RUN_LIMIT_SECONDS)
        time.sleep(_SLOW_ANSWER_SECONDS)  # an impatient second one would come meanwhile
        with self._lock:
            self._now -= 1
        handler.answer(200, {}, FEED)


class Hanging:
    """A route that sends half a feed and then nothing, until it is let go: then the rest."""

    def __init__(self, feed: str = FEED, headers: Mapping[str, str] | None = None) -> None:
        self.reached, self.let_go = threading.Event(), threading.Event()
        self._feed, self._headers = feed.encode(), headers or {}
        self.client: psutil.Process

    def __call__(self, handler: Handler) -> None:
        half = len(self._feed) // 2
        handler.send_response(200)
        for name, value in self._headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(self._feed)))
        handler.end_headers()
        handler.wfile.write(self._feed[:half])
        handler.wfile.flush()
        self.client = client_of(handler)
        self.reached.set()
        self.let_go.wait(RUN_LIMIT_SECONDS)
        with contextlib.suppress(OSError):  # the client may have been killed
            handler.wfile.write(self._feed[half:])


def client_of(handler: Handler) -> psutil.Process:
    """The process at the other end of a request's connection."""
    port = handler.client_address[1]
    (pid,) = {
        connection.pid
        for connection in psutil.net_connections("tcp4")
        if connection.laddr and connection.laddr.port == port and connection.pid
    }
    return psutil.Process(pid)


STORIES = (
    rows_land_by_themselves_and_never_twice,
    a_pause_in_the_api_reaches_dagster,
    a_switch_in_dagster_reaches_the_api,
    a_run_started_in_dagster_is_a_run,
    a_killed_run_does_not_stay_running,
    a_slow_host_holds_up_nobody_else,
    a_cancelled_run_ends_in_dagster_too,
    a_failed_run_goes_on_from_the_op_that_failed,
)
