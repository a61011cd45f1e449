from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from impler_pipelines_tests.control_api.host_app import HostApp, fields

PREVIEW = "/v1/schedules/preview"


class TestPreviewSchedule:
    def test_interval(self, app: HostApp) -> None:
        body = {"interval": {"every": 1, "unit": "days", "at": "09:30"}, "timezone": "Asia/Tokyo"}
        seen = app.ok("POST", PREVIEW, body)
        assert "09:30" in seen["scheduleText"]
        assert len(seen["nextRuns"]) == 5
        assert all(run.endswith("T00:30:00Z") for run in seen["nextRuns"])
        assert seen["nextRuns"] == sorted(seen["nextRuns"])

    def test_cron_and_count(self, app: HostApp) -> None:
        seen = app.ok("POST", PREVIEW, {"cron": "*/5 * * * *", "count": 100})
        times = [dt.datetime.fromisoformat(run) for run in seen["nextRuns"]]
        assert len(times) == 100
        assert times[-1] - times[0] == dt.timedelta(minutes=5 * 99)
        assert times[0] > dt.datetime.now(dt.UTC)

    def test_end_cuts_the_runs(self, app: HostApp) -> None:
        end = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=12)
        body = {"cron": "*/5 * * * *", "count": 100, "endsOn": end.isoformat()}
        assert len(app.ok("POST", PREVIEW, body)["nextRuns"]) in {2, 3}

    def test_an_end_that_is_past_leaves_none(self, app: HostApp) -> None:
        body = {"cron": "* * * * *", "endsOn": "2020-01-01"}
        assert app.ok("POST", PREVIEW, body)["nextRuns"] == []

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            pytest.param({}, ["interval"], id="neither"),
            pytest.param(
                {"interval": {"every": 1, "unit": "days"}, "cron": "* * * * *"},
                ["interval"],
                id="both",
            ),
            pytest.param({"interval": {"every": 0, "unit": "days"}}, ["interval.every"], id="zero"),
            pytest.param(
                {"interval": {"every": "1", "unit": "years"}},
                ["interval.every", "interval.unit"],
                id="two fields",
            ),
            pytest.param({"interval": "daily"}, ["interval"], id="text"),
            pytest.param({"interval": []}, ["interval"], id="array"),
            pytest.param(
                {"interval": {"every": 1, "unit": "days", "days": 1}}, ["interval.days"], id="more"
            ),
            pytest.param({"cron": "* * * *"}, ["cron"], id="four fields"),
            pytest.param({"cron": "0 0 30 2 *"}, ["cron"], id="30 February"),
            pytest.param({"cron": 5}, ["cron"], id="cron number"),
            pytest.param({"cron": "* * * * *", "count": 101}, ["count"], id="count"),
            pytest.param({"cron": "* * * * *", "count": "5"}, ["count"], id="count text"),
            pytest.param({"cron": "* * * * *", "timezone": "Mars"}, ["timezone"], id="zone"),
            pytest.param({"cron": "* * * * *", "endsOn": "soon"}, ["endsOn"], id="end"),
            pytest.param({"cron": "* * * * *", "endsOn": 17}, ["endsOn"], id="end number"),
            pytest.param(
                {"cron": "* * * * *", "endsOn": "9999-12-31T23:59:59-12:00"}, ["endsOn"], id="far"
            ),
            pytest.param(
                {"cron": "x", "timezone": "Mars", "endsOn": "soon"},
                ["cron", "endsOn", "timezone"],
                id="all at once",
            ),
        ],
    )
    def test_refused(self, app: HostApp, body: dict[str, Any], expected: list[str]) -> None:
        assert sorted(fields(app.refused(422, "POST", PREVIEW, body))) == expected
