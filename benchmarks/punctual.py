"""Import jobs on the real stack at their due times: how late they are, and none after a pause."""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from benchmarks.many import PARTS, add_import_jobs, cpu_seconds, percentile
from benchmarks.results import Result
from benchmarks.stack import shop
from impler_pipelines.model import ImportJob, Interval, Unit
from impler_pipelines.scheduling import next_runs
from impler_pipelines.settings import Settings
from impler_pipelines.store.import_jobs import timing_of
from impler_pipelines_tests.end_to_end.running_stack import RunningStack, until
from impler_pipelines_tests.end_to_end.shop import FEED
from impler_pipelines_tests.feed_server import FeedServer

_JOBS = 1_000
_MINUTES = 10
_HOSTS = 50
_PATIENCE_SECONDS = 600.0
_TODAY = dt.date(2026, 1, 1)
# Both are looked at every five minutes. Of 1,000 import jobs 200 so have a tick each minute, and 20
# of them a run.
_SELDOM, _OFTEN = (Interval(every, Unit.MINUTES, starts_on=_TODAY) for every in (55, 25))
_PAUSED_JOBS = 20
_PAUSES = 200
_RESUMED_AFTER = dt.timedelta(seconds=52)  # so that the next minute is due again


@dataclass(frozen=True)
class Span:
    """From when to when something was looked at."""

    begin: dt.datetime
    end: dt.datetime


def due(megabytes: int, runs: int) -> list[Result]:  # noqa: ARG001 - one long run
    """1,000 import jobs over ten minutes: 200 ticks a minute, of which 20 launch runs."""
    with hosts() as urls, shop(only="database,api", rows_in_store=True) as one:
        stack = one.stack
        jobs = add_import_jobs(
            stack,
            _JOBS,
            interval=lambda number: _OFTEN if number % 10 == 0 else _SELDOM,
            url=lambda number: urls[number % _HOSTS],
        )
        stack.stop()
        stack.start()
        until(lambda: len(stack.job_names()) > _JOBS, "all Dagster jobs", _PATIENCE_SECONDS)
        until(lambda: waiting(stack) == 0, "what came due meanwhile", _PATIENCE_SECONDS)
        begin, before = next_minute(), cpu_seconds(stack)
        wait_until(begin + dt.timedelta(minutes=_MINUTES))
        used = {part: seconds - before[part] for part, seconds in cpu_seconds(stack).items()}
        span = Span(begin, begin + dt.timedelta(minutes=_MINUTES))
        until(lambda: waiting(stack) == 0, "the last run's end", _PATIENCE_SECONDS)
        return _punctuality(stack, jobs, span, used)


