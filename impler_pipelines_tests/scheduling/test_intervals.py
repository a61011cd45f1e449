from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impler_pipelines.errors import RequestInvalid
from impler_pipelines.model import Interval, Unit
from impler_pipelines.scheduling import anchored, interval_to_json, parse_interval
from impler_pipelines.scheduling.intervals import MOST, WEEKDAYS


class TestParse:
    @pytest.mark.parametrize(
        ("given_json", "expected"),
        [
            pytest.param(
                {"every": 15, "unit": "minutes"}, Interval(15, Unit.MINUTES), id="fewest keys"
            ),
            pytest.param(
                {"every": 3, "unit": "days", "at": "09:30", "startsOn": "2026-02-28"},
                Interval(3, Unit.DAYS, at=dt.time(9, 30), starts_on=dt.date(2026, 2, 28)),
                id="days",
            ),
            pytest.param(
                {"every": 2, "unit": "weeks", "weekdays": ["THU", "MON", "THU"]},
                Interval(2, Unit.WEEKS, weekdays=("MON", "THU")),
                id="weekdays once each, in order",
            ),
            pytest.param(
                {"every": 1, "unit": "months", "dayOfMonth": 31, "at": "00:00"},
                Interval(1, Unit.MONTHS, at=dt.time(0), day_of_month=31),
                id="months at midnight",
            ),
            pytest.param(
                {"every": 1, "unit": "hours", "at": None, "weekdays": None, "dayOfMonth": None},
                Interval(1, Unit.HOURS),
                id="null is absent",
            ),
        ],
    )
    def test_reads(self, given_json: dict[str, Any], expected: Interval) -> None:
        assert parse_interval(given_json) == expected

    @pytest.mark.parametrize(
        ("given_json", "field"),
        [
            pytest.param({"unit": "days"}, "interval.every", id="every missing"),
            pytest.param({"every": 1}, "interval.unit", id="unit missing"),
            pytest.param({"every": 0, "unit": "days"}, "interval.every", id="every 0"),
            pytest.param({"every": -5, "unit": "days"}, "interval.every", id="every negative"),
            pytest.param({"every": True, "unit": "days"}, "interval.every", id="every true"),
            pytest.param({"every": "3", "unit": "days"}, "interval.every", id="every text"),
            pytest.param({"every": 1.5, "unit": "days"}, "interval.every", id="every fraction"),
            pytest.param({"every": 3651, "unit": "days"}, "interval.every", id="over ten years"),
            pytest.param({"every": 10**30, "unit": "minutes"}, "interval.every", id="absurd"),
            pytest.param({"every": 1, "unit": "seconds"}, "interval.unit", id="unit unknown"),
            pytest.param({"every": 1, "unit": ["days"]}, "interval.unit", id="unit a list"),
            pytest.param({"every": 1, "unit": "days", "at": "24:00"}, "interval.at", id="24:00"),
            pytest.param({"every": 1, "unit": "days", "at": "9:30"}, "interval.at", id="9:30"),
            pytest.param({"every": 1, "unit": "days", "at": "٠٩:٣٠"}, "interval.at", id="digits"),
            pytest.param({"every": 1, "unit": "days", "at": 930}, "interval.at", id="at a number"),
            pytest.param(
                {"every": 1, "unit": "days", "weekdays": ["MON"]},
                "interval.weekdays",
                id="weekdays with days",
            ),
            pytest.param(
                {"every": 1, "unit": "weeks", "weekdays": []}, "interval.weekdays", id="no weekday"
            ),
            pytest.param(
                {"every": 1, "unit": "weeks", "weekdays": "MON"},
                "interval.weekdays",
                id="weekdays text",
            ),
            pytest.param(
                {"every": 1, "unit": "weeks", "weekdays": ["MON", {}]},
                "interval.weekdays",
                id="weekday an object",
            ),
            pytest.param(
                {"every": 1, "unit": "days", "dayOfMonth": 3},
                "interval.dayOfMonth",
                id="dayOfMonth with days",
            ),
            pytest.param(
                {"every": 1, "unit": "months", "dayOfMonth": 32}, "interval.dayOfMonth", id="day 32"
            ),
            pytest.param(
                {"every": 1, "unit": "months", "dayOfMonth": 0}, "interval.dayOfMonth", id="day 0"
            ),
            pytest.param(
                {"every": 1, "unit": "days", "startsOn": "2026-02-30"},
                "interval.startsOn",
                id="30 February",
            ),
            pytest.param(
                {"every": 1, "unit": "days", "startsOn": "20260228"},
                "interval.startsOn",
                id="date without dashes",
            ),
            pytest.param(
                {"every": 1, "unit": "days", "startsOn": "0001-01-01"},
                "interval.startsOn",
                id="the year 1",
            ),
            pytest.param({"every": 1, "unit": "days", "utc": 1}, "interval.utc", id="unknown key"),
        ],
    )
    def test_refuses(self, given_json: dict[str, Any], field: str) -> None:
        with pytest.raises(RequestInvalid) as refused:
            parse_interval(given_json)
        assert [problem.field for problem in refused.value.problems] == [field]

    def test_names_every_problem_at_once(self) -> None:
        with pytest.raises(RequestInvalid) as refused:
            parse_interval({"every": "x", "at": "noon", "tz": "UTC"})
        fields = {problem.field for problem in refused.value.problems}
        assert fields == {"interval.every", "interval.unit", "interval.at", "interval.tz"}

    def test_refuses_what_is_no_object(self) -> None:
        with pytest.raises(RequestInvalid, match="must be an object"):
            parse_interval(["every", 1])  # type: ignore[arg-type]

    @settings(deadline=None)
    @given(
        st.dictionaries(
            st.sampled_from(["every", "unit", "at", "weekdays", "dayOfMonth", "startsOn", "x"]),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
                lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
                max_leaves=4,
            ),
        )
    )
    def test_any_json_is_read_or_refused(self, value: dict[str, Any]) -> None:
        try:
            interval = parse_interval(value)
        except RequestInvalid:
            return
        assert parse_interval(interval_to_json(interval)) == interval


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    unit = draw(st.sampled_from(Unit))
    weekdays = draw(st.sets(st.sampled_from(WEEKDAYS))) if unit is Unit.WEEKS else set()
    day = draw(st.none() | st.integers(1, 31)) if unit is Unit.MONTHS else None
    return Interval(
        every=draw(st.integers(1, MOST[unit])),
        unit=unit,
        at=draw(st.none() | st.builds(dt.time, st.integers(0, 23), st.integers(0, 59))),
        weekdays=tuple(day for day in WEEKDAYS if day in weekdays),
        day_of_month=day,
        starts_on=draw(st.none() | st.dates(dt.date(1973, 1, 1), dt.date(2199, 12, 31))),
    )


