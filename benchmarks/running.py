"""Whole runs on the real stack: time and memory of each op in the run's process.

Beside them, in the same turns: a bare lxml walk of the feed, a bare COPY and merge of its rows,
both in one process from the feed's URL on, and a Dagster run of four ops that do nothing.
"""

from __future__ import annotations

import dataclasses
import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from benchmarks.feeds import COLUMNS, FIELDS, ITEM, changed_feed_of, feed_of, pieces
from benchmarks.loading import typed_rows_of
from benchmarks.measuring import measured
from benchmarks.results import Result
from benchmarks.stack import shop
from impler_pipelines.model import Column, FieldMapping
from impler_pipelines.settings import Settings
from impler_pipelines_tests.end_to_end.running_stack import until
from impler_pipelines_tests.end_to_end.shop import Shop
from impler_pipelines_tests.feed_server import Handler
from impler_pipelines_tests.measured_run import (
    EXTRACT,
    FETCH,
    LOAD,
    MAP,
    Lap,
    MeasuredRun,
    measured_run,
    peak_mb,
)
from impler_pipelines_tests.unusual_feeds import many_paths, one_large_item, tiny_items

PEAK_MB = 300.0  # what a run's process may take
_MOST_TURNS = 5
_LARGER = 10  # the larger feed is so many times the size
_PATIENCE_SECONDS = 1800.0
_WHOLE = "the whole run"
_WALK, _BARE_LOAD = "a bare lxml walk", "a bare COPY and merge"
_NO_OP = "a Dagster run that does nothing"
_PIPELINE = "a bare pipeline in one process"
_LESS_NO_OP = f"{_WHOLE} less {_NO_OP}"
_SMALL = b"".join(pieces(1))
_PLAIN = (Column("title", "Title", is_required=True), Column("link", "Link", is_unique=True))
_PLAIN_FIELDS = tuple(FieldMapping(c.key, f"{ITEM} > {c.key}") for c in _PLAIN)
_UNUSUAL: dict[str, Callable[[], bytes]] = {
    "150,000 tiny items": partial(tiny_items, 150_000),
    "a single item of 50 MB": partial(one_large_item, 50),
    "2,000 different paths": partial(many_paths, 2000, items=500),
}


class Bench:
    """Import jobs on a running stack, each with a feed and a table of its own."""

    def __init__(self, one: Shop) -> None:
        self._one = one
        self._jobs = 0
        self.environment = one.stack.environment
        self.store_url = Settings.load(home=one.stack.home, database_url="").plain_store_url

    def import_job(
        self,
        sample: bytes,
        feed: bytes | Path,
        columns: Sequence[Column] = COLUMNS,
        fields: Sequence[FieldMapping] = FIELDS,
    ) -> str:
        """A new import job, made while its URL serves the ``sample``, and the ``feed`` after."""
        self._jobs += 1
        name = f"bench_{self._jobs}"
        routes = self._one.feeds.routes
        routes[f"/{name}.xml"] = (200, {}, sample)
        made = self._one.import_job(
            name,
            columns=[_column(column) for column in columns],
            mappings=[{"key": f.key, "path": f.path, "repeated": f.repeated} for f in fields],
            runNow=False,
        )
        answer = partial(_send_file, feed) if isinstance(feed, Path) else (200, {}, feed)
        routes[f"/{name}.xml"] = answer
        return str(made["_id"])

    def serve(self, feed: Path) -> str:
        """The URL of a feed that belongs to no import job."""
        self._one.feeds.routes["/bare.xml"] = partial(_send_file, feed)
        return self._one.feeds.url("/bare.xml")

    def run(self, job_id: str) -> MeasuredRun:
        """One run in a process of its own, which must succeed."""
        found = measured_run(job_id, self.environment)
        self.check(job_id)
        return found

    def serve_to(self, job_id: str, feed: Path) -> None:
        """Let the import job's URL give another feed."""
        path = urlsplit(self._one.stack.read(job_id)["url"]).path
        self._one.feeds.routes[path] = partial(_send_file, feed)

    def last_run(self, job_id: str) -> dict[str, Any]:
        """The last run as the API shows it."""
        return dict(self._one.stack.runs(job_id)[0])

    def check(self, job_id: str) -> None:
        """Stop unless the last run has loaded rows."""
        last = self.last_run(job_id)
        if last["status"] != "SUCCESS" or not last["valid"]:
            raise SystemExit(f"the run ended as {last}")


