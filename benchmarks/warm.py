"""Warm workers against Dagster's default launcher, and at their due times with changed feeds."""

from __future__ import annotations

import datetime as dt
import itertools
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from benchmarks.many import add_import_jobs, cpu_seconds, memory_mb, percentile
from benchmarks.punctual import hosts, next_minute, query, wait_until, waiting
from benchmarks.results import Result
from benchmarks.stack import shop
from impler_pipelines.model import ImportJob, Interval, Unit
from impler_pipelines.scheduling import next_runs
from impler_pipelines.store.import_jobs import timing_of
from impler_pipelines_tests.end_to_end.running_stack import RunningStack, until
from impler_pipelines_tests.end_to_end.shop import FEED
from impler_pipelines_tests.feed_server import FeedServer, Handler

WORKERS = 2
_RUNS = 200
AT_A_TIME = 40  # import jobs that take turns: the next run of each is asked for as one ends
_PATIENCE_SECONDS = 1800.0
_JOBS = 1_000
_CHANGING = 800  # of them, with a run every ten minutes: 80 a minute
_MINUTES = 10
_FIRST = 600  # runs before them, which fill what workers keep
_HOSTS = 50
_POLL_SECONDS = 0.25
_TODAY = dt.date(2026, 1, 1)


@dataclass(frozen=True)
class Pace:
    """How many runs a minute, and the CPU seconds of each, in all processes of the stack."""

    runs_a_minute: float
    cpu_seconds: float
    of_parts: dict[str, float]


def warm(megabytes: int, runs: int) -> list[Result]:  # noqa: ARG001 - 200 runs of each
    """200 runs whose feed answers 304, as fast as they go: one process each, then warm workers."""
    default, warmed = _pace(workers=0), _pace(workers=WORKERS)
    again = "python -m benchmarks warm"
    what = "runs whose feed answers 304, on warm workers against a process each"
    cpu = f"{what}: CPU of a run"
    return [
        Result(what, warmed.runs_a_minute, "/min", default.runs_a_minute, again),
        Result(cpu, warmed.cpu_seconds, "CPU s", default.cpu_seconds, again),
        *(
            Result(f"{cpu}, {part}", seconds, "CPU s", default.of_parts.get(part), again)
            for part, seconds in warmed.of_parts.items()
        ),
    ]


def _pace(*, workers: int) -> Pace:
    with hosts() as urls, shop(rows_in_store=True, workers=workers) as one:
        jobs = add_import_jobs(one.stack, AT_A_TIME, url=lambda number: urls[number % len(urls)])
        until(lambda: len(one.stack.job_names()) > AT_A_TIME, "all Dagster jobs", 120)
        run_all(one.stack, jobs, len(jobs))  # the first runs load, those after them find a 304
        before, began = cpu_seconds(one.stack), time.monotonic()
        run_all(one.stack, jobs, _RUNS)
        minutes = (time.monotonic() - began) / 60
        used = {part: (now - before[part]) / _RUNS for part, now in cpu_seconds(one.stack).items()}
        statuses = dict(
            query(one.stack, "SELECT status, count(*) FROM impler.runs GROUP BY status")
        )
    if statuses != {"SUCCESS": len(jobs), "UNCHANGED": _RUNS}:
        raise SystemExit(f"the runs ended as {statuses}")
    return Pace(_RUNS / minutes, sum(used.values()), used)


def run_all(stack: RunningStack, jobs: list[ImportJob], count: int) -> None:
    """Ask for so many runs in all, of each import job one at a time, and wait for the last."""
    asked, ids = 0, {job.id for job in jobs}
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (busy := ids & _busy(stack)) or asked < count:
        for job in [job for job in jobs if job.id not in busy][: count - asked]:
            stack.call("POST", f"/v1/import-jobs/{job.id}/runs", status=202)
            asked += 1
        if time.monotonic() > deadline:
            raise SystemExit(f"{count} runs: not within {_PATIENCE_SECONDS:.0f} s")
        time.sleep(_POLL_SECONDS)


