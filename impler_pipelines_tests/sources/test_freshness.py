from __future__ import annotations

import datetime as dt
from email.utils import format_datetime

import pytest

from impler_pipelines.sources.freshness import (
    LONGEST,
    Freshness,
    freshness,
    may_be_remembered,
    shortest,
)

NOW = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)


def minutes(number: float) -> dt.timedelta:
    return dt.timedelta(minutes=number)


def http(moment: dt.datetime) -> str:
    return format_datetime(moment, usegmt=True)


class TestLifetime:
    @pytest.mark.parametrize(
        ("headers", "fresh"),
        [
            pytest.param({}, None, id="nothing said"),
            pytest.param({"Cache-Control": "max-age=3600"}, minutes(60), id="max-age"),
            pytest.param({"Cache-Control": "PUBLIC, Max-Age = 60"}, minutes(1), id="any case"),
            pytest.param({"Cache-Control": 'max-age="60"'}, minutes(1), id="quoted"),
            pytest.param({"Cache-Control": "max-age=60, max-age=3600"}, minutes(1), id="twice"),
            pytest.param({"Cache-Control": "max-age=0"}, None, id="max-age 0"),
            pytest.param({"Cache-Control": "max-age=-1"}, None, id="negative"),
            pytest.param({"Cache-Control": "max-age=1h"}, None, id="no number"),
            pytest.param({"Cache-Control": "max-age=²"}, None, id="no ASCII digit"),
            pytest.param({"Cache-Control": "max-age=99999999999999"}, LONGEST, id="capped"),
            pytest.param({"Cache-Control": "no-cache, max-age=60"}, None, id="no-cache"),
            pytest.param({"Cache-Control": 'no-cache="Set-Cookie", max-age=60'}, None, id="part"),
            pytest.param({"Cache-Control": "no-store, max-age=60"}, None, id="no-store"),
            pytest.param(
                {"Cache-Control": "must-revalidate, max-age=60"}, minutes(1), id="must-revalidate"
            ),
            pytest.param({"Cache-Control": "s-maxage=60"}, None, id="for shared caches"),
            pytest.param({"Cache-Control": "max-age=60", "Vary": "*"}, None, id="vary"),
            pytest.param({"Cache-Control": "max-age=3600", "Age": "1800"}, minutes(30), id="age"),
            pytest.param({"Cache-Control": "max-age=3600", "Age": "7200"}, None, id="too old"),
            pytest.param({"Cache-Control": "max-age=3600", "Age": "x"}, minutes(60), id="bad age"),
            pytest.param(
                {"Cache-Control": "max-age=3600", "Date": http(NOW - minutes(10))},
                minutes(50),
                id="date",
            ),
            pytest.param(
                {"Cache-Control": "max-age=3600", "Date": http(NOW + minutes(10))},
                minutes(60),
                id="a date to come",
            ),
            pytest.param({"Expires": http(NOW + minutes(5))}, minutes(5), id="expires"),
            pytest.param(
                {"Expires": http(NOW + minutes(5)), "Date": http(NOW + minutes(3))},
                minutes(2),
                id="expires by the server's clock",
            ),
            pytest.param(
                {"Expires": http(NOW + minutes(5)), "Cache-Control": "max-age=60"},
                minutes(1),
                id="max-age before expires",
            ),
            pytest.param({"Expires": "0"}, None, id="expires at 0"),
            pytest.param({"Expires": "Fri, 31 Nov 2026 00:00:00 GMT"}, None, id="no such day"),
        ],
    )
    def test_is_what_the_server_says(
        self, headers: dict[str, str], fresh: dt.timedelta | None
    ) -> None:
        found = freshness(headers, asked_at=NOW, answered_at=NOW)
        assert found == (Freshness(NOW, NOW + fresh) if fresh else None)

    def test_time_on_the_way_counts(self) -> None:
        found = freshness(
            {"Cache-Control": "max-age=60", "Age": "10"},
            asked_at=NOW - dt.timedelta(seconds=20),
            answered_at=NOW,
        )
        assert found == Freshness(NOW, NOW + dt.timedelta(seconds=30))


class TestWorthKeeping:
    HOUR = Freshness(NOW, NOW + minutes(60))

    @pytest.mark.parametrize(
        ("after", "kept"),
        [
            pytest.param(0, True, id="at once"),
            pytest.param(53, True, id="most of the time"),
            pytest.param(55, False, id="nearly stale"),
            pytest.param(60, False, id="stale"),
            pytest.param(-1, False, id="a clock that went back"),
        ],
    )
    def test_by_time(self, after: float, kept: bool) -> None:
        assert self.HOUR.worth_keeping(NOW + minutes(after)) is kept

    def test_a_minute_is_not(self) -> None:
        assert not Freshness(NOW, NOW + minutes(1)).worth_keeping(NOW)


def test_of_several_answers_the_shortest_counts() -> None:
    hour, day = (Freshness(NOW, NOW + minutes(n)) for n in (60, 1440))
    assert shortest([day, hour]) == hour
    assert shortest([day, None]) is None
    assert shortest([]) is None


@pytest.mark.parametrize(
    ("said", "remembered"),
    [("", True), ("max-age=60", True), ("no-cache", False), ("max-age=0", False)],
)
def test_permanent_redirects_that_ask_not_to_be_kept(said: str, remembered: bool) -> None:
    assert may_be_remembered({"Cache-Control": said}) is remembered
