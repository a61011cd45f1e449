"""The bills of the operator's guide are those that the benchmarks' results give."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks import bill
from benchmarks.unit_costs import UNITS, costs

RESULTS: list[dict[str, Any]] = json.loads(bill.RESULTS.read_text())


def scale(size: int, **told: float) -> list[dict[str, Any]]:
    """What a suite ``scale-…`` has measured."""
    parts = ("database", "code-server", "webserver", "daemon", "api")
    named = {
        **{f"idle CPU of {part}": ("CPU s/min", told["idle"]) for part in parts},
        **{f"memory of {part}": ("MB", told["memory"]) for part in parts},
        "from start until all are loaded": ("s", told["load"]),
        "the tick of the sync sensor that reloads": ("s", told["load"]),
        "from POST of one more to its Dagster job": ("s", told["load"]),
    }
    return [
        {"name": f"{size:,} import jobs: {what}", "unit": unit, "value": value}
        for what, (unit, value) in named.items()
    ]


def test_the_guide_has_the_tables_of_the_results() -> None:
    text = bill.DOCUMENT.read_text()
    assert bill.updated(text, costs(RESULTS)) == text, "python -m benchmarks.bill makes them anew"


def test_what_is_not_measured_is_marked() -> None:
    known = costs(RESULTS)
    rows = [*bill.unit_table(known)][2:]
    assert len(rows) == len(UNITS)
    for row, cost in zip(rows, known.values(), strict=True):
        assert ("≈" in row) == (not cost.is_measured)
        assert (f"<!-- measure: {cost.of.command} -->" in row) == (not cost.is_measured)


def test_a_measurement_takes_the_place_of_its_estimate() -> None:
    others = [one for one in RESULTS if "import jobs: " not in one["name"]]
    assert not costs([*others, *scale(100, idle=1, memory=100, load=2)])["refresh"].is_measured
    measured = costs(
        [
            *others,
            *scale(100, idle=1, memory=100, load=2),
            *scale(5_000, idle=50, memory=198, load=51),
        ]
    )
    assert measured["refresh"].is_measured
    assert measured["refresh"].value == pytest.approx(0.01)  # a minute, for each import job
    assert measured["idle"].value == pytest.approx(0)
    assert measured["memory"].value == pytest.approx(5 * 0.02)  # parts
    assert measured["base_memory"].value == pytest.approx(5 * 98)
    assert measured["load"].value == pytest.approx(0.01)


class TestBill:
    def test_grows_with_the_import_jobs_and_with_how_often_they_run(self) -> None:
        known = costs(RESULTS)
        small, large = bill.bill(1_000, 60, known), bill.bill(100_000, 60, known)
        seldom = bill.bill(1_000, 24 * 60, known)
        for what in ("cores", "warm_cores", "memory_gb", "database_gb", "logs_gb"):
            assert getattr(seldom, what) < getattr(small, what) < getattr(large, what)
        assert large.database_gb == pytest.approx(100 * small.database_gb)

    def test_names_what_breaks_most_first(self) -> None:
        known = costs(RESULTS)
        row = [*bill.bill_table(known)][2:]
        most = next(line for line in row if line.startswith("| 100,000 hourly"))
        limits = bill.bill(100_000, 60, known).limits
        worst = max(limits, key=lambda name: limits[name])
        assert most.split("|")[-2].strip().startswith(worst)

    def test_of_the_week_that_it_rests_on(self) -> None:
        """200 hourly import jobs end at 2.6 GB, compute logs included, as the guide says."""
        one = bill.bill(200, 60, costs(RESULTS))
        assert one.database_gb + one.logs_gb == pytest.approx(2.6, rel=0.1)
