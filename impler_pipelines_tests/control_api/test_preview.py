"""Previews: what a run would load and refuse, before it does."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, text

from impler_pipelines_tests.control_api.host_app import (
    COLUMNS,
    FEED,
    MAPPINGS,
    HostApp,
    numbered,
)
from impler_pipelines_tests.feed_server import FeedServer


def preview(job: dict[str, Any], query: str = "") -> str:
    return f"/v1/import-jobs/{job['_id']}/preview{query}"


class TestPreview:
    def test_shows_rows_as_they_would_be_loaded(
        self, app: HostApp, feed_server: FeedServer
    ) -> None:
        job = app.import_job(feed_server)
        assert app.ok("GET", preview(job)) == {
            "rows": [
                {"title": "Lamp", "link": "https://shop.test/1", "price": 10.5},
                {"title": "Chair", "link": "https://shop.test/2", "price": None},
                {"title": "Desk", "link": "https://shop.test/3", "price": 99.0},
            ],
            "indexes": [0, 1, 2],
            "rejects": [],
            "records": 3,
            "filtered": 0,
            "valid": 3,
            "invalid": 0,
            "warnings": [],
            "isPartial": False,
        }

    def test_shows_rejects_with_reasons(self, app: HostApp, feed_server: FeedServer) -> None:
        job = app.import_job(feed_server)
        feed_server.serve("/feed.xml", FEED.replace("99", "cheap"))
        seen = app.ok("GET", preview(job))
        assert (seen["valid"], seen["invalid"]) == (2, 1)
        (reject,) = seen["rejects"]
        assert (reject["index"], reject["record"]["price"]) == (2, "cheap")
        assert reject["errors"][0]["rule"] == "double"

    def test_limit_is_of_each(self, app: HostApp, feed_server: FeedServer) -> None:
        job = app.import_job(feed_server)
        feed_server.serve("/feed.xml", numbered(40))
        seen = app.ok("GET", preview(job, "?limit=7"))
        assert (len(seen["rows"]), len(seen["rejects"]), seen["records"]) == (7, 7, 40)
        assert [row["title"] for row in seen["rows"]] == [f"T{n}" for n in range(1, 14, 2)]
        assert seen["indexes"] == list(range(1, 14, 2))
        assert [reject["index"] for reject in seen["rejects"]] == list(range(0, 14, 2))
        app.refused(422, "GET", preview(job, "?limit=0"))
        app.refused(422, "GET", preview(job, "?limit=101"))

    def test_filters_hold(self, app: HostApp, feed_server: FeedServer) -> None:
        filters = [{"field": "title", "operation": "equals", "value": "Desk"}]
        seen = app.ok("GET", preview(app.import_job(feed_server, filters=filters)))
        assert (seen["filtered"], seen["valid"], seen["indexes"]) == (2, 1, [2])

    def test_dates_are_utc(self, app: HostApp, feed_server: FeedServer) -> None:
        columns = [*COLUMNS[:2], {"key": "price", "name": "When", "type": "Date"}]
        job = app.import_job(feed_server, app.template(columns=columns))
        feed_server.serve("/feed.xml", FEED.replace("99", "2003-06-10T04:00:00+02:00"))
        assert app.ok("GET", preview(job))["rows"][-1]["price"] == "2003-06-10T02:00:00Z"

    def test_before_required_columns_are_mapped(
        self, app: HostApp, feed_server: FeedServer
    ) -> None:
        job = app.import_job(feed_server, mappings=MAPPINGS[:1])
        assert job["status"] == "MAPPING"
        seen = app.ok("GET", preview(job))
        errors = [(e["column"], e["rule"]) for e in seen["rejects"][0]["errors"]]
        assert errors == [("link", "required")]

    def test_before_any_column_is_mapped(self, app: HostApp, feed_server: FeedServer) -> None:
        job = app.import_job(feed_server, mappings=None)
        assert "map columns first" in app.refused(409, "GET", preview(job))["message"]

    def test_a_path_that_is_gone_is_told(self, app: HostApp, feed_server: FeedServer) -> None:
        job = app.import_job(feed_server)
        feed_server.serve("/feed.xml", FEED.replace("g:price", "g:cost"))
        assert app.ok("GET", preview(job))["warnings"] == [
            "No record has a value at rss > channel > item > g:price."
        ]

    @pytest.mark.parametrize(
        ("feed", "words"),
        [
            ("<rss><channel><item>", "not well-formed"),
            ("<!doctype html><html></html>", "web page"),
        ],
    )
    def test_a_feed_that_can_t_be_read_is_502(
        self, app: HostApp, feed_server: FeedServer, feed: str, words: str
    ) -> None:
        job = app.import_job(feed_server)
        feed_server.serve("/feed.xml", feed)
        assert words in app.refused(502, "GET", preview(job))["message"]

    def test_of_a_deleted_import_job_is_409(self, app: HostApp, feed_server: FeedServer) -> None:
        job = app.import_job(feed_server)
        app.ok("DELETE", f"/v1/import-jobs/{job['_id']}")
        app.refused(409, "GET", preview(job))

    def test_nothing_is_written(
        self, app: HostApp, feed_server: FeedServer, engine: Engine
    ) -> None:
        job = app.import_job(feed_server)
        runs = app.ok("GET", f"/v1/import-jobs/{job['_id']}/runs")
        app.ok("GET", preview(job))
        assert app.ok("GET", f"/v1/import-jobs/{job['_id']}/runs") == runs
        assert app.ok("GET", f"/v1/import-jobs/{job['_id']}") == job
        with engine.connect() as connection:
            found = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'imports'"
            assert connection.scalar(text(found)) == 0