class TestToJson:
    def test_writes_only_what_is_there(self) -> None:
        assert interval_to_json(Interval(15, Unit.MINUTES)) == {"every": 15, "unit": "minutes"}

    @settings(deadline=None)
    @given(intervals())
    def test_what_is_written_reads_the_same(self, interval: Interval) -> None:
        assert parse_interval(interval_to_json(interval)) == interval


class TestAnchored:
    @pytest.mark.parametrize(
        ("interval", "expected"),
        [
            pytest.param(
                Interval(3, Unit.DAYS),
                Interval(3, Unit.DAYS, starts_on=dt.date(2026, 11, 22)),
                id="days start today",
            ),
            pytest.param(
                Interval(2, Unit.WEEKS),
                Interval(2, Unit.WEEKS, weekdays=("SUN",), starts_on=dt.date(2026, 11, 22)),
                id="weekday of today",
            ),
            pytest.param(
                Interval(2, Unit.WEEKS, starts_on=dt.date(2026, 11, 18)),
                Interval(2, Unit.WEEKS, weekdays=("WED",), starts_on=dt.date(2026, 11, 18)),
                id="weekday of startsOn",
            ),
            pytest.param(
                Interval(1, Unit.MONTHS, starts_on=dt.date(2026, 1, 31)),
                Interval(1, Unit.MONTHS, day_of_month=31, starts_on=dt.date(2026, 1, 31)),
                id="day of startsOn",
            ),
        ],
    )
    def test_fills_what_it_counts_from(self, interval: Interval, expected: Interval) -> None:
        assert anchored(interval, today=dt.date(2026, 11, 22)) == expected

    @settings(deadline=None)
    @given(intervals(), st.dates(dt.date(2026, 1, 1), dt.date(2030, 1, 1)), st.dates())
    def test_a_second_time_changes_nothing(
        self, interval: Interval, today: dt.date, later: dt.date
    ) -> None:
        once = anchored(interval, today=today)
        assert anchored(once, today=later) == once
