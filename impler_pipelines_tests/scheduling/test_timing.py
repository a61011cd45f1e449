from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impler_pipelines.errors import RequestInvalid
from impler_pipelines.model import Interval, Unit
from impler_pipelines.scheduling import (
    Timing,
    check_timing,
    next_run,
    next_runs,
    parse_timing,
    phase_of,
    timing_of,
)

NOON = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)


def timing(value: dict[str, Any], timezone: str = "UTC", phase: int = 0) -> Timing:
    parsed = parse_timing(interval=value, timezone=timezone, now=NOON)
    return Timing(parsed.interval, None, timezone, phase_minutes=phase)


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def shown(runs: list[dt.datetime]) -> list[str]:
    return [f"{run:%Y-%m-%dT%H:%M}" for run in runs]


class TestElapsed:
    @pytest.mark.parametrize(
        ("value", "zone", "phase", "after", "expected"),
        [
            pytest.param(
                {"every": 90, "unit": "minutes", "startsOn": "2026-03-01"},
                "UTC",
                0,
                "2026-03-01T21:00",
                ["2026-03-01T22:30", "2026-03-02T00:00", "2026-03-02T01:30"],
                id="90 minutes across midnight",
            ),
            pytest.param(
                {"every": 7, "unit": "minutes", "startsOn": "2026-03-01"},
                "UTC",
                3,
                "2026-03-01T23:50",
                ["2026-03-01T23:51", "2026-03-01T23:58", "2026-03-02T00:05"],
                id="7 minutes keep their step over midnight",
            ),
            pytest.param(
                {"every": 6, "unit": "hours", "startsOn": "2026-03-28", "at": "03:00"},
                "Europe/Berlin",
                0,
                "2026-03-28T19:00",
                ["2026-03-28T20:00", "2026-03-29T02:00", "2026-03-29T08:00"],
                id="6 hours stay 6 hours when clocks go forward",
            ),
            pytest.param(
                {"every": 1, "unit": "hours", "startsOn": "2026-10-25"},
                "Europe/Berlin",
                20,
                "2026-10-24T23:30",
                ["2026-10-25T00:20", "2026-10-25T01:20", "2026-10-25T02:20"],
                id="hourly through the hour that comes twice",
            ),
            pytest.param(
                {"every": 5, "unit": "hours", "startsOn": "2027-01-10"},
                "America/New_York",
                17,
                "2026-12-01T00:00",
                ["2027-01-10T05:17", "2027-01-10T10:17"],
                id="never before the day it starts on",
            ),
            pytest.param(
                {"every": 1, "unit": "hours", "startsOn": "2026-04-24"},
                "Africa/Cairo",
                0,
                "2026-04-23T20:00",
                ["2026-04-23T22:00", "2026-04-23T23:00"],
                id="a start whose midnight is skipped",
            ),
            pytest.param(
                {"every": 48, "unit": "hours", "startsOn": "2016-01-01", "at": "10:00"},
                "UTC",
                0,
                "2026-03-01T10:00",
                ["2026-03-03T10:00", "2026-03-05T10:00"],
                id="ten years on",
            ),
        ],
    )
    def test_counts_elapsed_time(
        self, value: dict[str, Any], zone: str, phase: int, after: str, expected: list[str]
    ) -> None:
        runs = next_runs(timing(value, zone, phase), utc(after), len(expected))
        assert shown(runs) == expected


