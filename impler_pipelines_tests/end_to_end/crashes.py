"""What is killed, when, and what must hold once it has settled, told one story an import job.

Each story's import job has loaded one version of its feed and is killed while it loads the next.
Afterwards everything is as an undisturbed run would have left it: rows, counts, history.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import psutil
import psycopg

from impler_pipelines.settings import Settings
from impler_pipelines_tests.end_to_end.running_stack import RunningStack, until
from impler_pipelines_tests.end_to_end.shop import FEED, ROWS, Shop
from impler_pipelines_tests.end_to_end.stories import RUN_LIMIT_SECONDS, Hanging, client_of
from impler_pipelines_tests.feed_server import Handler

# A lost process is noticed after 10 s where Dagster knows, after 120 s where it does not.
SETTLE_LIMIT_SECONDS = 240.0
_OP_LIMIT_SECONDS = 90.0

NEXT_FEED = FEED.replace("10.50", "11.50").replace(
    "</channel>", "<item><g:id>A5</g:id><title>Rug</title></item></channel>"
)
NEXT_ROWS = [("A1", "Lamp", 11.5, "/a1.jpg"), *ROWS[1:], ("A5", "Rug", None, None)]
NEXT_COUNTS = {
    "records": 5,
    "filtered": 0,
    "valid": 4,
    "invalid": 1,
    "inserted": 1,
    "updated": 1,
    "unchanged": 2,
    "deleted": 0,
}


class Victim:
    """An import job that has loaded ``FEED``, and a Run of it that is to load ``NEXT_FEED``."""

    def __init__(self, shop: Shop, name: str) -> None:
        self.shop, self.stack, self.name = shop, shop.stack, name
        self.job_id = shop.import_job(name)["_id"]
        until(lambda: self.stack.ended(self.job_id, "FIRST"), "the first run", RUN_LIMIT_SECONDS)
        assert self.rows() == ROWS
        self.run_id = ""
        self.clients: list[psutil.Process] = []  # the processes that have asked for the feed

    def rows(self) -> list[tuple[Any, ...]]:
        """What was loaded for it."""
        return loaded_rows(self.stack, self.name)

    def run_with(self, route: Callable[[Handler], None] | None = None) -> None:
        """Ask for the run; its feed is answered by ``route``, or at once."""
        self.shop.feeds.routes[f"/{self.name}.xml"] = route or self.answer
        path = f"/v1/import-jobs/{self.job_id}/runs"
        self.run_id = self.stack.call("POST", path, status=202)["_id"]

    def answer(self, handler: Handler) -> None:
        """Note which process asks, and answer."""
        self.clients.append(client_of(handler))
        handler.answer(200, {"ETag": '"v2"'}, NEXT_FEED)

    def read_run(self) -> dict[str, Any]:
        """The Run as the API shows it."""
        path = f"/v1/import-jobs/{self.job_id}/runs/{self.run_id}"
        return dict(self.stack.call("GET", path))

    def kill(self) -> None:
        """SIGKILL of the process that asked last."""
        self.clients[-1].kill()

    def settles(self, *, attempts: int) -> None:
        """It ends as if nothing had happened, and the next run is not held up."""
        until(
            lambda: self.read_run()["status"] not in ("QUEUED", "RUNNING"),
            f"the end of {self.name}: {self.read_run()}",
            SETTLE_LIMIT_SECONDS,
        )
        run = self.read_run()
        assert (run["status"], run["error"], run["attempts"]) == ("SUCCESS", None, attempts)
        assert {key: run[key] for key in NEXT_COUNTS} == NEXT_COUNTS
        assert self.rows() == NEXT_ROWS
        assert [(r["trigger"], r["status"]) for r in self.stack.runs(self.job_id)] == [
            ("MANUAL", "SUCCESS"),
            ("FIRST", "SUCCESS"),
        ]
        seen = self.stack.read(self.job_id)
        assert (seen["consecutiveFailures"], seen["lastError"]) == (0, None)
        self._runs_again()

    def _runs_again(self) -> None:
        self.run_with()
        until(lambda: self.stack.ended(self.job_id, "MANUAL")[1:], "the next run", 240.0)
        assert self.read_run()["status"] == "UNCHANGED"
        assert self.rows() == NEXT_ROWS


def victims(*asked: tuple[Shop, str]) -> list[Victim]:
    """Made at the same time: most of each is waiting."""
    with ThreadPoolExecutor(len(asked)) as makers:
        return list(makers.map(lambda one: Victim(*one), asked))


def all_settle(victims: Sequence[Victim], *, attempts: int) -> None:
    """``settles`` of each, at the same time."""
    with ThreadPoolExecutor(len(victims)) as tellers:
        list(tellers.map(lambda victim: victim.settles(attempts=attempts), victims))


def killed_between_ops(op: str, shop: Shop) -> None:
    """The op's reference has been written, and the next op begins."""
    victim = Victim(shop, f"after_{op}")
    with hanging(victim):
        dagster_run_id = victim.read_run()["dagsterRunId"]
    references = shop.stack.home / "artifacts" / f"references-{dagster_run_id}"
    at_once(lambda: [*references.glob(f"{op}.*.json")], f"the end of {op}")
    victim.kill()
    victim.settles(attempts=2)


