from __future__ import annotations

import datetime as dt
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from impler_pipelines.errors import RequestInvalid
from impler_pipelines.scheduling import Timing, check_timing, next_run, next_runs


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def shown(runs: list[dt.datetime]) -> list[str]:
    return [f"{run:%Y-%m-%dT%H:%M}" for run in runs]


class TestRefuse:
    @pytest.mark.parametrize(
        "cron",
        [
            pytest.param("", id="empty"),
            pytest.param("0 9 * *", id="four fields"),
            pytest.param("0 0 9 * * *", id="six fields"),
            pytest.param("@daily", id="a name"),
            pytest.param("0 9 30 2 *", id="30 February"),
            pytest.param("0 9 31 4,6,9,11 *", id="31 in short months"),
            pytest.param("60 9 * * *", id="minute 60"),
            pytest.param("0 24 * * *", id="hour 24"),
            pytest.param("0 9 0 * *", id="day 0"),
            pytest.param("0 9 * 13 *", id="month 13"),
            pytest.param("0 9 * * 8", id="weekday 8"),
            pytest.param("*/0 * * * *", id="step 0"),
            pytest.param("0 9 * * MON#6", id="sixth Monday"),
            pytest.param("0 9 * * noday", id="no weekday"),
            pytest.param("٠ ٩ * * *", id="other digits"),
            pytest.param("0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0" * 9 + " 9 * * *", id="long"),
        ],
    )
    def test_names_the_field(self, cron: str) -> None:
        with pytest.raises(RequestInvalid) as refused:
            check_timing(Timing(None, cron))
        assert [problem.field for problem in refused.value.problems] == ["cron"]

    @settings(deadline=None)
    @given(
        st.lists(
            st.text("0123456789*/,-#LWMONFRIJAN", min_size=1, max_size=6), min_size=5, max_size=5
        )
    )
    def test_any_text_is_read_or_refused(self, fields: list[str]) -> None:
        timing = Timing(None, " ".join(fields))
        try:
            check_timing(timing)
        except RequestInvalid:
            return
        assert next_run(timing, utc("2026-11-22T12:00")) is not None


class TestNext:
    @pytest.mark.parametrize(
        ("cron", "zone", "after", "expected"),
        [
            pytest.param(
                "30 9 * * mon-fri",
                "Europe/Berlin",
                "2026-03-27T09:00",
                ["2026-03-30T07:30", "2026-03-31T07:30"],
                id="weekdays over a change",
            ),
            pytest.param(
                "30 2 * * *",
                "Europe/Berlin",
                "2026-03-28T12:00",
                ["2026-03-29T01:00", "2026-03-30T00:30"],
                id="gap: at its end",
            ),
            pytest.param(
                "30 2 * * *",
                "Europe/Berlin",
                "2026-10-25T00:45",
                ["2026-10-26T01:30"],
                id="fold: not a second time",
            ),
            pytest.param(
                "0 * * * *",
                "Europe/Berlin",
                "2026-10-24T23:30",
                ["2026-10-25T00:00", "2026-10-25T01:00", "2026-10-25T02:00"],
                id="hourly in both of two equal hours",
            ),
            pytest.param(
                "*/20 * * * *",
                "Europe/Berlin",
                "2026-10-25T00:30",
                ["2026-10-25T00:40", "2026-10-25T01:00", "2026-10-25T01:20"],
                id="the first of two equal hours to its end, then the second",
            ),
            pytest.param(
                "0 * * * *",
                "Europe/Berlin",
                "2026-03-29T00:30",
                ["2026-03-29T01:00", "2026-03-29T02:00"],
                id="hourly over a gap",
            ),
            pytest.param(
                "*/20 * * * *",
                "Australia/Lord_Howe",
                "2026-04-04T14:25",
                ["2026-04-04T14:40", "2026-04-04T15:10", "2026-04-04T15:30"],
                id="half an hour back, shown twice",
            ),
            pytest.param(
                "*/5 5 * * *",
                "Australia/Lord_Howe",
                "2026-04-04T13:50",
                ["2026-04-04T18:30", "2026-04-04T18:35"],
                id="the whole hour on the day of a half-hour change",
            ),
            pytest.param(
                "0 9 L * *",
                "UTC",
                "2028-02-01T00:00",
                ["2028-02-29T09:00", "2028-03-31T09:00"],
                id="last day",
            ),
            pytest.param(
                "0 9 29 2 *", "UTC", "2026-11-22T00:00", ["2028-02-29T09:00"], id="leap day"
            ),
            pytest.param(
                "0 9 13 * fri",
                "UTC",
                "2026-11-05T00:00",
                ["2026-11-06T09:00", "2026-11-13T09:00", "2026-11-20T09:00"],
                id="day or weekday",
            ),
            pytest.param(
                "0 0 1 1 *",
                "Pacific/Kiritimati",
                "2026-06-01T00:00",
                ["2026-12-31T10:00"],
                id="new year, far east",
            ),
        ],
    )
    def test_is_due(self, cron: str, zone: str, after: str, expected: list[str]) -> None:
        assert shown(next_runs(Timing(None, cron, zone), utc(after), len(expected))) == expected

    def test_the_end_is_inclusive(self) -> None:
        ending = Timing(None, "0 9 * * *", ends_on=utc("2026-11-23T09:00"))
        assert shown(next_runs(ending, utc("2026-11-22T08:00"), 9)) == [
            "2026-11-22T09:00",
            "2026-11-23T09:00",
        ]


def lists_of(first: int, last: int) -> st.SearchStrategy[str]:
    number = st.integers(first, last)
    return st.one_of(
        st.just("*"),
        number.map(str),
        st.integers(1, last).map("*/{}".format),
        st.lists(number, min_size=1, max_size=4).map(lambda some: ",".join(map(str, some))),
        st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}"),
    )


CRONS = st.tuples(
    lists_of(0, 59),
    lists_of(0, 23),
    st.one_of(st.just("*"), lists_of(1, 28), st.sampled_from(["L", "LW", "31,1", "29"])),
    st.one_of(st.just("*"), lists_of(1, 12)),
    st.one_of(st.just("*"), lists_of(0, 7), st.sampled_from(["1#2", "5L", "SUN", "MON-FRI"])),
).map(" ".join)


class TestAgainstCronsim:
    # Zones whose clocks move by whole hours: where they move by half an hour, cronsim steps
    # past the first half of the next hour it looks for.
    ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Africa/Cairo", "Asia/Kathmandu")

    @settings(deadline=None, max_examples=200)
    @given(
        cron=CRONS,
        zone=st.sampled_from(ZONES),
        near=st.sampled_from(
            ["2026-03-08T06:00", "2026-03-28T22:00", "2026-10-24T22:30", "2026-04-23T20:00"]
        ),
        minutes=st.integers(-600, 600),
    )
    def test_the_next_runs_are_the_same(
        self, cron: str, zone: str, near: str, minutes: int
    ) -> None:
        timing, after = Timing(None, cron, zone), utc(near) + dt.timedelta(minutes=minutes)
        try:
            check_timing(timing)
        except RequestInvalid:
            return
        simulated = CronSim(cron, after.astimezone(ZoneInfo(zone)))
        moments = (moment.astimezone(dt.UTC) for moment in simulated)
        # it starts from the wall time, so it may look back over an hour that comes twice
        expected: list[dt.datetime] = []
        for moment in islice(moments, 300):
            if moment > (expected[-1] if expected else after):
                expected.append(moment)
            if len(expected) == 5:
                break
        assert next_runs(timing, after, len(expected)) == expected