def _busy(stack: RunningStack) -> set[str]:
    """The import jobs that have a run queued or under way."""
    active = "SELECT import_job_id FROM impler.runs WHERE status IN ('QUEUED', 'RUNNING')"
    return {row[0] for row in query(stack, active)}


def warm_due(megabytes: int, runs: int) -> list[Result]:  # noqa: ARG001 - one long run
    """1,000 import jobs over ten minutes on warm workers: 80 runs a minute, each of a new feed."""
    often = Interval(10, Unit.MINUTES, starts_on=_TODAY)
    seldom = Interval(7, Unit.DAYS, starts_on=_TODAY)
    with changing_hosts() as urls, shop(only="database,api", rows_in_store=True) as one:
        stack = one.stack
        jobs = add_import_jobs(
            stack,
            _JOBS,
            interval=lambda number: often if number < _CHANGING else seldom,
            url=lambda number: urls[number % len(urls)],
        )
        stack.stop()
        stack.workers = WORKERS
        stack.start()
        until(lambda: len(stack.job_names()) > _JOBS, "all Dagster jobs", _PATIENCE_SECONDS)
        run_all(stack, jobs[_CHANGING:], _FIRST)
        until(lambda: waiting(stack) == 0, "what came due meanwhile", _PATIENCE_SECONDS)
        begin, before, memory = next_minute(), cpu_seconds(stack), memory_mb(stack)
        wait_until(begin + dt.timedelta(minutes=_MINUTES))
        used = {part: seconds - before[part] for part, seconds in cpu_seconds(stack).items()}
        grown = memory_mb(stack)
        until(lambda: waiting(stack) == 0, "the last run's end", _PATIENCE_SECONDS)
        end = begin + dt.timedelta(minutes=_MINUTES)
        expected = {
            (job.id, moment)
            for job in jobs
            for moment in next_runs(timing_of(job), begin - dt.timedelta(microseconds=1), 3)
            if moment < end
        }
        rows = query(
            stack,
            "SELECT import_job_id, due_at, ended_at, attempts, status, inserted + updated"
            " FROM impler.runs WHERE due_at >= %s AND due_at < %s",
            begin,
            end,
        )
    if {row[4] for row in rows} != {"SUCCESS"} or not all(row[5] for row in rows):
        raise SystemExit(f"runs ended as { {(row[4], row[5]) for row in rows} }")
    ran = {(row[0], row[1]) for row in rows}
    loaded = [(row[2] - row[1]).total_seconds() for row in rows]
    twice = sum(row[3] > 1 for row in rows) + len(ran - expected)

    def told(what: str, value: float, unit: str, reference: float | None = None) -> Result:
        name = f"{_JOBS:,} import jobs over {_MINUTES} minutes on warm workers: {what}"
        return Result(name, value, unit, reference, "python -m benchmarks warm-due")

    return [
        told("runs of changed feeds", len(rows) / _MINUTES, "/min"),
        told(
            "due times without a run, against due times", len(expected - ran), "runs", len(expected)
        ),
        told("runs twice, against runs", twice, "runs", len(rows)),
        *(told(f"from due to rows loaded, p{p}", percentile(loaded, p), "s") for p in (50, 99)),
        told(
            "memory of workers at its end, against its begin",
            grown["workers"],
            "MB",
            memory["workers"],
        ),
        *(
            told(f"CPU of {part}", seconds / _MINUTES, "CPU s/min")
            for part, seconds in used.items()
        ),
    ]


@contextmanager
def changing_hosts() -> Iterator[list[str]]:
    """URLs of a feed on many hosts that is another one each time it is asked for."""
    versions = itertools.count(1)

    def route(handler: Handler) -> None:
        version = next(versions)
        content = FEED.replace("Lamp", f"Lamp {version}").encode()
        handler.send_response(200)
        handler.send_header("ETag", f'"{version}"')
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    with ExitStack() as stack:
        servers = [
            stack.enter_context(FeedServer(address=f"127.0.1.{number + 1}"))
            for number in range(_HOSTS)
        ]
        for server in servers:
            server.routes["/feed.xml"] = route
        yield [server.url("/feed.xml") for server in servers]