def killed_while_fetching(shop: Shop) -> None:
    """Half of the feed has come."""
    victim = Victim(shop, "fetching")
    with hanging(victim):
        victim.kill()
    victim.settles(attempts=2)


def killed_while_loading(shop: Shop) -> None:
    """The rows are staged, and the merge waits for a lock on the table."""
    victim = Victim(shop, "loading")
    with store(shop.stack) as connection:
        connection.execute("LOCK TABLE imports.loading IN EXCLUSIVE MODE")
        victim.run_with()
        waits = (
            "SELECT 1 FROM pg_locks WHERE relation = 'imports.loading'::regclass AND NOT granted"
        )
        at_once(lambda: connection.execute(waits).fetchone(), "the load", RUN_LIMIT_SECONDS)
        victim.kill()
        connection.rollback()
    assert victim.rows() == ROWS
    victim.settles(attempts=2)


def killed_when_all_is_loaded(shop: Shop) -> None:
    """The Run has ended in the store, and Dagster has not heard of it yet."""
    victim = Victim(shop, "loaded")
    victim.run_with()
    with store(shop.stack) as connection:
        connection.autocommit = True
        query = "SELECT 1 FROM impler.runs WHERE id = %s AND status = 'SUCCESS'"
        done = partial(connection.execute, query, [victim.run_id])
        at_once(lambda: done().fetchone(), "the record of the load", RUN_LIMIT_SECONDS)
    victim.kill()
    victim.settles(attempts=1)


def parts_are_killed_in_turn(victim: Victim) -> None:
    """Each of Dagster's processes and the API, while the run's process waits for its feed."""
    stack = victim.stack
    with hanging(victim):
        for part in ("webserver", "daemon", "api", "code-server"):
            stack.kill_part(part)
        assert stack.read(victim.job_id)["status"] == "RUNNING"
    victim.settles(attempts=1)


def the_database_is_killed(victim: Victim) -> None:
    """The store, Dagster's storage and the destination at once, while the run is at work."""
    with hanging(victim):
        victim.stack.kill_part("database")
    victim.settles(attempts=1)


def all_is_stopped(victim: Victim) -> None:
    """An orderly stop and a start, while the run is at work."""
    with hanging(victim):
        victim.stack.stop()
    victim.stack.start()


def all_is_killed(fetching: Victim, loading: Victim) -> dict[str, Any]:
    """Everything at once, as when the machine loses power; returns an import job just confirmed."""
    stack = fetching.stack
    with store(stack) as connection:
        connection.execute(f"LOCK TABLE imports.{loading.name} IN EXCLUSIVE MODE")
        loading.run_with()
        loads = partial(connection.execute, waiting_for(loading))
        at_once(lambda: loads().fetchone(), "the load", RUN_LIMIT_SECONDS)
        # Last, and the new one under another name: a host is asked for one feed at a time.
        with hanging(fetching):
            confirmed = fetching.shop.import_job("confirmed", host="localhost")
            stack.kill()
        connection.close()
    stack.start()
    return confirmed


RUN_STORIES = {
    "killed_while_fetching": killed_while_fetching,
    "killed_after_fetch_feed": partial(killed_between_ops, "fetch_feed"),
    "killed_after_extract_records": partial(killed_between_ops, "extract_records"),
    "killed_after_map_columns": partial(killed_between_ops, "map_columns"),
    "killed_while_loading": killed_while_loading,
    "killed_when_all_is_loaded": killed_when_all_is_loaded,
}


@contextmanager
def hanging(victim: Victim) -> Iterator[None]:
    """The victim's run has half of its feed; at the end the rest. Later fetches get all of it."""
    route = Hanging(NEXT_FEED, {"ETag": '"v2"'})
    victim.run_with(route)
    try:
        assert route.reached.wait(RUN_LIMIT_SECONDS), "the feed was not asked for"
        victim.clients.append(route.client)
        victim.shop.feeds.routes[f"/{victim.name}.xml"] = victim.answer
        yield
    finally:
        route.let_go.set()


@contextmanager
def store(stack: RunningStack) -> Iterator[psycopg.Connection[Any]]:
    """A connection to the stack's own database; what it has locked it lets go in the end."""
    with psycopg.connect(Settings(home=stack.home).plain_store_url) as connection:
        yield connection


def loaded_rows(stack: RunningStack, table: str) -> list[tuple[Any, ...]]:
    """What a table in the stack's own database holds."""
    with store(stack) as connection:
        query = f"SELECT sku, title, price, image FROM imports.{table} ORDER BY sku"
        return connection.execute(query).fetchall()


def waiting_for(victim: Victim) -> str:
    """The query that finds who waits for the lock on the victim's table."""
    table = f"'imports.{victim.name}'::regclass"
    return f"SELECT 1 FROM pg_locks WHERE relation = {table} AND NOT granted"


def at_once(probe: Callable[[], Any], what: str, seconds: float = _OP_LIMIT_SECONDS) -> None:
    """Return within milliseconds of the probe's first truthy answer: what follows is to be cut."""
    deadline = time.monotonic() + seconds
    while not probe():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.002)
