from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from impler_pipelines.scheduling.offsets import FIRST_YEAR, LAST_YEAR, zone_offsets

HOUR = dt.timedelta(hours=1)


class TestChanges:
    @pytest.mark.parametrize("zone", ["Asia/Gaza", "Africa/Casablanca", "Australia/Lord_Howe"])
    def test_none_is_missed(self, zone: str) -> None:
        tz = ZoneInfo(zone)
        day = dt.datetime(FIRST_YEAR, 1, 1, tzinfo=dt.UTC)
        offset, changed_on = day.astimezone(tz).utcoffset(), []
        while day.year <= LAST_YEAR:
            day += dt.timedelta(days=1)
            if day.astimezone(tz).utcoffset() != offset:
                offset = day.astimezone(tz).utcoffset()
                changed_on.append(day)
        found = [change.at for change in zone_offsets(zone).changes]
        assert len(found) == len(changed_on)
        for at, day in zip(found, changed_on, strict=True):
            assert day - 24 * HOUR < at <= day
            minute_before = (at - dt.timedelta(minutes=1)).astimezone(tz)
            assert minute_before.utcoffset() != at.astimezone(tz).utcoffset()

    def test_a_zone_that_never_changes_has_one_offset_in_every_month(self) -> None:
        offsets = zone_offsets("Asia/Kathmandu")
        assert offsets.months == {345: frozenset(range(1, 13))}
        assert not offsets.changes
        assert not offsets.touched_minutes

    def test_an_offset_is_listed_in_its_months(self) -> None:
        assert zone_offsets("Europe/Berlin").months == {
            60: frozenset({1, 2, 3, 10, 11, 12}),
            120: frozenset(range(3, 11)),
        }
