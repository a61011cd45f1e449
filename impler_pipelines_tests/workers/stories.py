"""What happens to import jobs whose runs go to warm workers, told one story after the other.

They share a stack with two workers. Afterwards each run that was due has ended once, and its rows
are there once.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import psutil
from celery import Celery
from celery.utils import uuid
from redis import Redis

from impler_pipelines.settings import Settings
from impler_pipelines_tests.end_to_end.crashes import (
    NEXT_ROWS,
    Victim,
    hanging,
    the_database_is_killed,
    victims,
)
from impler_pipelines_tests.end_to_end.running_stack import RunningStack, until
from impler_pipelines_tests.end_to_end.shop import FEED, MAPPINGS, ROWS, Shop
from impler_pipelines_tests.end_to_end.stories import RUN_LIMIT_SECONDS, SYNC_LIMIT_SECONDS, Hanging
from impler_pipelines_tests.feed_server import FeedServer

WORKERS = 2
_VICTIMS = {  # by host; hosts 0 and 1 are those of the import jobs that keep workers busy
    2: "changed cancelled waiting process workers redis forgotten twice both daemons database"
    " stopped",
    3: "behind",
}
_STOP_LIMIT_SECONDS = 60.0


@dataclass
class Warm:
    """A stack with two workers, an import job to keep each of them busy with, and those of the
    stories, which have loaded once."""

    stack: RunningStack
    hosts: Sequence[FeedServer]

    def __post_init__(self) -> None:
        self.shops = [Shop(self.stack, feeds) for feeds in self.hosts]
        self.settings = Settings(home=self.stack.home)
        self.redis = Redis(unix_socket_path=str(self.settings.redis_socket))
        asked = [
            (self.shops[host], name) for host, names in _VICTIMS.items() for name in names.split()
        ]
        self.victims = {victim.name: victim for victim in victims(*asked)}
        self._busy = [
            (shop, shop.import_job(f"busy_{number}", runNow=False)["_id"])
            for number, shop in enumerate(self.shops[:WORKERS])
        ]

    def worker(self) -> psutil.Process:
        """The process that hands tasks to the others."""
        (parent,) = (
            process
            for process in self.stack.processes("workers")
            if process.ppid() == self.stack.process.pid  # type: ignore[union-attr]  # it runs
        )
        return parent

    def processes(self) -> set[psutil.Process]:
        """The processes that runs are executed in."""
        return set(self.worker().children())

    def waiting(self) -> list[dict[str, Any]]:
        """The messages that no process has taken yet."""
        queues = self.redis.scan_iter("dagster*", _type="list")
        return [json.loads(m) for queue in queues for m in self.redis.lrange(queue, 0, -1)]

    def taken(self) -> list[dict[str, Any]]:
        """The messages that processes are at work on."""
        return [json.loads(message)[0] for message in self.redis.hvals("unacked")]

    def send_again(self, message: dict[str, Any], *, by_another: bool = False) -> None:
        """Publish a message once more, as a broker does that has seen no acknowledgement, or as a
        second daemon does that launches the same run: with a task id of its own."""
        args, kwargs, _ = json.loads(base64.b64decode(message["body"]))
        headers = message["headers"]
        task_id = uuid() if by_another else headers["id"]
        with Celery(broker=self.settings.local_broker_url) as app:
            app.send_task(
                headers["task"], args, kwargs, task_id=task_id, queue="dagster", priority=0
            )

    @contextmanager
    def busy(self, count: int = WORKERS) -> Iterator[None]:
        """So many processes wait for the rest of a feed; at the end they get it, and that was one
        attempt."""
        with ExitStack() as hung:
            asked = [
                (job_id, hung.enter_context(_hung(shop, job_id)))
                for shop, job_id in self._busy[:count]
            ]
            yield
        for job_id, run_id in asked:
            path = f"/v1/import-jobs/{job_id}/runs/{run_id}"
            until(lambda path=path: self._has_ended(path), "a busy run", RUN_LIMIT_SECONDS)

    def _has_ended(self, path: str) -> bool:
        run = self.stack.call("GET", path)
        assert run["status"] in ("QUEUED", "RUNNING", "SUCCESS", "UNCHANGED"), run
        assert run["attempts"] <= 1, run
        return run["status"] in ("SUCCESS", "UNCHANGED")


@contextmanager
def _hung(shop: Shop, job_id: str) -> Iterator[str]:
    name = shop.stack.read(job_id)["externalUserId"]
    shop.feeds.routes[f"/{name}.xml"] = route = Hanging(FEED)
    run_id = shop.stack.call("POST", f"/v1/import-jobs/{job_id}/runs", status=202)["_id"]
    try:
        assert route.reached.wait(RUN_LIMIT_SECONDS), "a busy feed was not asked for"
        yield run_id
    finally:
        route.let_go.set()


def what_changes_later_is_seen(warm: Warm) -> None:
    """An import job made after the worker's start, then edited, paused and deleted."""
    processes, stack = warm.processes(), warm.stack
    victim = warm.victims["changed"]
    (first,) = stack.runs(victim.job_id)
    assert (first["status"], first["inserted"], first["attempts"]) == ("SUCCESS", 3, 1)

    swapped = [{**MAPPINGS[1], "path": MAPPINGS[0]["path"]}]
    mappings = [MAPPINGS[0], *swapped, *MAPPINGS[2:]]
    stack.call("PUT", f"/v1/import-jobs/{victim.job_id}/mappings", mappings)
    victim.run_with()
    until(lambda: stack.ended(victim.job_id, "MANUAL"), "a run after the edit", RUN_LIMIT_SECONDS)
    assert [(sku, title) for sku, title, *_ in victim.rows()] == [
        (sku, sku) for sku, *_ in NEXT_ROWS
    ]

    victim.run_with()
    until(lambda: stack.ended(victim.job_id, "MANUAL")[1:], "one more run", RUN_LIMIT_SECONDS)
    assert set(victim.clients) <= processes
    assert warm.processes() == processes

    asked = len(victim.clients)
    for forbid in ("pause", "delete"):
        with warm.busy():
            victim.run_with()
            until(warm.waiting, "a task that waits", RUN_LIMIT_SECONDS)
            dagster_run_id = victim.read_run()["dagsterRunId"]
            if forbid == "pause":
                stack.call("PUT", f"/v1/import-jobs/user/{victim.job_id}/pause")
            else:
                stack.call("DELETE", f"/v1/import-jobs/user/changed/{victim.job_id}")
            assert victim.read_run()["status"] == "CANCELLED"
        until(
            lambda run=dagster_run_id: stack.run_status(run) == "CANCELED",
            "its end in Dagster",
            SYNC_LIMIT_SECONDS,
        )
    assert len(victim.clients) == asked