class TestCalendar:
    @pytest.mark.parametrize(
        ("value", "after", "expected"),
        [
            pytest.param(
                {"every": 3, "unit": "days", "at": "09:30", "startsOn": "2026-01-28"},
                "2026-01-28T09:00",
                ["2026-01-28T09:30", "2026-01-31T09:30", "2026-02-03T09:30"],
                id="3 days past the 31st, the start counts",
            ),
            pytest.param(
                {
                    "every": 2,
                    "unit": "weeks",
                    "at": "08:00",
                    "startsOn": "2026-11-18",
                    "weekdays": ["MON", "THU"],
                },
                "2026-11-01T00:00",
                ["2026-11-19T08:00", "2026-11-30T08:00", "2026-12-03T08:00", "2026-12-14T08:00"],
                id="2 weeks from the Monday before, nothing before the start",
            ),
            pytest.param(
                {"every": 1, "unit": "weeks", "at": "08:00", "startsOn": "2026-11-22"},
                "2026-11-22T08:00",
                ["2026-11-29T08:00", "2026-12-06T08:00"],
                id="weekday of the start",
            ),
            pytest.param(
                {
                    "every": 1,
                    "unit": "months",
                    "at": "06:00",
                    "startsOn": "2027-12-01",
                    "dayOfMonth": 31,
                },
                "2027-12-31T06:00",
                ["2028-01-31T06:00", "2028-02-29T06:00", "2028-03-31T06:00", "2028-04-30T06:00"],
                id="day 31 in short months and a leap year",
            ),
            pytest.param(
                {
                    "every": 2,
                    "unit": "months",
                    "at": "06:00",
                    "startsOn": "2026-11-22",
                    "dayOfMonth": 5,
                },
                "2026-01-01T00:00",
                ["2027-01-05T06:00", "2027-03-05T06:00"],
                id="a day before the start waits for the next month counted",
            ),
            pytest.param(
                {"every": 24, "unit": "months", "at": "06:00", "startsOn": "2024-02-29"},
                "2024-02-29T06:00",
                ["2026-02-28T06:00", "2028-02-29T06:00"],
                id="every two years on the leap day",
            ),
        ],
    )
    def test_counts_from_the_start(
        self, value: dict[str, Any], after: str, expected: list[str]
    ) -> None:
        assert shown(next_runs(timing(value), utc(after), len(expected))) == expected

    @pytest.mark.parametrize(
        ("zone", "at", "after", "expected"),
        [
            pytest.param(
                "Europe/Berlin",
                "02:30",
                "2026-03-28T00:00",
                ["2026-03-28T01:30", "2026-03-29T01:00", "2026-03-30T00:30"],
                id="Berlin gap: at its end",
            ),
            pytest.param(
                "Europe/Berlin",
                "02:30",
                "2026-10-24T12:00",
                ["2026-10-25T00:30", "2026-10-26T01:30"],
                id="Berlin fold: the first",
            ),
            pytest.param(
                "America/New_York",
                "02:00",
                "2026-03-07T12:00",
                ["2026-03-08T07:00", "2026-03-09T06:00"],
                id="New York gap, its first minute",
            ),
            pytest.param(
                "America/New_York",
                "01:59",
                "2026-11-01T00:00",
                ["2026-11-01T05:59", "2026-11-02T06:59"],
                id="New York fold, its last minute",
            ),
            pytest.param(
                "Australia/Lord_Howe",
                "02:15",
                "2026-10-02T20:00",
                ["2026-10-03T15:30", "2026-10-04T15:15"],
                id="Lord Howe gap of half an hour",
            ),
            pytest.param(
                "Australia/Lord_Howe",
                "01:45",
                "2026-04-04T00:00",
                ["2026-04-04T14:45", "2026-04-05T15:15"],
                id="Lord Howe fold of half an hour",
            ),
            pytest.param(
                "Pacific/Apia",
                "09:30",
                "2011-12-29T12:00",
                ["2011-12-29T19:30", "2011-12-30T10:00", "2011-12-30T19:30", "2011-12-31T19:30"],
                id="Apia skips a whole day",
            ),
            pytest.param(
                "Pacific/Apia",
                "00:00",
                "2011-12-29T09:00",
                ["2011-12-29T10:00", "2011-12-30T10:00", "2011-12-31T10:00"],
                id="Apia: the skipped midnight and the next are one moment, one run",
            ),
            pytest.param(
                "Africa/Casablanca",
                "02:30",
                "2026-03-21T12:00",
                ["2026-03-22T02:00", "2026-03-23T01:30"],
                id="Casablanca after Ramadan",
            ),
            pytest.param(
                "Africa/Cairo",
                "00:00",
                "2026-04-23T12:00",
                ["2026-04-23T22:00", "2026-04-24T21:00"],
                id="Cairo skips midnight",
            ),
            pytest.param(
                "Antarctica/Troll",
                "02:10",
                "2026-03-28T12:00",
                ["2026-03-29T01:00", "2026-03-30T00:10"],
                id="Troll gap of two hours",
            ),
            pytest.param(
                "Asia/Kathmandu",
                "09:30",
                "2026-03-28T00:00",
                ["2026-03-28T03:45", "2026-03-29T03:45"],
                id="Kathmandu at a quarter",
            ),
        ],
    )
    def test_follows_the_clocks(self, zone: str, at: str, after: str, expected: list[str]) -> None:
        daily = timing({"every": 1, "unit": "days", "at": at, "startsOn": "2011-01-01"}, zone)
        assert shown(next_runs(daily, utc(after), len(expected))) == expected

    def test_the_same_run_is_not_due_again_when_its_wall_time_comes_back(self) -> None:
        daily = timing(
            {"every": 1, "unit": "days", "at": "02:30", "startsOn": "2026-01-01"}, "Europe/Berlin"
        )
        second_half_past_one = utc("2026-10-25T01:15")
        assert next_run(daily, second_half_past_one) == utc("2026-10-26T01:30")

    def test_without_a_time_it_is_the_phase_after_midnight(self) -> None:
        daily = timing(
            {"every": 1, "unit": "days", "startsOn": "2026-01-01"}, "Asia/Tokyo", phase=197
        )
        assert next_run(daily, utc("2026-06-01T00:00")) == utc("2026-06-01T18:17")

    def test_at_is_exact_whatever_the_phase(self) -> None:
        value = {"every": 1, "unit": "days", "at": "09:30", "startsOn": "2026-01-01"}
        assert next_run(timing(value, phase=197), NOON) == utc("2026-11-23T09:30")


