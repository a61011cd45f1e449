"""What a tick of the sync sensor costs that finds nothing to do, and one that compares all.

The store is real; Dagster is faked at the gateway's seam, so what the webserver does is not in it.
"""

from __future__ import annotations

import datetime as dt
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dagster import DagsterInstance, build_sensor_context

from benchmarks.loading import postgres
from benchmarks.many import fill
from benchmarks.results import Result
from impler_pipelines.orchestration.repository import ImportRepository
from impler_pipelines.orchestration.runtime import Runtime, utc_now
from impler_pipelines.settings import Settings
from impler_pipelines.store import projects
from impler_pipelines.store.migrations import migrate
from impler_pipelines_tests.orchestration.fake_dagster import FakeDagster

SIZES = (100, 1_000, 5_000)
_TICKS = 20
_COMMAND = "python -m benchmarks sync"


@dataclass(frozen=True)
class Tick:
    """Of this process; PostgreSQL's own CPU is in the wall time alone."""

    cpu_ms: float
    wall_ms: float


def results(megabytes: int, runs: int) -> list[Result]:  # noqa: ARG001 - as many ticks as are told
    """A tick at which nothing has changed against the sweep, at three sizes."""
    found = []
    for size in SIZES:
        with installation(size) as runtime:
            idle, sweep = ticks(runtime, sweep=False), ticks(runtime, sweep=True)
        name = f"an idle tick of the sync sensor, {size:,} import jobs, against its sweep"
        found += [
            Result(name, idle.cpu_ms, "CPU ms", sweep.cpu_ms, _COMMAND),
            Result(name, idle.wall_ms, "ms", sweep.wall_ms, _COMMAND),
        ]
    return found


def ticks(runtime: Runtime, *, sweep: bool) -> Tick:
    """The medians of some ticks of one loaded code location; ``sweep``: each compares all."""
    repository = ImportRepository(runtime)
    repository.get_job_names()  # freezes the snapshot
    sensor = repository.get_all_sensors()[0]
    seen = []
    with DagsterInstance.ephemeral() as instance:
        cursor = sensor.evaluate_tick(build_sensor_context(instance, cursor=None)).cursor
        for _ in range(_TICKS):
            context = build_sensor_context(instance, cursor=None if sweep else cursor)
            cpu, wall = time.process_time(), time.perf_counter()
            said = sensor.evaluate_tick(context).skip_message
            seen.append(Tick(1e3 * (time.process_time() - cpu), 1e3 * (time.perf_counter() - wall)))
            if said != "Everything is in step.":
                raise SystemExit(f"the tick was not idle: {said}")
    return Tick(
        statistics.median(one.cpu_ms for one in seen),
        statistics.median(one.wall_ms for one in seen),
    )


@contextmanager
def installation(size: int) -> Iterator[Runtime]:
    """A store with so many import jobs on schedule, and a Dagster that has all of them."""
    with postgres() as url, tempfile.TemporaryDirectory(prefix="impler-bench-") as home:
        settings = Settings.load(home=Path(home), database_url=url, secret_key="k")
        migrate(settings.store_url)
        runtime = Runtime(settings)
        runtime.gateway = FakeDagster()  # the seam
        with runtime.transaction() as connection:
            access_key = projects.create_access_key(connection, "shop")
        # As an hour ago's requests left them: on schedule, no run under way.
        fill(runtime, size, access_key, now=utc_now() - dt.timedelta(hours=1))
        yield runtime
        runtime.engine.dispose()