def results(megabytes: int, runs: int) -> list[Result]:
    """Each op of runs on a feed of that size, on one of ten times the size, and unusual feeds."""
    again = f"python -m benchmarks runs --megabytes {megabytes}"
    larger = megabytes * _LARGER
    with shop(only="database,api", rows_in_store=True) as one:
        bench = Bench(one)
        turns = [_turn(bench, megabytes) for _ in range(min(runs, _MOST_TURNS))]
        usual = _median(turns)
        large = _laps(bench.run(bench.import_job(_SMALL, feed_of(larger))))
        made = _beside_references(usual, megabytes, again)
        made += _second_run(bench, megabytes, again)
        for op in (FETCH, EXTRACT, MAP, LOAD, _WHOLE):
            name = f"{_called(op)}, {larger} MB, against {megabytes} MB"
            made += _compared(name, large[op], usual[op], again, larger, megabytes)
        for shape, feed in _UNUSUAL.items():
            document = feed()
            run = bench.run(bench.import_job(document, document, _PLAIN, _PLAIN_FIELDS))
            name = f"{_WHOLE} of a feed of {shape}, against {_NO_OP}"
            made += _compared(name, _laps(run)[_WHOLE], usual[_NO_OP], again)
    return made


def _second_run(bench: Bench, megabytes: int, again: str) -> list[Result]:
    """A second run of the same feed, in which one item of a hundred has changed."""
    job_id = bench.import_job(_SMALL, feed_of(megabytes))
    bench.run(job_id)
    feed, changed = changed_feed_of(megabytes)
    bench.serve_to(job_id, feed)
    second = bench.run(job_id)
    last = bench.last_run(job_id)
    written = last["inserted"] + last["updated"] + last["deleted"]
    if (written, last["unchanged"]) != (changed, last["valid"] - changed):
        raise SystemExit(f"{changed} items have changed, and the run ended as {last}")
    name = f"a second run, {megabytes} MB with 1 % of the items changed"
    return [
        Result(f"{name}, rows written against rows", written, "rows", last["valid"], again),
        Result(name, second.cpu_seconds, "CPU s", None, again),
        Result(name, second.peak_mb, "MB peak", None, again),
    ]


def launched(megabytes: int, runs: int) -> list[Result]:  # noqa: ARG001 - one run of each size
    """The peak of the processes that Dagster's default launcher starts for runs of both sizes."""
    larger = megabytes * _LARGER
    with shop(rows_in_store=True) as one:
        bench = Bench(one)
        peak = _launched_peak(bench, one, megabytes)
        larger_peak = _launched_peak(bench, one, larger)
    again = f"python -m benchmarks launched --megabytes {megabytes}"
    name = "the process that Dagster launches for a run,"
    return [
        Result(f"{name} {megabytes} MB, against the limit", peak, "MB peak", PEAK_MB, again),
        Result(f"{name} {larger} MB, against {megabytes} MB", larger_peak, "MB peak", peak, again),
    ]


def _launched_peak(bench: Bench, one: Shop, megabytes: int) -> float:
    job_id = bench.import_job(_SMALL, feed_of(megabytes))
    started, peaks = time.time(), dict[int, float]()
    one.stack.call("POST", f"/v1/import-jobs/{job_id}/runs", status=202)

    def has_ended() -> bool:
        for process in psutil.Process().children(recursive=True):
            _note_peak(process, started, peaks)
        return bool(one.stack.ended(job_id, "MANUAL"))

    until(has_ended, f"the end of a run of {megabytes} MB", _PATIENCE_SECONDS)
    bench.check(job_id)
    return max(peaks.values())