def a_cancelled_run_leaves_its_process_alive(warm: Warm) -> None:
    victim = warm.victims["cancelled"]
    with warm.busy(WORKERS - 1):
        with hanging(victim):
            path = f"/v1/import-jobs/{victim.job_id}/runs/{victim.run_id}"
            run = warm.stack.call("POST", f"{path}/cancel")
            assert run["status"] == "CANCELLED"
            until(
                lambda: warm.stack.run_status(run["dagsterRunId"]) == "CANCELED",
                "its end in Dagster",
                SYNC_LIMIT_SECONDS,
            )
            assert victim.rows() == ROWS
            victim.run_with()
            until(lambda: victim.clients[1:], "the next run's fetch", RUN_LIMIT_SECONDS)
        interrupted, next_one = victim.clients
        assert next_one == interrupted
        until(lambda: victim.read_run()["status"] == "SUCCESS", "the next run", RUN_LIMIT_SECONDS)
    assert victim.rows() == NEXT_ROWS


def a_cancelled_run_that_waits_never_begins(warm: Warm) -> None:
    victim = warm.victims["waiting"]
    with warm.busy():
        victim.run_with()
        until(warm.waiting, "a task that waits", RUN_LIMIT_SECONDS)
        path = f"/v1/import-jobs/{victim.job_id}/runs/{victim.run_id}"
        run = warm.stack.call("POST", f"{path}/cancel")
        assert run["status"] == "CANCELLED"
    until(
        lambda: warm.stack.run_status(run["dagsterRunId"]) == "CANCELED",
        "its end in Dagster",
        SYNC_LIMIT_SECONDS,
    )
    until(lambda: not warm.waiting(), "a queue without it", SYNC_LIMIT_SECONDS)
    assert victim.read_run()["attempts"] == 0
    assert victim.clients == []
    assert victim.rows() == ROWS


