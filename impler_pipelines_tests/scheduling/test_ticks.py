from __future__ import annotations

import datetime as dt
from itertools import takewhile
from typing import Any

import dagster as dg
import pytest
from dagster._utils.schedules import (  # what the daemon steps through; there is no public way
    is_valid_cron_schedule,
    schedule_execution_time_iterator,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from impler_pipelines.errors import RequestInvalid
from impler_pipelines.model import Unit
from impler_pipelines.scheduling import (
    TickPlan,
    Timing,
    check_timing,
    next_run,
    next_runs,
    parse_timing,
    ticks,
)
from impler_pipelines.scheduling.zones import zone_names
from impler_pipelines_tests.scheduling.clock_walk import NAMES
from impler_pipelines_tests.scheduling.test_cron import CRONS

NOW = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def timing(zone: str = "UTC", phase: int = 0, **interval: Any) -> Timing:
    parsed = parse_timing(interval=interval, timezone=zone, now=NOW)
    return Timing(parsed.interval, None, zone, phase_minutes=phase)


def dagster_ticks(plan: TickPlan, begin: dt.datetime, end: dt.datetime) -> list[dt.datetime]:
    steps = schedule_execution_time_iterator(begin.timestamp(), plan.cron_strings, plan.timezone)
    moments = (step.astimezone(dt.UTC) for step in steps)
    return list(takewhile(lambda moment: moment < end, moments))


def due(timing: Timing, begin: dt.datetime, end: dt.datetime) -> list[dt.datetime]:
    found, run = [], next_run(timing, begin - dt.timedelta(seconds=1))
    while run is not None and run < end:
        found.append(run)
        run = next_run(timing, run)
    return found


class TestStrings:
    @pytest.mark.parametrize(
        ("given_timing", "expected"),
        [
            pytest.param(
                timing(every=15, unit="minutes", phase=7),
                TickPlan(("7,22,37,52 * * * *",), "UTC"),
                id="15 minutes",
            ),
            pytest.param(
                timing(every=90, unit="minutes"),
                TickPlan(("0 0,3,6,9,12,15,18,21 * * *", "30 1,4,7,10,13,16,19,22 * * *"), "UTC"),
                id="90 minutes: 16 a day",
            ),
            pytest.param(
                timing(every=7, unit="minutes"),
                TickPlan(("* * * * *",), "UTC"),
                id="7 minutes: each minute",
            ),
            pytest.param(
                timing(every=100, unit="minutes", phase=3),
                TickPlan(("3,23,43 * * * *",), "UTC"),
                id="100 minutes: every 20",
            ),
            pytest.param(
                timing(every=6, unit="hours", zone="Asia/Kathmandu"),
                TickPlan(("15 0,6,12,18 * * *",), "UTC"),
                id="6 hours from a midnight off the hour",
            ),
            pytest.param(
                timing(every=336, unit="hours", phase=65, startsOn="2026-11-25"),
                TickPlan(("5 1 * * 3",), "UTC"),
                id="two weeks in hours: once a week",
            ),
            pytest.param(
                timing(every=3, unit="days", at="09:30", zone="Europe/Berlin"),
                TickPlan(("30 9 * * *",), "Europe/Berlin"),
                id="3 days: daily",
            ),
            pytest.param(
                timing(every=14, unit="days", at="09:30", zone="Europe/Berlin"),
                TickPlan(("30 9 * * 0",), "Europe/Berlin"),
                id="14 days: weekly",
            ),
            pytest.param(
                timing(
                    every=2, unit="weeks", weekdays=["MON", "THU"], at="09:30", zone="Asia/Tokyo"
                ),
                TickPlan(("30 9 * * 1,4",), "Asia/Tokyo"),
                id="2 weeks: weekly",
            ),
            pytest.param(
                timing(every=1, unit="months", dayOfMonth=31, at="09:30"),
                TickPlan(("30 9 28,29,30,31 * *",), "UTC"),
                id="day 31",
            ),
            pytest.param(
                timing(every=4, unit="months", dayOfMonth=5, at="09:30", startsOn="2026-11-01"),
                TickPlan(("30 9 5 3,7,11 *",), "UTC"),
                id="4 months: in those months",
            ),
            pytest.param(
                timing(every=1, unit="days", at="02:30", zone="Europe/Berlin"),
                TickPlan(
                    (
                        "0 1 25,26,27,28,29,30,31 3 *",
                        "30 0 * 3,4,5,6,7,8,9,10 *",
                        "30 1 * 1,2,3,10,11,12 *",
                    ),
                    "UTC",
                ),
                id="a time that changes touch: in UTC",
            ),
            pytest.param(
                Timing(None, "*/15 * * * *", "Australia/Lord_Howe"),
                TickPlan(("0,15,30,45 * * * *",), "UTC"),
                id="cron each quarter",
            ),
            pytest.param(
                Timing(None, "0 9-11 1,15 * mon", "Europe/Berlin"),
                TickPlan(("0 9,10,11 * * 1", "0 9,10,11 1,15 * *"), "Europe/Berlin"),
                id="cron of day or weekday",
            ),
            pytest.param(
                Timing(None, "0 9 29 2 *"),
                TickPlan(("0 9 28,29 2 *",), "UTC"),
                id="leap day beside its eve",
            ),
        ],
    )
    def test_are_few(self, given_timing: Timing, expected: TickPlan) -> None:
        assert ticks(given_timing) == expected

    def test_an_unchecked_timing_is_refused(self) -> None:
        with pytest.raises(RequestInvalid):
            ticks(Timing(None, "0 9 * *"))


class TestDagster:
    def test_takes_every_zone(self) -> None:
        @dg.job
        def nothing() -> None: ...

        for zone in sorted(zone_names()):
            schedule = dg.ScheduleDefinition(
                job=nothing, cron_schedule="30 9 * * *", execution_timezone=zone
            )
            assert schedule.execution_timezone == zone

    @pytest.mark.parametrize("zone", ["Europe/Berlin", "Africa/Casablanca", "Pacific/Apia"])
    def test_takes_every_string(self, zone: str) -> None:
        for unit, every, at in [
            ("days", 1, "02:30"),
            ("weeks", 2, "00:15"),
            ("months", 1, "02:00"),
            ("months", 12, "23:50"),
            ("minutes", 77, None),
        ]:
            plan = ticks(timing(zone, unit=unit, every=every, at=at, startsOn="2024-02-29"))
            assert is_valid_cron_schedule(list(plan.cron_strings))


# Places and days where the clocks change, and month ends and leap days where dates do.
MOMENTS = {
    "UTC": ["2028-02-28T12:00"],
    "Europe/Berlin": ["2027-03-28T01:00", "2027-10-31T01:00", "2028-02-29T00:00"],
    "America/New_York": ["2027-03-14T07:00", "2027-11-07T06:00"],
    "Australia/Lord_Howe": ["2027-04-03T15:00", "2027-10-02T15:30"],
    "Africa/Casablanca": ["2027-02-07T02:00", "2027-03-14T02:00"],
    "Africa/Cairo": ["2027-04-29T22:00", "2027-10-28T21:00"],
    "America/Havana": ["2027-03-14T05:00", "2027-11-07T05:00"],
    "Antarctica/Troll": ["2027-03-28T01:00", "2027-10-31T01:00"],
    "Pacific/Chatham": ["2027-04-03T14:00", "2027-09-25T14:00"],
    "Pacific/Apia": ["2027-12-30T10:00"],
    "Asia/Kathmandu": ["2027-01-31T18:15"],
    "America/St_Johns": ["2027-03-14T05:30", "2027-11-07T04:30"],
    "Asia/Gaza": ["2040-10-20T00:00"],
}


@st.composite
def places(draw: st.DrawFn) -> tuple[str, dt.datetime]:
    zone = draw(st.sampled_from(sorted(MOMENTS)))
    return zone, utc(draw(st.sampled_from(MOMENTS[zone])))


@st.composite
def timed_places(draw: st.DrawFn) -> tuple[Timing, dt.datetime]:
    zone, moment = draw(places())
    unit = draw(st.sampled_from(Unit))
    least = {Unit.MINUTES: 30}.get(unit, 1)
    value: dict[str, Any] = {
        "every": draw(st.integers(least, {Unit.MINUTES: 3000, Unit.HOURS: 500}.get(unit, 3))),
        "unit": unit.value,
        "startsOn": draw(st.dates(dt.date(2025, 1, 1), dt.date(2026, 12, 31))).isoformat(),
    }
    # the small hours, where clocks change, are drawn more often
    minute = draw(st.integers(0, 200) | st.integers(0, 1439))
    if draw(st.booleans()):
        value["at"] = "{:02}:{:02}".format(*divmod(minute, 60))
    if unit is Unit.WEEKS:
        value["weekdays"] = draw(st.lists(st.sampled_from(NAMES), min_size=1))
    if unit is Unit.MONTHS:
        value["dayOfMonth"] = draw(st.integers(1, 31))
    return timing(zone, phase=minute, **value), moment


class TestSuperset:
    @settings(deadline=None, max_examples=80)
    @given(timed=timed_places())
    def test_every_due_moment_of_an_interval_is_a_tick(
        self, timed: tuple[Timing, dt.datetime]
    ) -> None:
        given_timing, moment = timed
        begin, end = moment - 2 * DAY, moment + 2 * DAY
        found = set(dagster_ticks(ticks(given_timing), begin, end))
        assert set(due(given_timing, begin, end)) <= found

    @settings(deadline=None, max_examples=50)
    @given(cron=CRONS, place=places())
    def test_every_due_moment_of_a_cron_is_a_tick(
        self, cron: str, place: tuple[str, dt.datetime]
    ) -> None:
        given_timing = Timing(None, cron, place[0])
        try:
            check_timing(given_timing)
        except RequestInvalid:
            return
        begin, end = place[1] - DAY, place[1] + DAY
        wanted = due(given_timing, begin, end)
        assert set(wanted) <= set(dagster_ticks(ticks(given_timing), begin, end))

    @settings(deadline=None, max_examples=100)
    @given(timed=timed_places(), back=st.integers(1, 3 * 86400))
    def test_a_daemon_that_starts_at_any_moment_reaches_the_next_due_one(
        self, timed: tuple[Timing, dt.datetime], back: int
    ) -> None:
        given_timing, moment = timed
        started = moment - dt.timedelta(seconds=back)
        wanted = next_run(given_timing, started)
        assert wanted is not None
        if wanted < started + 40 * DAY:
            reached = dagster_ticks(ticks(given_timing), started, wanted + HOUR)
            assert wanted in reached

    @settings(deadline=None, max_examples=60)
    @given(timed=timed_places())
    def test_far_ahead_too(self, timed: tuple[Timing, dt.datetime]) -> None:
        given_timing, moment = timed
        for run in next_runs(given_timing, moment.replace(year=2035, day=1), 3):
            found = dagster_ticks(ticks(given_timing), run - HOUR, run + HOUR)
            assert run in found


class TestSurplus:
    @pytest.mark.parametrize("zone", sorted(MOMENTS))
    @pytest.mark.parametrize("at", ["00:00", "02:30", "09:30"])
    def test_a_daily_import_job_ticks_at_most_three_times_a_day(self, zone: str, at: str) -> None:
        plan = ticks(timing(zone, every=1, unit="days", at=at))
        begin = dt.datetime(2027, 1, 1, tzinfo=dt.UTC)
        found = len(dagster_ticks(plan, begin, begin + 365 * DAY))
        assert 365 <= found <= 3 * 365
        if zone not in ("Africa/Casablanca", "Asia/Gaza"):
            # fixed dates of change: one offset at a time, but for the months of the changes
            assert found <= 365 + 150
