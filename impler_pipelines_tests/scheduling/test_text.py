from __future__ import annotations

import datetime as dt
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings

from impler_pipelines.errors import RequestInvalid
from impler_pipelines.scheduling import Timing, check_timing, describe, parse_timing
from impler_pipelines_tests.scheduling.test_cron import CRONS

SAY_A_CRON = """
from impler_pipelines.scheduling import Timing, describe
print(describe(Timing(None, "0 9 * * 1")))
"""
NOW = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)


def timing(zone: str = "UTC", phase: int = 0, **interval: Any) -> Timing:
    parsed = parse_timing(interval=interval, timezone=zone, now=NOW)
    return Timing(parsed.interval, None, zone, phase_minutes=phase)


class TestInterval:
    @pytest.mark.parametrize(
        ("given_timing", "expected"),
        [
            pytest.param(timing(every=1, unit="minutes"), "Every minute", id="minute"),
            pytest.param(timing(every=15, unit="minutes"), "Every 15 minutes", id="minutes"),
            pytest.param(timing(every=1, unit="hours", phase=17), "Every hour", id="hour"),
            pytest.param(
                timing(every=6, unit="hours", at="09:30", zone="Europe/Berlin"),
                "Every 6 hours, from 09:30 on 22 November 2026 (Europe/Berlin)",
                id="hours from a time",
            ),
            pytest.param(
                timing(every=1, unit="days", at="09:30", zone="Europe/Berlin"),
                "Every day at 09:30 (Europe/Berlin)",
                id="day",
            ),
            pytest.param(
                timing(every=3, unit="days", phase=197), "Every 3 days at 03:17 (UTC)", id="phase"
            ),
            pytest.param(
                timing(every=2, unit="weeks", weekdays=["MON", "THU"], at="09:30"),
                "Every 2 weeks on Monday and Thursday at 09:30 (UTC)",
                id="two weekdays",
            ),
            pytest.param(
                timing(every=1, unit="weeks", weekdays=["MON", "WED", "FRI"], at="09:30"),
                "Every week on Monday, Wednesday and Friday at 09:30 (UTC)",
                id="three weekdays",
            ),
            pytest.param(
                timing(every=1, unit="weeks", at="09:30"),
                "Every week on Sunday at 09:30 (UTC)",
                id="weekday of the start",
            ),
            pytest.param(
                timing(every=1, unit="months", dayOfMonth=15, at="00:00"),
                "Every month on day 15 at 00:00 (UTC)",
                id="month",
            ),
            pytest.param(
                timing(every=2, unit="months", dayOfMonth=31, at="06:00", zone="Asia/Tokyo"),
                "Every 2 months on day 31, or the last day of shorter months,"
                " at 06:00 (Asia/Tokyo)",
                id="day 31",
            ),
        ],
    )
    def test_reads_as_plain_english(self, given_timing: Timing, expected: str) -> None:
        assert describe(given_timing) == expected

    @pytest.mark.parametrize(
        ("ends_on", "zone", "expected"),
        [
            pytest.param("2026-12-31T00:00", "UTC", "until 31 December 2026", id="as it begins"),
            pytest.param("2026-12-31T23:59:59", "UTC", "until 31 December 2026", id="as it ends"),
            pytest.param(
                "2026-12-31T17:30", "Asia/Tokyo", "until 1 January 2027 at 02:30", id="in the zone"
            ),
        ],
    )
    def test_says_when_it_ends(self, ends_on: str, zone: str, expected: str) -> None:
        end = dt.datetime.fromisoformat(ends_on).replace(tzinfo=dt.UTC)
        ending = parse_timing(
            interval={"every": 1, "unit": "hours"}, timezone=zone, ends_on=end, now=NOW
        )
        assert describe(ending) == f"Every hour, {expected}"


class TestCron:
    @pytest.mark.parametrize(
        ("cron", "zone", "expected"),
        [
            pytest.param(
                "30 9 * * mon-fri",
                "Europe/Berlin",
                "At 09:30, Monday through Friday (Europe/Berlin)",
                id="weekdays",
            ),
            pytest.param("*/15 * * * *", "UTC", "Every 15 minutes (UTC)", id="quarters"),
            pytest.param(
                "0 9 L * *", "UTC", "At 09:00, on the last day of the month (UTC)", id="last day"
            ),
        ],
    )
    def test_reads_as_plain_english(self, cron: str, zone: str, expected: str) -> None:
        assert describe(Timing(None, cron, zone)) == expected

    @settings(deadline=None, max_examples=200)
    @given(cron=CRONS)
    def test_every_accepted_expression_has_a_text(self, cron: str) -> None:
        given_timing = Timing(None, cron)
        try:
            check_timing(given_timing)
        except RequestInvalid:
            return
        assert describe(given_timing).endswith(" (UTC)")

    def test_is_english_whatever_the_locale_of_the_process(self) -> None:
        spoken = subprocess.run(
            [
                sys.executable,
                "-c",
                SAY_A_CRON,
            ],
            env={"LC_ALL": "de_DE.UTF-8", "LANG": "de_DE.UTF-8", "LANGUAGE": "de"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert spoken.stdout == "At 09:00, only on Monday (UTC)\n"
        assert spoken.stderr == ""
