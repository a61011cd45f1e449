"""The real stack: how long a user waits for rows, and what a run costs that finds nothing new."""

from __future__ import annotations

import sqlite3
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.feeds import pieces
from benchmarks.measuring import process_cpu_seconds
from benchmarks.results import Result
from impler_pipelines.supervisor.ports import free_port
from impler_pipelines_tests.end_to_end.running_stack import (
    stack_in_a_temporary_home,
)
from impler_pipelines_tests.end_to_end.shop import ROWS, Shop
from impler_pipelines_tests.feed_server import FeedServer

PROMISED_SECONDS = 15.0
_PATIENCE_SECONDS = 120.0
_POLL_SECONDS = 0.02
_CHANGED_MEGABYTES = 5
_LEAST_TURNS = 5


@contextmanager
def shop(
    *, only: str | None = None, rows_in_store: bool = False, workers: int = 0
) -> Iterator[Shop]:
    """A running stack with a feed server; stopped afterwards. Rows go to SQLite unless said."""
    with FeedServer() as feeds, stack_in_a_temporary_home(free_port(), free_port()) as stack:
        if rows_in_store:
            del stack.environment["IMPLER_DESTINATION_URL"]
        stack.workers = workers
        stack.start(only=only)
        yield Shop(stack, feeds)
        stack.stop()


def latency(megabytes: int, runs: int) -> list[Result]:  # noqa: ARG001 - four items
    """From the request that makes an import job to its rows in the table."""
    with shop() as one:
        until_loaded = [seconds_to_rows(one, f"shop_{number}") for number in range(runs)]
    return [
        Result(
            "from POST of an import job to its rows, against the promised time",
            statistics.median(until_loaded),
            "s",
            PROMISED_SECONDS,
            "python -m benchmarks latency",
        )
    ]


def seconds_to_rows(one: Shop, name: str) -> float:
    """One new import job on the running stack; each needs a reload of Dagster's definitions."""
    began = time.monotonic()
    one.import_job(name)
    while time.monotonic() - began < _PATIENCE_SECONDS:
        try:
            if len(one.rows(name)) == len(ROWS):
                return time.monotonic() - began
        except sqlite3.OperationalError:  # no table yet
            pass
        time.sleep(_POLL_SECONDS)
    raise SystemExit(f"no rows of {name} within {_PATIENCE_SECONDS:.0f} s")


def unchanged(megabytes: int, runs: int) -> list[Result]:  # noqa: ARG001 - a feed of its own
    """CPU seconds of whole runs in processes of their own, each started in the same way.

    A run whose feed answers 304, and one of a feed that changed, against Dagster's own four ops
    that do nothing.
    """
    with shop(only="database,api", rows_in_store=True) as one:
        job_id = import_job(one)
        run = [sys.executable, "-m", "impler_pipelines_tests.measured_run", job_id]
        nothing = [sys.executable, "-m", "benchmarks.no_op"]
        environment = one.stack.environment
        took: dict[str, list[float]] = {"changed": [], "same": [], "nothing": []}
        turns = max(runs, _LEAST_TURNS)
        for version in range(1, turns + 1):
            one.feeds.routes["/cost.xml"] = (200, {"ETag": f'"{version}"'}, large_feed(version))
            took["changed"].append(process_cpu_seconds(run, environment))
            took["same"].append(process_cpu_seconds(run, environment))
            took["nothing"].append(process_cpu_seconds(nothing, environment))
        statuses = [run["status"] for run in one.stack.runs(job_id)]
    if statuses != ["UNCHANGED", "SUCCESS"] * turns:
        raise SystemExit(f"the runs ended as {statuses}")
    same, changed, nothing_done = (
        statistics.median(took[what]) for what in ("same", "changed", "nothing")
    )
    again = "python -m benchmarks unchanged"
    no_op = "one of four ops that do nothing"
    return [
        Result(
            f"a run whose feed answers 304, against {no_op}", same, "CPU s", nothing_done, again
        ),
        Result(
            f"a run of {_CHANGED_MEGABYTES} MB that have changed, against {no_op}",
            changed,
            "CPU s",
            nothing_done,
            again,
        ),
    ]


def import_job(one: Shop) -> str:
    one.feeds.routes["/cost.xml"] = (200, {"ETag": '"0"'}, large_feed(0))
    return str(one.import_job("cost", runNow=False)["_id"])


def large_feed(version: int) -> bytes:
    """The same items with other texts and prices in each version."""
    return b"".join(pieces(_CHANGED_MEGABYTES, seed=version))