class TestBounds:
    DAILY: ClassVar = {"every": 1, "unit": "days", "at": "09:30", "startsOn": "2026-11-22"}

    @pytest.mark.parametrize(
        ("ends_on", "expected"),
        [
            pytest.param("2026-11-24T09:30", ["2026-11-23T09:30", "2026-11-24T09:30"], id="at it"),
            pytest.param("2026-11-24T09:29", ["2026-11-23T09:30"], id="a minute before"),
            pytest.param("2026-11-22T00:00", [], id="long past"),
        ],
    )
    def test_the_end_is_inclusive(self, ends_on: str, expected: list[str]) -> None:
        ending = parse_timing(interval=self.DAILY, ends_on=utc(ends_on), now=NOON)
        assert shown(next_runs(ending, NOON, 5)) == expected

    def test_a_moment_with_seconds_is_before_the_next_minute(self) -> None:
        each_minute = timing({"every": 1, "unit": "minutes", "startsOn": "2026-11-22"})
        after = NOON + dt.timedelta(seconds=59, microseconds=999_999)
        assert next_run(each_minute, after) == NOON + dt.timedelta(minutes=1)

    def test_a_moment_in_any_zone_is_the_same_moment(self) -> None:
        daily = timing(self.DAILY)
        tokyo = dt.timezone(dt.timedelta(hours=9))
        run = next_run(daily, NOON.astimezone(tokyo))
        assert run == utc("2026-11-23T09:30")
        assert run is not None
        assert run.tzinfo is dt.UTC

    def test_a_moment_without_a_zone_is_a_mistake(self) -> None:
        with pytest.raises(ValueError, match="no time zone"):
            next_run(timing(self.DAILY), NOON.replace(tzinfo=None))

    def test_an_interval_without_a_start_is_refused_rather_than_drift(self) -> None:
        with pytest.raises(RequestInvalid, match=r"interval\.startsOn"):
            next_run(Timing(Interval(3, Unit.DAYS), None), NOON)


