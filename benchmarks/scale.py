"""One installation at 100, 1,000 and 5,000 import jobs, none of them due: what they cost."""

from __future__ import annotations

import statistics
import time

import requests

from benchmarks.many import PARTS, add_import_jobs, cpu_seconds, memory_mb
from benchmarks.results import Result
from benchmarks.stack import shop
from impler_pipelines.orchestration.names import SYNC_SENSOR
from impler_pipelines_tests.end_to_end.running_stack import RunningStack, until
from impler_pipelines_tests.end_to_end.shop import Shop

_IDLE_SECONDS = 300.0
_SETTLE_SECONDS = 70.0  # a sweep, and the daemon's first look at all schedules
_PATIENCE_SECONDS = 900.0
_RELOAD = """mutation { reloadRepositoryLocation(repositoryLocationName: "impler_pipelines") {
  __typename } }"""
_TICKS = """query ($selector: SensorSelector!) { sensorOrError(sensorSelector: $selector) {
  ... on Sensor { sensorState { ticks(limit: 200) { timestamp endTimestamp } } } } }"""


def hundred(megabytes: int, runs: int) -> list[Result]:  # noqa: ARG001 - nothing is imported
    """Load, reload, memory, idle CPU and sensor ticks."""
    return _of(100)


def thousand(megabytes: int, runs: int) -> list[Result]:  # noqa: ARG001
    """The same."""
    return _of(1_000)


def five_thousand(megabytes: int, runs: int) -> list[Result]:  # noqa: ARG001
    """The same."""
    return _of(5_000)


def _of(size: int) -> list[Result]:
    with shop(only="database,api", rows_in_store=True) as one:
        add_import_jobs(one.stack, size)
        one.stack.stop()
        return _held(one, size)


def _held(one: Shop, size: int) -> list[Result]:
    stack = one.stack
    began = time.monotonic()
    stack.start()
    until(lambda: len(stack.job_names()) > size, "all Dagster jobs", _PATIENCE_SECONDS)
    loaded = time.monotonic() - began
    time.sleep(_SETTLE_SECONDS)
    before, began_at = cpu_seconds(stack), time.time()
    time.sleep(_IDLE_SECONDS)
    used = {part: seconds - before[part] for part, seconds in cpu_seconds(stack).items()}
    memory = memory_mb(stack)
    idle = _tick_seconds(stack, since=began_at)
    reloads = [_reload_seconds(stack) for _ in range(3)]
    time.sleep(_SETTLE_SECONDS)
    changed_at = time.time()
    one.import_job(f"one_more_{size}", runNow=False)
    until(lambda: len(stack.job_names()) > size + 1, "one more Dagster job", _PATIENCE_SECONDS)
    known = time.time() - changed_at
    until(lambda: _tick_seconds(stack, since=changed_at), "the tick's end", _PATIENCE_SECONDS)
    after = max(_tick_seconds(stack, since=changed_at))

    def told(what: str, value: float, unit: str) -> Result:
        command = f"python -m benchmarks scale-{size}"
        return Result(f"{size:,} import jobs: {what}", value, unit, None, command)

    return [
        told("from start until all are loaded", loaded, "s"),
        told("a reload of the code location", statistics.median(reloads), "s"),
        told("from POST of one more to its Dagster job", known, "s"),
        told("an idle tick of the sync sensor", statistics.median(idle) * 1000, "ms"),
        told("the tick of the sync sensor that reloads", after, "s"),
        *(told(f"memory of {part}", memory[part], "MB") for part in PARTS),
        *(
            told(f"idle CPU of {part}", used[part] * 60 / _IDLE_SECONDS, "CPU s/min")
            for part in PARTS
        ),
    ]


def _reload_seconds(stack: RunningStack) -> float:
    began = time.monotonic()
    answer = requests.post(
        stack.graphql_url, json={"query": _RELOAD}, timeout=_PATIENCE_SECONDS
    ).json()
    if "errors" in answer:
        raise SystemExit(str(answer))
    return time.monotonic() - began


def _tick_seconds(stack: RunningStack, *, since: float) -> list[float]:
    """How long the sync sensor's ticks took that began since then and are over."""
    selector = {
        "repositoryLocationName": "impler_pipelines",
        "repositoryName": "imports",
        "sensorName": SYNC_SENSOR,
    }
    state = stack.dagster(_TICKS, selector=selector)["sensorOrError"]["sensorState"]
    return [
        tick["endTimestamp"] - tick["timestamp"]
        for tick in state["ticks"]
        if tick["endTimestamp"] and tick["timestamp"] >= since
    ]
