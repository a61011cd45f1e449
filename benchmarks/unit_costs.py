"""What one of everything costs: a run, a row, a tick, an import job. ``bill`` reckons with it.

Figures come from ``benchmarks/results.json``, as the suites have measured them, and from the growth
that ``docs/operations.md`` tells of. Where a suite has not run yet an estimate stands in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SCALES = (100, 1_000, 5_000)  # import jobs of the suites scale-…
_PARTS = ("database", "code-server", "webserver", "daemon", "api")
_DUE = "1,000 import jobs over 10 minutes"
_RUN = "a run whose feed answers 304, against one of four ops that do nothing"
_CHANGED = "a run of 5 MB that have changed, against one of four ops that do nothing"
_WARM = "runs whose feed answers 304, on warm workers against a process each: CPU of a run"
_PROCESS = "the process that Dagster launches for a run, 100 MB, against the limit"
_LOADED = "load 100,000 new rows into PostgreSQL, against a bare COPY and merge"
_WHOLE = (
    "the whole run less a Dagster run that does nothing, 100 MB,"
    " against a bare pipeline in one process"
)
_ROWS = 68_826  # of the feed of 100 MB


class Measured:
    """The results by name and unit; a ``KeyError`` says that one is not there yet."""

    def __init__(self, results: Sequence[Mapping[str, Any]]) -> None:
        self._found = {(one["name"], one["unit"]): one for one in results}

    def value(self, name: str, unit: str) -> float:
        return float(self._found[name, unit]["value"])

    def reference(self, name: str, unit: str) -> float:
        return float(self._found[name, unit]["reference"])

    def line(self, what: str, unit: str) -> tuple[float, float]:
        """Through the smallest and the largest installation: at no import job, and for each."""
        at = {
            size: self.value(name, unit)
            for size in SCALES
            if ((name := f"{size:,} import jobs: {what}"), unit) in self._found
        }
        if len(at) < 2:
            raise KeyError(what)
        small, large = min(at), max(at)
        each = (at[large] - at[small]) / (large - small)
        return at[small] - small * each, each

    def idle(self, *parts: str) -> float:
        """CPU seconds a minute that an import job costs these parts while nothing is due."""
        return sum(self.line(f"idle CPU of {part}", "CPU s/min")[1] for part in parts)

    def tick(self, part: str, *, runs: bool) -> float:
        """CPU seconds of a tick: what 200 a minute cost beyond an idle installation. ``runs``: the
        processes of the runs are counted with this part."""
        used = self.value(f"{_DUE}: CPU of {part}", "CPU s/min")
        used -= self.value(f"1,000 import jobs: idle CPU of {part}", "CPU s/min")
        if runs:
            used -= self.value(f"{_DUE}: runs", "/min") * self.value(_RUN, "CPU s")
        return max(used, 0.0) / self.value(f"{_DUE}: ticks", "/min")


@dataclass(frozen=True)
class Unit:
    """One thing, what it costs, and the suites that measure it."""

    what: str
    unit: str
    command: str
    figure: Callable[[Measured], float]
    estimate: float | None = None


@dataclass(frozen=True)
class Cost:
    """A unit with its figure."""

    of: Unit
    value: float
    is_measured: bool


_SCALE = " ".join(("python -m benchmarks", *(f"scale-{size}" for size in SCALES)))
_GROWTH = "python -m benchmarks.growth"
UNITS: Mapping[str, Unit] = {
    "run": Unit(
        "a run whose feed answers 304: its process",
        "CPU s",
        "python -m benchmarks unchanged",
        lambda m: m.value(_RUN, "CPU s"),
    ),
    "changed": Unit(
        "a run of 5 MB that have changed: its process",
        "CPU s",
        "python -m benchmarks unchanged",
        lambda m: m.value(_CHANGED, "CPU s"),
    ),
    "beside": Unit(
        "beside either: PostgreSQL, and Dagster's launching",
        "CPU s",
        "python -m benchmarks warm",
        # Of the default launcher's runs, without the code server, whose processes they are.
        lambda m: m.reference(_WARM, "CPU s") - m.reference(f"{_WARM}, code-server", "CPU s"),
        1.0,
    ),
    "warm": Unit(
        "a 304 run on a warm worker, all included",
        "CPU s",
        "python -m benchmarks warm",
        lambda m: m.value(_WARM, "CPU s"),
        1.1,
    ),
    "row": Unit(
        "a row through the four ops, PostgreSQL not included",
        "CPU µs",
        "python -m benchmarks runs",
        lambda m: 1e6 * m.value(_WHOLE, "CPU s") / _ROWS,
    ),
    "new_row": Unit(
        "a new row into PostgreSQL, from COPY to commit",
        "µs",
        "python -m benchmarks loading",
        lambda m: 1e6 / m.value(_LOADED, "rows/s"),
    ),
    "tick": Unit(
        "a tick of a schedule: the code server",
        "CPU s",
        "python -m benchmarks due scale-1000",
        lambda m: m.tick("code-server", runs=True),
        0.08,
    ),
    "daemon_tick": Unit(
        "a tick of a schedule: the daemon",
        "CPU s",
        "python -m benchmarks due scale-1000",
        lambda m: m.tick("daemon", runs=False),
        0.025,
    ),
    "refresh": Unit(
        "an idle import job: the daemon looks at each once a minute",
        "CPU s/min",
        _SCALE,
        lambda m: m.idle("daemon"),
        0.005,
    ),
    "code_idle": Unit(
        "an idle import job: the code server",
        "CPU s/min",
        _SCALE,
        lambda m: m.idle("code-server"),
        0.004,
    ),
    "other_idle": Unit(
        "an idle import job: PostgreSQL, webserver and API",
        "CPU s/min",
        _SCALE,
        lambda m: m.idle("database", "webserver", "api"),
        0.001,
    ),
    "idle": Unit(
        "an installation without import jobs, idle",
        "CPU s/min",
        _SCALE,
        lambda m: sum(m.line(f"idle CPU of {part}", "CPU s/min")[0] for part in _PARTS),
        4.0,
    ),
    "load": Unit(
        "an import job when the code location is loaded",
        "s",
        _SCALE,
        lambda m: m.line("from start until all are loaded", "s")[1],
        0.006,
    ),
    "reload": Unit(
        "an import job in the sensor's tick that reloads it",
        "s",
        _SCALE,
        lambda m: m.line("the tick of the sync sensor that reloads", "s")[1],
        0.02,
    ),
    "wait": Unit(
        "an import job in the time that a new one waits for its first run",
        "s",
        _SCALE,
        lambda m: m.line("from POST of one more to its Dagster job", "s")[1],
        0.02,
    ),
    "memory": Unit(
        "an import job in the memory of all parts",
        "MB",
        _SCALE,
        lambda m: sum(m.line(f"memory of {part}", "MB")[1] for part in _PARTS),
        0.4,
    ),
    "base_memory": Unit(
        "the memory of all parts without import jobs",
        "MB",
        _SCALE,
        lambda m: sum(m.line(f"memory of {part}", "MB")[0] for part in _PARTS),
        700.0,
    ),
    "run_memory": Unit(
        "the memory of a run's process at its peak",
        "MB",
        "python -m benchmarks launched",
        lambda m: m.value(_PROCESS, "MB peak"),
    ),
    # From the week of 200 import jobs in docs/operations.md, tables with their indexes. Of the 157
    # MB a day of event logs and runs 60 MB are of the 960 that loaded or failed, the others of
    # 3,840; 32 MB of 23,520 ticks; 16 MB of the store's in a week of 33,600.
    "unchanged_kb": Unit(
        "a run that found nothing new, in schema dagster", "kB", _GROWTH, lambda _: 25.0
    ),
    "loaded_kb": Unit(
        "a run that loaded or failed, in schema dagster", "kB", _GROWTH, lambda _: 62.0
    ),
    "own_kb": Unit("either, in schema impler: the API's history", "kB", _GROWTH, lambda _: 0.5),
    "tick_kb": Unit("a tick, in schema dagster", "kB", _GROWTH, lambda _: 1.4),
    "definition_kb": Unit(
        "an import job's snapshot, in schema dagster", "kB", _GROWTH, lambda _: 4.3
    ),
    "unchanged_log_kb": Unit(
        "compute logs of a run that found nothing new", "kB", _GROWTH, lambda _: 12.0
    ),
    "loaded_log_kb": Unit("compute logs of one that loaded", "kB", _GROWTH, lambda _: 16.0),
}


def costs(results: Sequence[Mapping[str, Any]]) -> dict[str, Cost]:
    """All units with their figures, by key."""
    measured = Measured(results)
    return {key: _cost(unit, measured) for key, unit in UNITS.items()}


def _cost(unit: Unit, measured: Measured) -> Cost:
    try:
        return Cost(unit, unit.figure(measured), is_measured=True)
    except KeyError:
        if unit.estimate is None:
            raise
        return Cost(unit, unit.estimate, is_measured=False)