class TestParse:
    @pytest.mark.parametrize(
        ("given_values", "fields"),
        [
            pytest.param({}, ["interval"], id="neither"),
            pytest.param(
                {"interval": {"every": 1, "unit": "days"}, "cron": "0 9 * * *"},
                ["interval"],
                id="both",
            ),
            pytest.param({"cron": "0 9 * *"}, ["cron"], id="four fields"),
            pytest.param({"cron": 9}, ["cron"], id="cron a number"),
            pytest.param(
                {"cron": "0 9 * * *", "timezone": "Mars/Olympus"}, ["timezone"], id="zone"
            ),
            pytest.param({"cron": "0 9 * * *", "timezone": ""}, ["timezone"], id="no zone"),
            pytest.param({"cron": "0 9 * * *", "timezone": 1}, ["timezone"], id="zone a number"),
            pytest.param(
                {"cron": "0 9 * * *", "timezone": "../etc/passwd"}, ["timezone"], id="zone a path"
            ),
            pytest.param(
                {"cron": "0 9 * * *", "timezone": "right/Europe/Berlin"},
                ["timezone"],
                id="zone with leap seconds",
            ),
            pytest.param(
                {"cron": "0 9 * * *", "ends_on": NOON.replace(tzinfo=None)},
                ["endsOn"],
                id="end without zone",
            ),
            pytest.param(
                {"interval": {"every": 0, "unit": "days"}, "timezone": "Nowhere"},
                ["interval.every", "timezone"],
                id="all at once",
            ),
        ],
    )
    def test_refuses(self, given_values: dict[str, Any], fields: list[str]) -> None:
        with pytest.raises(RequestInvalid) as refused:
            parse_timing(**given_values, now=NOON)
        assert sorted(problem.field for problem in refused.value.problems) == fields

    def test_today_is_the_date_in_the_zone(self) -> None:
        value = {"every": 1, "unit": "days"}
        late = dt.datetime(2026, 11, 22, 23, tzinfo=dt.UTC)
        dates = {}
        for zone in ("America/New_York", "Asia/Tokyo"):
            interval = parse_timing(interval=value, timezone=zone, now=late).interval
            assert interval is not None
            dates[zone] = interval.starts_on
        assert dates == {
            "America/New_York": dt.date(2026, 11, 22),
            "Asia/Tokyo": dt.date(2026, 11, 23),
        }

    def test_an_import_job_has_its_phase_and_a_preview_none(self) -> None:
        value = {"every": 1, "unit": "hours"}
        preview = parse_timing(interval=value, now=NOON)
        kept = parse_timing(interval=value, now=NOON, import_job_id="b7")
        assert preview.phase_minutes == 0
        assert kept.phase_minutes == phase_of("b7", Interval(1, Unit.HOURS)) > 0

    def test_what_is_read_passes_the_check(self) -> None:
        check_timing(parse_timing(cron="0 9 * * *", timezone="Europe/Berlin", now=NOON))


class TestOfAnImportJob:
    def test_has_its_phase(self) -> None:
        hourly = Interval(1, Unit.HOURS, starts_on=dt.date(2026, 11, 22))
        kept = timing_of("b7", interval=hourly, cron=None, timezone="Asia/Tokyo", ends_on=NOON)
        assert kept == Timing(hourly, None, "Asia/Tokyo", NOON, phase_of("b7", hourly))

    def test_is_none_before_there_is_an_interval(self) -> None:
        nothing = timing_of("b7", interval=None, cron=None, timezone="UTC", ends_on=None)
        assert nothing is None


class TestPhase:
    @pytest.mark.parametrize(
        ("interval", "span"),
        [
            pytest.param(Interval(15, Unit.MINUTES), 15, id="minutes"),
            pytest.param(Interval(2, Unit.HOURS), 120, id="hours"),
            pytest.param(Interval(3, Unit.DAYS), 1440, id="days"),
            pytest.param(Interval(2, Unit.WEEKS), 1440, id="weeks"),
            pytest.param(Interval(6, Unit.MONTHS), 1440, id="months"),
            pytest.param(Interval(1, Unit.MINUTES), 1, id="each minute"),
        ],
    )
    def test_lies_within_the_period(self, interval: Interval, span: int) -> None:
        phases = {phase_of(f"job-{n}", interval) for n in range(20 * span)}
        assert min(phases) == 0
        assert max(phases) == span - 1

    def test_is_none_where_the_time_is_given(self) -> None:
        assert phase_of("b7", Interval(1, Unit.DAYS, at=dt.time(9, 30))) == 0

    def test_spreads_a_thousand_hourly_import_jobs_over_the_hour(self) -> None:
        hourly = Interval(1, Unit.HOURS)
        together = Counter(phase_of(f"{n:032x}", hourly) for n in range(1000))
        assert len(together) == 60
        assert max(together.values()) < 40

    @settings(deadline=None)
    @given(st.text())
    def test_is_always_the_same(self, import_job_id: str) -> None:
        daily = Interval(1, Unit.DAYS)
        assert phase_of(import_job_id, daily) == phase_of(import_job_id, daily)
