"""``python -m benchmarks.growth [--days 7] [--kept-days 7]``: how Dagster's own data grows.

A real stack executes one run of each kind; a day of 200 hourly import jobs is copies of them in the
same PostgreSQL, in compressed time (see ``week``). First days without retention, then days at whose
end the sweep of the sensor ``sweep_history`` deletes what the settings say: the environment's, or
their defaults. Autovacuum has no time in compressed time: a VACUUM a day stands for it.
"""

from __future__ import annotations

import argparse
import datetime as dt
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from dagster import DagsterInstance
from rich.console import Console
from rich.table import Table

from benchmarks.stack import shop
from benchmarks.week import JOBS, MIX, RUNS_A_DAY, TABLE, Sample, Week
from impler_pipelines.orchestration.history import DagsterHistory
from impler_pipelines.orchestration.instance import dagster_instance
from impler_pipelines.orchestration.names import SWEEP_SENSOR, SYNC_SENSOR
from impler_pipelines.orchestration.runtime import Runtime
from impler_pipelines.orchestration.sweeping import Bound, Progress, Sweeper
from impler_pipelines.settings import Settings
from impler_pipelines_tests.end_to_end.running_stack import until
from impler_pipelines_tests.end_to_end.shop import EVERY_MINUTE, Shop

_PATIENCE_SECONDS = 180.0
_GROUPS = {
    "event logs": ("dagster.event_logs",),
    "runs, tags": ("dagster.runs", "dagster.run_tags"),
    "ticks": ("dagster.job_ticks",),
    "own run history": ("impler.runs",),
}
_NO_BOUND = 10**9


@dataclass(frozen=True)
class Size:
    """Megabytes at the end of a day, by what takes them; rows beside."""

    day: int
    parts: dict[str, float]
    runs: int
    ticks: int

    @property
    def total(self) -> float:
        """Of Dagster's own data: the store's run history is not that."""
        return sum(size for name, size in self.parts.items() if name != "own run history")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--days", type=int, default=7, help="simulated without retention: 7")
    parser.add_argument("--kept-days", type=int, default=7, help="simulated with it: 7")
    given = parser.parse_args()
    with shop() as one:
        sample = take_sample(one)
        one.stack.stop()
        one.stack.start(only="database")
        settings = Settings.load(home=one.stack.home, database_url="")
        with (
            psycopg.connect(settings.plain_store_url) as connection,
            dagster_instance(settings) as instance,
        ):
            show_sample(connection, settings, sample)
            week = Week(connection, instance, sample)
            sizes = Sizes(connection, settings)
            week.clear()
            show("without retention", simulate(week, sizes, given.days))
            week.clear()
            sweeping = Sweeping(instance, settings, connection)
            show("with retention", simulate(week, sizes, given.kept_days, sweeping))
            sweeping.show()


def take_sample(one: Shop) -> Sample:
    """A run that loads, one that finds nothing new, one that fails; a tick of each instigator."""
    job_id = one.import_job(TABLE)["_id"]
    ended = lambda: {run["status"] for run in one.stack.runs(job_id)}  # noqa: E731

    def run_until(status: str, *, now: bool = True) -> None:
        if now:
            one.stack.call("POST", f"/v1/import-jobs/{job_id}/runs", {}, status=202)
        until(lambda: status in ended(), f"a run that ends as {status}", _PATIENCE_SECONDS)

    one.import_job("ticking", interval=EVERY_MINUTE, runNow=False)
    run_until("SUCCESS", now=False)
    run_until("UNCHANGED")
    one.feeds.routes[f"/{TABLE}.xml"] = (404, {}, "gone")
    run_until("FAILED")
    settings = Settings.load(home=one.stack.home, database_url="")
    with psycopg.connect(settings.plain_store_url, autocommit=True) as connection:
        ticks = until(lambda: _ticks(connection), "ticks", _PATIENCE_SECONDS)
        found = connection.execute(
            "SELECT status, dagster_run_id FROM impler.runs WHERE import_job_id = %s", (job_id,)
        ).fetchall()
    return Sample({status: run for status, run in found if status in MIX}, ticks)


def _ticks(connection: psycopg.Connection[Any]) -> dict[str, int]:
    """A skipped tick of each sensor, and one that launched a run; empty till there are all."""
    found = {}
    for name, kind, status in (
        (SYNC_SENSOR, "SENSOR", "SKIPPED"),
        (SWEEP_SENSOR, "SENSOR", "SKIPPED"),
        ("schedule", "SCHEDULE", "SUCCESS"),
    ):
        row = connection.execute(
            "SELECT max(id) FROM dagster.job_ticks WHERE type = %s AND status = %s"
            " AND tick_body LIKE %s",
            (kind, status, f"%{name}%"),
        ).fetchone()
        if row is None or row[0] is None:
            return {}
        found[name] = int(row[0])
    return found


