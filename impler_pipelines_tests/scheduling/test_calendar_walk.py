from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impler_pipelines.model import Interval, Unit
from impler_pipelines.scheduling import Timing, anchored, next_run
from impler_pipelines_tests.scheduling.clock_walk import NAMES, count_dates, watch_clock

MINUTE, DAY = dt.timedelta(minutes=1), dt.timedelta(days=1)
YEARS = 10
# Half-hour changes, changes at midnight, a skipped day, a change of rules, two hours at once, a
# clock that follows the moon.
FIRST_YEARS = {
    "Europe/Berlin": 2024,
    "America/New_York": 2024,
    "Australia/Lord_Howe": 2024,
    "Pacific/Apia": 2008,
    "Africa/Casablanca": 2024,
    "Africa/Cairo": 2020,
    "Antarctica/Troll": 2024,
    "Asia/Tehran": 2018,
}
TIMES = [
    dt.time(0, 0),
    dt.time(0, 30),
    dt.time(1, 45),
    dt.time(2, 0),
    dt.time(2, 30),
    dt.time(3, 0),
    dt.time(9, 30),
    dt.time(23, 45),
]
ZONES = st.sampled_from(sorted(FIRST_YEARS))


@cache
def ten_years(zone: str) -> dict[dt.datetime, dt.datetime]:
    begin = dt.datetime(FIRST_YEARS[zone] - 1, 12, 31, tzinfo=dt.UTC)
    return watch_clock(
        zone, begin, begin + YEARS * 366 * DAY, dt.timedelta(minutes=15), frozenset(TIMES)
    )


def all_due(interval: Interval, zone: str) -> list[dt.datetime]:
    """Every due moment of the ten years, by the independent account."""
    seen = ten_years(zone)
    end = dt.date(FIRST_YEARS[zone] + YEARS, 1, 1)
    if interval.unit in (Unit.MINUTES, Unit.HOURS):
        assert interval.starts_on is not None
        moment = seen[dt.datetime.combine(interval.starts_on, interval.at or dt.time())]
        period = dt.timedelta(**{interval.unit.value: interval.every})
        due = []
        while moment.date() < end:
            due.append(moment)
            moment += period
        return due
    assert interval.at is not None
    return sorted(
        {seen[dt.datetime.combine(day, interval.at)] for day in count_dates(interval, end)}
    )


@st.composite
def zoned_intervals(draw: st.DrawFn) -> tuple[Interval, str]:
    zone, unit = draw(ZONES), draw(st.sampled_from(Unit))
    most = {Unit.MINUTES: 20_000, Unit.HOURS: 1_000, Unit.DAYS: 400}.get(unit, 40)
    least = {Unit.MINUTES: 100, Unit.HOURS: 2}.get(unit, 1)
    begin = dt.date(FIRST_YEARS[zone], 1, 1)
    weekdays = draw(st.sets(st.sampled_from(NAMES))) if unit is Unit.WEEKS else set()
    interval = Interval(
        every=draw(st.integers(least, most)),
        unit=unit,
        at=draw(st.sampled_from(TIMES)),
        weekdays=tuple(name for name in NAMES if name in weekdays),
        day_of_month=draw(st.integers(1, 31)) if unit is Unit.MONTHS else None,
        starts_on=begin + draw(st.integers(0, 365 * (YEARS - 3))) * DAY,
    )
    return anchored(interval, today=begin), zone