def pauses(megabytes: int, runs: int) -> list[Result]:  # noqa: ARG001 - one long run
    """200 pauses at random moments around due times: what begins after the API's answer."""
    chance = random.Random(20261127)
    with hosts() as urls, shop(rows_in_store=True) as one:
        jobs = add_import_jobs(
            one.stack,
            _PAUSED_JOBS,
            interval=lambda _: Interval(1, Unit.MINUTES, starts_on=_TODAY),
            url=lambda number: urls[number],
        )
        until(lambda: _ran(one.stack) == _PAUSED_JOBS, "a run of each", _PATIENCE_SECONDS)
        paused: list[tuple[str, Span]] = []
        with ThreadPoolExecutor(_PAUSED_JOBS) as people:
            for _ in range(_PAUSES // _PAUSED_JOBS):
                at = next_minute()
                spans = [
                    Span(at + dt.timedelta(seconds=chance.uniform(-3, 45)), at + _RESUMED_AFTER)
                    for _ in jobs
                ]
                paused += people.map(
                    lambda job, span: (job.id, _paused(one.stack, job.id, span)), jobs, spans
                )
        until(lambda: waiting(one.stack) == 0, "the last run's end", _PATIENCE_SECONDS)
        begun = query(
            one.stack,
            "SELECT import_job_id, started_at FROM impler.runs WHERE started_at IS NOT NULL",
        )
    after = sum(
        span.begin < started < span.end
        for job_id, span in paused
        for other, started in begun
        if other == job_id
    )
    again = "python -m benchmarks pauses"
    return [
        Result(
            "runs that began after a pause was answered, against pauses",
            after,
            "runs",
            len(paused),
            again,
        ),
        Result("runs that began around them", len(begun), "runs", None, again),
    ]


@contextmanager
def hosts() -> Iterator[list[str]]:
    """URLs of one feed on many hosts (addresses of loopback), each asked once at a time."""
    with ExitStack() as stack:
        servers = [
            stack.enter_context(FeedServer(address=f"127.0.1.{number + 1}"))
            for number in range(_HOSTS)
        ]
        for server in servers:
            server.routes["/feed.xml"] = (200, {"ETag": '"1"'}, FEED)
        yield [server.url("/feed.xml") for server in servers]


def _punctuality(
    stack: RunningStack, jobs: list[ImportJob], span: Span, used: dict[str, float]
) -> list[Result]:
    expected = {
        (job.id, moment)
        for job in jobs
        for moment in next_runs(timing_of(job), span.begin - dt.timedelta(microseconds=1), 3)
        if moment < span.end
    }
    rows = query(
        stack,
        "SELECT import_job_id, due_at, created_at, started_at, attempts, status FROM impler.runs"
        " WHERE due_at >= %s AND due_at < %s",
        span.begin,
        span.end,
    )
    ran = {(row[0], row[1]) for row in rows}
    statuses = {row[5] for row in rows}
    if statuses - {"SUCCESS", "UNCHANGED"}:
        raise SystemExit(f"runs ended as {statuses}")
    evaluated = [(row[2] - row[1]).total_seconds() for row in rows]
    started = [(row[3] - row[1]).total_seconds() for row in rows]
    ((ticks,),) = query(
        stack,
        "SELECT count(*) FROM dagster.job_ticks WHERE type = 'SCHEDULE'"
        " AND timestamp >= %s AND timestamp < %s",
        span.begin.replace(tzinfo=None),
        span.end.replace(tzinfo=None),
    )

    def told(what: str, value: float, unit: str, reference: float | None = None) -> Result:
        name = f"{_JOBS:,} import jobs over {_MINUTES} minutes: {what}"
        return Result(name, value, unit, reference, "python -m benchmarks due")

    return [
        told("ticks", ticks / _MINUTES, "/min"),
        told("runs", len(rows) / _MINUTES, "/min"),
        told(
            "due times without a run, against due times", len(expected - ran), "runs", len(expected)
        ),
        told(
            "runs twice, against runs",
            sum(row[4] > 1 for row in rows) + len(ran - expected),
            "runs",
            len(rows),
        ),
        *(told(f"from due to evaluated, p{p}", percentile(evaluated, p), "s") for p in (50, 99)),
        *(told(f"from due to the first op, p{p}", percentile(started, p), "s") for p in (50, 99)),
        *(told(f"CPU of {part}", used[part] / _MINUTES, "CPU s/min") for part in PARTS),
    ]


def _paused(stack: RunningStack, job_id: str, span: Span) -> Span:
    """Pause at its begin and resume at its end; from the pause's answer to the resume's request."""
    wait_until(span.begin)
    stack.call("PUT", f"/v1/import-jobs/user/{job_id}/pause")
    answered = dt.datetime.now(dt.UTC)
    wait_until(span.end)
    resumed = dt.datetime.now(dt.UTC)
    stack.call("PUT", f"/v1/import-jobs/user/{job_id}/resume")
    return Span(answered, resumed)


def next_minute() -> dt.datetime:
    """The next whole minute that is five seconds away or more."""
    later = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=65)
    return later.replace(second=0, microsecond=0)


def wait_until(moment: dt.datetime) -> None:
    time.sleep(max((moment - dt.datetime.now(dt.UTC)).total_seconds(), 0))


def waiting(stack: RunningStack) -> int:
    """How many runs are queued or under way."""
    active = "SELECT count(*) FROM impler.runs WHERE status IN ('QUEUED', 'RUNNING')"
    return int(query(stack, active)[0][0])


def _ran(stack: RunningStack) -> int:
    """How many import jobs have had a run."""
    ended = "SELECT count(DISTINCT import_job_id) FROM impler.runs WHERE ended_at IS NOT NULL"
    return int(query(stack, ended)[0][0])


def query(stack: RunningStack, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """The rows that the store answers."""
    url = Settings.load(home=stack.home, database_url="").plain_store_url
    with psycopg.connect(url) as connection:
        return connection.execute(statement, values).fetchall()