class Sizes:
    """Reads how much there is now."""

    def __init__(self, connection: psycopg.Connection[Any], settings: Settings) -> None:
        self._connection = connection
        self._storage = settings.dagster_home / "storage"

    def read(self, day: int) -> Size:
        """Tables with their indexes, and what the files of compute logs take on the disk."""
        parts = {
            name: sum(self._one("SELECT pg_total_relation_size(%s)", table) for table in tables)
            for name, tables in _GROUPS.items()
        }
        parts["compute logs"] = disk_bytes(self._storage)
        return Size(
            day,
            {name: size / 1e6 for name, size in parts.items()},
            self._one("SELECT count(*) FROM dagster.runs"),
            self._one("SELECT count(*) FROM dagster.job_ticks"),
        )

    def vacuum(self) -> None:
        """What autovacuum does when a fifth of a table is dead."""
        self._connection.commit()
        self._connection.autocommit = True
        for table in itertools.chain(*_GROUPS.values()):
            self._connection.execute(f"VACUUM ANALYZE {table}")
        self._connection.autocommit = False

    def _one(self, query: str, *values: str) -> int:
        row = self._connection.execute(query, values or None).fetchone()
        assert row is not None
        return int(row[0])


def disk_bytes(directory: Path) -> int:
    """What a directory and all below it takes on the disk."""
    return sum(path.lstat().st_blocks * 512 for path in (directory, *directory.rglob("*")))


class Sweeping:
    """The sweep at the end of a simulated day, with what it took."""

    def __init__(
        self, instance: DagsterInstance, settings: Settings, connection: psycopg.Connection[Any]
    ) -> None:
        self._runtime = Runtime(settings)
        self._instance = instance
        self._history = DagsterHistory.on_kept_connections(instance)
        self._connection = connection
        self._progress = Progress()
        self.deleted = 0
        self.seconds = 0.0

    def sweep(self, now: dt.datetime) -> None:
        """What the sensor does in that day's many ticks, and Dagster's daemon at each tick."""
        self._connection.execute(
            "DELETE FROM dagster.job_ticks WHERE status = 'SKIPPED' AND timestamp < %s",
            ((now - dt.timedelta(days=1)).replace(tzinfo=None),),
        )
        self._connection.commit()
        before, began = self._runs(), time.monotonic()
        sweeper = Sweeper(self._runtime, self._history, now, Bound(_NO_BOUND, _NO_BOUND))
        self._progress = sweeper.sweep(self._progress)
        self.seconds += time.monotonic() - began
        self.deleted += before - self._runs()

    def show(self) -> None:
        """Milliseconds a run, all included."""
        if self.deleted:
            each = 1000 * self.seconds / self.deleted
            print(f"{self.deleted} runs were deleted, in {each:.1f} ms each")

    def _runs(self) -> int:
        return len(self._instance.get_run_ids())


def simulate(
    week: Week, sizes: Sizes, days: int, sweeping: Sweeping | None = None
) -> Iterator[Size]:
    """Day after day, the last one ending now; its sizes at the end of each."""
    begin = dt.datetime.now(dt.UTC) - dt.timedelta(days=days)
    for number in range(days):
        week.add_day(begin + dt.timedelta(days=number))
        if sweeping is not None:
            sweeping.sweep(begin + dt.timedelta(days=number + 1))
        sizes.vacuum()
        yield sizes.read(number + 1)


def show_sample(connection: psycopg.Connection[Any], settings: Settings, sample: Sample) -> None:
    """What one run of each kind, one tick and one definition take, before indexes."""
    print(f"{JOBS} import jobs, hourly: {RUNS_A_DAY} runs a day, of them {MIX} percent")
    for kind, dagster_run_id in sample.runs.items():
        row = connection.execute(
            "SELECT (SELECT count(*) FROM dagster.event_logs WHERE run_id = %(id)s),"
            " (SELECT sum(pg_column_size(e.*)) FROM dagster.event_logs e WHERE run_id = %(id)s),"
            " (SELECT pg_column_size(r.*) FROM dagster.runs r WHERE run_id = %(id)s),"
            " (SELECT sum(pg_column_size(t.*)) FROM dagster.run_tags t WHERE run_id = %(id)s)",
            {"id": dagster_run_id},
        ).fetchone()
        assert row is not None
        on_disk = disk_bytes(settings.dagster_home / "storage" / dagster_run_id)
        print(
            f"{kind}: {row[0]} events of {row[1]} bytes together, run {row[2]}, tags {row[3]},"
            f" compute logs {on_disk} on the disk"
        )
    for query, what in (
        ("SELECT avg(pg_column_size(t.*))::int FROM dagster.job_ticks t", "bytes a tick"),
        (
            "SELECT sum(pg_column_size(s.*)) / (SELECT count(DISTINCT pipeline_name)"  # noqa: ISC004
            " FROM dagster.runs) FROM dagster.snapshots s",
            "bytes of snapshots a definition",
        ),
    ):
        row = connection.execute(query).fetchone()
        assert row is not None
        print(f"{row[0]} {what}")
    connection.rollback()


def show(title: str, sizes: Iterator[Size]) -> None:
    """A row a day, printed when all days are over."""
    table = Table(title=f"{title}, MB", title_justify="left")
    names = ["day", "in all", *_GROUPS, "compute logs", "runs", "ticks"]
    for name in names:
        table.add_column(name, justify="right")
    for size in sizes:
        parts = [f"{size.parts[name]:.0f}" for name in (*_GROUPS, "compute logs")]
        table.add_row(
            str(size.day), f"{size.total:.0f}", *parts, f"{size.runs:,}", f"{size.ticks:,}"
        )
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
