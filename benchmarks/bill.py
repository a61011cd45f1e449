"""``python -m benchmarks.bill``: what many import jobs cost, reckoned from what one costs.

All of it is linear in the number of import jobs. Prints the tables of ``docs/operations.md`` and
puts them in; what rests on an estimate is marked ``≈``, there with the command that measures it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.unit_costs import Cost, costs
from benchmarks.week import MIX

RESULTS = Path(__file__).parent / "results.json"
DOCUMENT = Path(__file__).parent.parent / "docs" / "operations.md"
SIZES = (1_000, 10_000, 100_000)
INTERVALS = {"hourly": 60.0, "daily": 24 * 60.0}  # minutes between two runs of an import job

_UNCHANGED = MIX["UNCHANGED"] / 100  # of all runs
_LOADED = 1 - _UNCHANGED  # those that failed are as large as those that loaded
_DAY, _MONTH_DAYS = 24 * 60.0, 30.0
# Settings as they are unless they are changed.
_KEPT_UNCHANGED_DAYS, _KEPT_LOADED_DAYS, _KEPT_TICKS_DAYS, _KEPT_LOGS_DAYS = 3.0, 30.0, 7.0, 7.0
_SLOTS = 10  # max_concurrent_runs
_CONNECTIONS = 200  # max_connections of the embedded PostgreSQL
_LOAD_SECONDS = 180.0  # DAGSTER_REPOSITORY_GRPC_TIMEOUT_SECONDS
_RELOAD_SECONDS = 300.0  # DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS, as `make run` sets it
_PATIENCE_SECONDS = 60.0  # of a person who waits for a first run
# Seen, and not measured by a suite.
_SWEPT_AN_HOUR = 19_000.0  # runs that the sweep deletes
_SLOT_SECONDS = 5.0  # that a run has a slot
_HEADROOM = 2.0  # slots for twice the mean: due times are spread, and not evenly
_OWN_CONNECTIONS, _RUN_CONNECTIONS = 40, 5


@dataclass(frozen=True)
class Bill:
    """One installation. ``limits``: how much of what can't grow with the machine is used."""

    cores: float
    warm_cores: float
    slots: float
    memory_gb: float
    database_gb: float
    logs_gb: float
    limits: Mapping[str, float]


def bill(import_jobs: int, minutes: float, known: Mapping[str, Cost]) -> Bill:
    """What so many import jobs cost that run once in so many minutes each."""
    one = {key: cost.value for key, cost in known.items()}
    runs = import_jobs / minutes  # a minute, and as many ticks
    idle = one["idle"] + import_jobs * (one["refresh"] + one["code_idle"] + one["other_idle"])
    ticks = runs * (one["tick"] + one["daemon_tick"])
    changed = _LOADED * (one["changed"] - one["run"])
    slots = max(1.0, _HEADROOM * runs / 60 * _SLOT_SECONDS)
    a_day = runs * _DAY
    kept_kb = (
        a_day * _UNCHANGED * _KEPT_UNCHANGED_DAYS * one["unchanged_kb"]
        + a_day * _LOADED * _KEPT_LOADED_DAYS * one["loaded_kb"]
        + a_day * _KEPT_TICKS_DAYS * one["tick_kb"]
        + a_day * _MONTH_DAYS * one["own_kb"]
        + import_jobs * one["definition_kb"]
    )
    logs_kb = (
        a_day * _UNCHANGED * _KEPT_UNCHANGED_DAYS * one["unchanged_log_kb"]
        + a_day * _LOADED * _KEPT_LOGS_DAYS * one["loaded_log_kb"]
    )
    return Bill(
        cores=(idle + ticks + runs * (one["run"] + one["beside"] + changed)) / 60,
        warm_cores=(idle + ticks + runs * (one["warm"] + changed)) / 60,
        slots=slots,
        memory_gb=(one["base_memory"] + import_jobs * one["memory"] + slots * one["run_memory"])
        / 1e3,
        database_gb=kept_kb / 1e6,
        logs_gb=logs_kb / 1e6,
        limits={
            "daemon": (import_jobs * one["refresh"] + runs * one["daemon_tick"]) / 60,
            "code server": (import_jobs * one["code_idle"] + runs * one["tick"]) / 60,
            "load": import_jobs * one["load"] / _LOAD_SECONDS,
            "first run": import_jobs * one["wait"] / _PATIENCE_SECONDS,
            "reload": import_jobs * one["reload"] / _RELOAD_SECONDS,
            "sweep": runs * 60 / _SWEPT_AN_HOUR,
            "slots": slots / _SLOTS,
            "connections": (_OWN_CONNECTIONS + slots * _RUN_CONNECTIONS) / _CONNECTIONS,
        },
    )


def unit_table(known: Mapping[str, Cost]) -> Iterator[str]:
    """What each unit costs and how to measure it, as rows of Markdown."""
    yield "| what | cost | again |"
    yield "|---|--:|---|"
    for cost in known.values():
        shown = f"{_shown(cost.value)} {cost.of.unit}"
        if not cost.is_measured:
            shown = f"≈ {shown} <!-- measure: {cost.of.command} -->"
        yield f"| {cost.of.what} | {shown} | `{cost.of.command}` |"


def bill_table(known: Mapping[str, Cost]) -> Iterator[str]:
    """A row for each size and interval; limits that are passed, most first, or the nearest one."""
    yield (
        "| import jobs | runs a minute | cores | with warm workers | slots | memory, GB"
        " | database after a month, GB | compute logs, GB | breaks first |"
    )
    yield "|---|--:|--:|--:|--:|--:|--:|--:|---|"
    for size in SIZES:
        for interval, minutes in INTERVALS.items():
            one = bill(size, minutes, known)
            figures = (
                size / minutes,
                one.cores,
                one.warm_cores,
                one.slots,
                one.memory_gb,
                one.database_gb,
                one.logs_gb,
            )
            cells = " | ".join(_shown(figure) for figure in figures)
            yield f"| {size:,} {interval} | {cells} | {_breaking(one.limits)} |"


def _breaking(limits: Mapping[str, float]) -> str:
    most_first = sorted(limits.items(), key=lambda limit: limit[1], reverse=True)
    passed = [f"{name} {_times(used)}" for name, used in most_first if used > 1]
    return ", ".join(passed) or f"nothing; nearest: {most_first[0][0]} {_times(most_first[0][1])}"


def _times(used: float) -> str:
    return f"{100 * used:,.0f} %"


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def updated(text: str, known: Mapping[str, Cost]) -> str:
    """The document with both tables as they are now."""
    for name, rows in (("units", unit_table(known)), ("bills", bill_table(known))):
        before, begin, after = text.partition(f"<!-- {name}: python -m benchmarks.bill -->\n")
        _, end, after = after.partition(f"<!-- end of {name} -->")
        if not end:
            raise SystemExit(f"{DOCUMENT.name} has no place for {name}")
        text = before + begin + "".join(f"{row}\n" for row in rows) + end + after
    return text


def update() -> dict[str, Cost]:
    """Put both tables into the document; what they are reckoned from."""
    known = costs(json.loads(RESULTS.read_text()))
    DOCUMENT.write_text(updated(DOCUMENT.read_text(), known))
    return known


def main() -> None:
    known = update()
    print(*unit_table(known), "", *bill_table(known), sep="\n")


if __name__ == "__main__":
    main()