def _turn(bench: Bench, megabytes: int) -> dict[str, Lap]:
    feed = feed_of(megabytes)
    taken = _laps(bench.run(bench.import_job(_SMALL, feed)))
    walk = measured("benchmarks.extraction", "bare", feed)
    load = measured("benchmarks.loading", typed_rows_of(feed), bench.store_url)
    pipeline = measured("benchmarks.pipeline", bench.serve(feed), bench.store_url)
    no_op = measured("benchmarks.no_op", environment=bench.environment)
    references = {_WALK: walk, _BARE_LOAD: load, _PIPELINE: pipeline, _NO_OP: no_op}
    for name, found in references.items():
        taken[name] = Lap(found.cpu_seconds, found.wall_seconds, found.peak_mb)
    whole = taken[_WHOLE]
    taken[_LESS_NO_OP] = Lap(
        whole.cpu_seconds - no_op.cpu_seconds,
        whole.wall_seconds - no_op.wall_seconds,
        whole.peak_mb,
    )
    return taken


def _laps(run: MeasuredRun) -> dict[str, Lap]:
    wall = sum(lap.wall_seconds for lap in run.laps.values())
    return {**run.laps, _WHOLE: Lap(run.cpu_seconds, wall, run.peak_mb)}


def _median(turns: Sequence[dict[str, Lap]]) -> dict[str, Lap]:
    def middle(name: str, figure: str) -> float:
        return statistics.median(getattr(turn[name], figure) for turn in turns)

    figures = [field.name for field in dataclasses.fields(Lap)]
    return {name: Lap(*(middle(name, figure) for figure in figures)) for name in turns[0]}


def _called(op: str) -> str:
    return op if op in (_WHOLE, _LESS_NO_OP) else f"the op {op}"


def _beside_references(usual: dict[str, Lap], megabytes: int, again: str) -> list[Result]:
    made = []
    references = {
        EXTRACT: _WALK,
        LOAD: _BARE_LOAD,
        _WHOLE: _NO_OP,
        _LESS_NO_OP: _PIPELINE,
    }
    for op in (FETCH, EXTRACT, MAP, LOAD, _WHOLE, _LESS_NO_OP):
        reference = references.get(op)
        other = usual[reference] if reference else None
        name = f"{_called(op)}, {megabytes} MB" + (f", against {reference}" if reference else "")
        compares_speed = None if op in (_WHOLE, _LESS_NO_OP) else megabytes
        has_speed = None if op == _LESS_NO_OP else megabytes
        made += _compared(name, usual[op], other, again, has_speed, compares_speed)
    return made


def _compared(
    name: str,
    lap: Lap,
    other: Lap | None,
    again: str,
    megabytes: int | None = None,
    other_megabytes: int | None = None,
) -> list[Result]:
    """Speed, where megabytes are given, CPU time and peak memory."""
    speed = megabytes / lap.wall_seconds if megabytes else None
    other_speed = other_megabytes / other.wall_seconds if other and other_megabytes else None
    figures = [
        ("MB/s", speed, other_speed),
        ("CPU s", lap.cpu_seconds, other.cpu_seconds if other else None),
        ("MB peak", lap.peak_mb, other.peak_mb if other else None),
    ]
    return [
        Result(name, value, unit, reference, again)
        for unit, value, reference in figures
        if value is not None
    ]


def _note_peak(process: psutil.Process, started: float, peaks: dict[int, float]) -> None:
    """Runs are launched by multiprocessing's way to start an interpreter anew."""
    with suppress(psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        if process.create_time() > started and "spawn_main" in " ".join(process.cmdline()):
            peaks[process.pid] = peak_mb(process.pid)


def _send_file(feed: Path, handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(feed.stat().st_size))
    handler.end_headers()
    with feed.open("rb") as file:
        shutil.copyfileobj(file, handler.wfile, 1024**2)


def _column(column: Column) -> dict[str, Any]:
    return {
        "key": column.key,
        "name": column.name,
        "type": column.type,
        "isRequired": column.is_required,
        "isUnique": column.is_unique,
    }