class TestTenYears:
    @settings(deadline=None, max_examples=60)
    @given(zoned=zoned_intervals(), data=st.data())
    def test_the_next_run_is_the_next_one_counted(
        self, zoned: tuple[Interval, str], data: st.DataObject
    ) -> None:
        interval, zone = zoned
        due = all_due(interval, zone)
        timing = Timing(interval, None, zone)
        minutes = st.integers(0, YEARS * 365 * 1440)
        begin = dt.datetime(FIRST_YEARS[zone], 1, 1, tzinfo=dt.UTC)
        for after in [
            begin,
            *(begin + n * MINUTE for n in data.draw(st.lists(minutes, max_size=5))),
            *data.draw(st.lists(st.sampled_from(due), max_size=5)),
        ]:
            place = bisect_right(due, after)
            if place < len(due):
                assert next_run(timing, after) == due[place]

    @pytest.mark.parametrize("zone", sorted(FIRST_YEARS))
    @pytest.mark.parametrize("at", TIMES, ids=lambda at: f"{at:%H:%M}")
    def test_every_day_of_ten_years(self, zone: str, at: dt.time) -> None:
        begin = dt.date(FIRST_YEARS[zone], 1, 1)
        interval = Interval(1, Unit.DAYS, at=at, starts_on=begin)
        due, timing = all_due(interval, zone), Timing(interval, None, zone)
        after = due[0] - MINUTE
        for expected in due:
            after = next_run(timing, after) or after
            assert after == expected


class TestAroundAChange:
    CHANGES = (
        ("Europe/Berlin", "2026-03-29T01:00"),
        ("Europe/Berlin", "2026-10-25T01:00"),
        ("America/New_York", "2026-03-08T07:00"),
        ("America/New_York", "2026-11-01T06:00"),
        ("Australia/Lord_Howe", "2026-04-04T15:00"),
        ("Australia/Lord_Howe", "2026-10-03T15:30"),
        ("Pacific/Apia", "2011-12-30T10:00"),
        ("Africa/Casablanca", "2026-03-22T02:00"),
        ("Africa/Cairo", "2026-04-23T22:00"),
        ("Antarctica/Troll", "2026-10-25T01:00"),
        ("America/Havana", "2026-11-01T05:00"),
        ("Asia/Pyongyang", "2018-05-04T15:00"),
    )

    @settings(deadline=None, max_examples=60)
    @given(
        change=st.sampled_from(CHANGES),
        minute=st.integers(0, 1439),
        by_phase=st.booleans(),
        offset=st.integers(-1440, 1440),
    )
    def test_each_minute_of_the_day(
        self, change: tuple[str, str], minute: int, by_phase: bool, offset: int
    ) -> None:
        zone, moment = change[0], dt.datetime.fromisoformat(change[1]).replace(tzinfo=dt.UTC)
        at = dt.time(*divmod(minute, 60))
        starts_on = (moment.astimezone(ZoneInfo(zone)) - 5 * DAY).date()
        seen = watch_clock(zone, moment - 4 * DAY, moment + 4 * DAY, MINUTE, {at})
        due = sorted(set(seen.values()))
        interval = Interval(1, Unit.DAYS, at=None if by_phase else at, starts_on=starts_on)
        timing = Timing(interval, None, zone, phase_minutes=minute if by_phase else 0)
        after = moment + offset * MINUTE
        for expected in due[bisect_right(due, after) :]:
            after = next_run(timing, after) or after
            assert after == expected


class TestOrder:
    @settings(deadline=None)
    @given(
        zoned=zoned_intervals(),
        seconds=st.lists(st.integers(0, 160 * 365 * 86400), min_size=2, max_size=2),
    )
    def test_is_after_and_never_steps_back(
        self, zoned: tuple[Interval, str], seconds: list[int]
    ) -> None:
        interval, zone = zoned
        timing = Timing(interval, None, zone)
        earlier, later = (
            dt.datetime(1990, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=passed)
            for passed in sorted(seconds)
        )
        first, second = next_run(timing, earlier), next_run(timing, later)
        assert first is not None
        assert second is not None
        assert earlier < first <= second
        assert later < second
        assert (first.second, first.microsecond, first.tzinfo) == (0, 0, dt.UTC)
        # nothing lies between, so any moment before the run gives the same run
        assert next_run(timing, first - dt.timedelta(microseconds=1)) == first