def a_process_is_killed(warm: Warm) -> None:
    victim = warm.victims["process"]
    with hanging(victim):
        victim.kill()
    victim.settles(attempts=2)


def all_workers_are_killed(warm: Warm) -> None:
    """The process that hands out tasks, and those that execute them; another task waits."""
    victim, waits = warm.victims["workers"], warm.victims["behind"]
    with hanging(victim):
        waits.run_with()
        warm.stack.kill_part("workers")
    waits.settles(attempts=1)
    victim.settles(attempts=2)


def redis_is_killed(warm: Warm) -> None:
    """What is queued is there again afterwards, what is under way goes on."""
    victim = warm.victims["redis"]
    with warm.busy():
        victim.run_with()
        until(warm.waiting, "a task that waits", RUN_LIMIT_SECONDS)
        warm.stack.kill_part("redis")
    victim.settles(attempts=1)


def redis_loses_its_data(warm: Warm) -> None:
    """What was queued is launched again, by the store."""
    victim = warm.victims["forgotten"]
    with warm.busy():
        victim.run_with()
        until(warm.waiting, "a task that waits", RUN_LIMIT_SECONDS)
        shutil.rmtree(warm.settings.redis_dir / "appendonlydir")
        warm.stack.kill_part("redis")
        assert warm.waiting() == []
    victim.settles(attempts=1)


def a_task_comes_twice_while_its_run_is_under_way(warm: Warm) -> None:
    victim = warm.victims["twice"]
    with hanging(victim):
        (message,) = warm.taken()
        warm.send_again(message)
        until(lambda: not warm.waiting() and len(warm.taken()) == 1, "its second end", 60)
        assert victim.read_run()["status"] == "RUNNING"
    victim.settles(attempts=1)


def a_task_comes_twice_before_its_run_has_begun(warm: Warm) -> None:
    """Two processes that are free take it at the same time."""
    _two_begin_together(warm.victims["both"], warm, by_another=False)


def a_run_is_launched_twice(warm: Warm) -> None:
    """By two daemons; two processes that are free take it at the same time."""
    _two_begin_together(warm.victims["daemons"], warm, by_another=True)


def _two_begin_together(victim: Victim, warm: Warm, *, by_another: bool) -> None:
    with warm.busy():
        worker = warm.worker()  # whose processes are as quick as each other from now on
    worker.suspend()
    try:
        victim.run_with()
        (message,) = until(warm.waiting, "a task that waits", RUN_LIMIT_SECONDS)
        warm.send_again(message, by_another=by_another)
        assert len(warm.waiting()) == 2
    finally:
        worker.resume()
    victim.settles(attempts=1)
    assert len(victim.clients) == 2  # the run, and the next one


def the_database_goes_away(warm: Warm) -> None:
    the_database_is_killed(warm.victims["database"])


def a_worker_that_is_told_to_stop_finishes(warm: Warm) -> None:
    victim = warm.victims["stopped"]
    worker = warm.worker()
    with hanging(victim):
        os.kill(worker.pid, signal.SIGTERM)
        until(lambda: victim.read_run()["status"] == "RUNNING", "a run under way", 10)
        assert worker.is_running()
    worker.wait(_STOP_LIMIT_SECONDS)
    assert victim.read_run()["status"] == "SUCCESS"
    victim.settles(attempts=1)


STORIES = (
    what_changes_later_is_seen,
    a_cancelled_run_leaves_its_process_alive,
    a_cancelled_run_that_waits_never_begins,
    a_task_comes_twice_while_its_run_is_under_way,
    a_task_comes_twice_before_its_run_has_begun,
    a_run_is_launched_twice,
    a_process_is_killed,
    redis_is_killed,
    redis_loses_its_data,
    the_database_goes_away,
    a_worker_that_is_told_to_stop_finishes,
    all_workers_are_killed,
)
