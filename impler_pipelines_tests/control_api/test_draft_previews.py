"""Previews of what is not saved: mappings as they are made, on a feed that is fetched once."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from impler_pipelines.control_api.app import create_app
from impler_pipelines.control_api.feed_reading import FeedReader
from impler_pipelines.control_api.kept_feeds import KeptFeeds
from impler_pipelines.settings import Settings
from impler_pipelines_tests.control_api.conftest import host_app, serving
from impler_pipelines_tests.control_api.host_app import (
    COLUMNS,
    FEED,
    MAPPINGS,
    HostApp,
    fields,
    numbered,
    problem,
)
from impler_pipelines_tests.control_api.test_feeds import INSPECT, PAGE
from impler_pipelines_tests.control_api.test_preview import preview
from impler_pipelines_tests.feed_server import FeedServer, Handler
from impler_pipelines_tests.supervisor.waiting import until

PREVIEW = "/v1/feeds/preview"
ITEM = "rss > channel > item"
ROWS = [
    {"title": "Lamp", "link": "https://shop.test/1", "price": 10.5},
    {"title": "Chair", "link": "https://shop.test/2", "price": None},
    {"title": "Desk", "link": "https://shop.test/3", "price": 99.0},
]


@pytest.fixture
def template_id(app: HostApp) -> str:
    return str(app.template()["_id"])


def body(url: str, template_id: str, **changes: Any) -> dict[str, Any]:
    return {"url": url, "templateId": template_id, "mappings": MAPPINGS} | changes


class TestPreviewFeed:
    def test_shows_rows_as_they_would_be_loaded(
        self, app: HostApp, feed_server: FeedServer, template_id: str
    ) -> None:
        url = feed_server.serve("/feed.xml", FEED)
        assert app.ok("POST", PREVIEW, body(url, template_id)) == {
            "rows": ROWS,
            "indexes": [0, 1, 2],
            "rejects": [],
            "records": 3,
            "filtered": 0,
            "valid": 3,
            "invalid": 0,
            "warnings": [],
            "isPartial": False,
        }

    def test_rows_and_rejects_have_their_places(
        self, app: HostApp, feed_server: FeedServer, template_id: str
    ) -> None:
        url = feed_server.serve("/feed.xml", numbered(40))
        filters = [{"field": "title", "operation": "matches", "value": "^T([5-9]|1.|2.)$"}]
        seen = app.ok("POST", PREVIEW, body(url, template_id, filters=filters, limit=4))
        assert [row["title"] for row in seen["rows"]] == ["T5", "T7", "T9", "T11"]
        assert seen["indexes"] == [5, 7, 9, 11]
        assert [one["index"] for one in seen["rejects"]] == [6, 8, 10, 12]
        assert (seen["records"], seen["filtered"], seen["valid"]) == (40, 15, 13)

    def test_columns_may_be_left_out(
        self, app: HostApp, feed_server: FeedServer, template_id: str
    ) -> None:
        url = feed_server.serve("/feed.xml", FEED)
        seen = app.ok("POST", PREVIEW, body(url, template_id, mappings=MAPPINGS[:1]))
        errors = [(one["column"], one["rule"]) for one in seen["rejects"][0]["errors"]]
        assert (errors, seen["rejects"][0]["record"]["title"]) == ([("link", "required")], "Lamp")

    def test_repeated_values(self, app: HostApp, feed_server: FeedServer, template_id: str) -> None:
        twice = FEED.replace("<title>Lamp</title>", "<title>Lamp</title><title>Light</title>")
        url = feed_server.serve("/feed.xml", twice)
        mappings = [{**MAPPINGS[0], "repeated": "json"}, *MAPPINGS[1:]]
        seen = app.ok("POST", PREVIEW, body(url, template_id, mappings=mappings))
        assert json.loads(seen["rows"][0]["title"]) == ["Lamp", "Light"]

    def test_another_record_path(
        self, app: HostApp, feed_server: FeedServer, template_id: str
    ) -> None:
        url = feed_server.serve("/feed.xml", FEED.replace("<item>", "<link>/</link><item>", 1))
        mappings = [
            {"key": "title", "path": "rss > channel > title"},
            {"key": "link", "path": "rss > channel > link"},
        ]
        changed = body(url, template_id, mappings=mappings, recordPath="rss > channel")
        seen = app.ok("POST", PREVIEW, changed)
        assert seen["rows"] == [{"title": "Shop", "link": "/", "price": None}]

    @pytest.mark.parametrize(
        ("changes", "named"),
        [
            pytest.param({"mappings": []}, ["mappings"], id="none"),
            pytest.param({"mappings": None}, ["mappings"], id="null"),
            pytest.param(
                {"mappings": [{"key": "colour", "path": f"{ITEM} > title"}]},
                ["mappings.0.key"],
                id="unknown column",
            ),
            pytest.param(
                {"mappings": [*MAPPINGS, MAPPINGS[0]]}, ["mappings.3.key"], id="mapped twice"
            ),
            pytest.param(
                {"mappings": [MAPPINGS[0], {"key": "price", "path": f"{ITEM} > cost"}]},
                ["mappings.1.path"],
                id="a path that the feed lacks",
            ),
            pytest.param(
                {"filters": [{"field": "colour", "operation": "equals", "value": "red"}]},
                ["filters.0.field"],
                id="filter",
            ),
            pytest.param({"recordPath": "feed > entry"}, ["recordPath"], id="record path"),
            pytest.param({"url": "ftp://shop.test/"}, ["url"], id="URL"),
            pytest.param({"authHeaderName": "X-Token"}, ["authHeaderValue"], id="half a header"),
            pytest.param({"limit": 0}, ["limit"], id="limit 0"),
            pytest.param({"limit": 101}, ["limit"], id="limit 101"),
            pytest.param({"limit": "5"}, ["limit"], id="limit as text"),
            pytest.param({"firstRecords": 0}, ["firstRecords"], id="first 0"),
            pytest.param({"firstRecords": 10_001}, ["firstRecords"], id="first 10001"),
            pytest.param({"templateId": None}, ["templateId"], id="no template"),
        ],
    )
    @pytest.mark.parametrize("inspected", [False, True])
    def test_refused(
        self,
        app: HostApp,
        feed_server: FeedServer,
        template_id: str,
        changes: dict[str, Any],
        named: list[str],
        inspected: bool,
    ) -> None:
        url = feed_server.serve("/feed.xml", FEED)
        if inspected:
            app.ok("POST", INSPECT, {"url": url})
        asked = body(url, template_id) | changes
        assert fields(app.refused(422, "POST", PREVIEW, asked)) == named

    def test_another_project_s_template(
        self, app: HostApp, other_app: HostApp, feed_server: FeedServer, template_id: str
    ) -> None:
        url = feed_server.serve("/feed.xml", FEED)
        other_app.refused(404, "POST", PREVIEW, body(url, template_id))
        assert not feed_server.requests

    @pytest.mark.parametrize("content", [PAGE, "", "<rss><channel><item></channel></rss>"])
    def test_what_is_no_feed_is_told_as_by_an_inspection(
        self, app: HostApp, feed_server: FeedServer, template_id: str, content: str
    ) -> None:
        url = feed_server.serve("/feed.xml", content)
        inspected = problem(app.call("POST", INSPECT, {"url": url}))
        for first in (None, 50):
            changed = body(url, template_id, firstRecords=first)
            assert problem(app.call("POST", PREVIEW, changed)) == inspected
        assert len(feed_server.requests) == 1


class TestFirstRecords:
    def test_counts_are_theirs(
        self, app: HostApp, feed_server: FeedServer, template_id: str
    ) -> None:
        url = feed_server.serve("/feed.xml", numbered(12_000))
        for first in (7, 5000, 7001, 10_000):
            seen = app.ok("POST", PREVIEW, body(url, template_id, firstRecords=first, limit=2))
            assert (seen["records"], seen["isPartial"], seen["warnings"]) == (first, True, [])
            assert (seen["valid"], seen["invalid"]) == (first // 2, first - first // 2)
            assert (seen["indexes"], len(seen["rejects"])) == ([1, 3], 2)

    def test_of_a_feed_that_has_fewer(
        self, app: HostApp, feed_server: FeedServer, template_id: str
    ) -> None:
        url = feed_server.serve("/feed.xml", FEED)
        seen = app.ok("POST", PREVIEW, body(url, template_id, firstRecords=4))
        assert (seen["records"], seen["isPartial"], seen["rows"]) == (3, False, ROWS)

    def test_what_stands_behind_them_is_not_looked_at(
        self, app: HostApp, feed_server: FeedServer
    ) -> None:
        """An import job whose feed has since been broken off, far behind its first records."""
        job = app.import_job(feed_server)
        feed_server.serve("/feed.xml", numbered(60_000, padding="x" * 100)[:-50])
        seen = app.ok("POST", preview(job), {"firstRecords": 50})
        assert (seen["records"], seen["isPartial"]) == (50, True)
        whole = app.refused(502, "POST", preview(job), {})
        assert whole == app.refused(502, "GET", preview(job))
        assert "not well-formed" in whole["message"]

    def test_a_small_feed_that_is_broken_is_refused_all_the_same(
        self, app: HostApp, feed_server: FeedServer
    ) -> None:
        job = app.import_job(feed_server)
        feed_server.serve("/feed.xml", numbered(100)[:-50])
        app.refused(502, "POST", preview(job), {"firstRecords": 50})

    def test_take_little_of_the_time_of_all(
        self, app: HostApp, feed_server: FeedServer, template_id: str
    ) -> None:
        url = feed_server.serve("/feed.xml", numbered(100_000))
        app.ok("POST", INSPECT, {"url": url})

        def seconds(**changes: Any) -> float:
            begun = time.perf_counter()
            app.ok("POST", PREVIEW, body(url, template_id, **changes))
            return time.perf_counter() - begun

        assert min(seconds(firstRecords=50) for _ in range(3)) < min(seconds(), seconds()) / 2


class TestKept:
    def test_an_inspected_feed_is_not_fetched_again(
        self, app: HostApp, feed_server: FeedServer, template_id: str
    ) -> None:
        url = feed_server.serve("/feed.xml", FEED)
        app.ok("POST", INSPECT, {"url": url})
        feed_server.serve("/feed.xml", FEED.replace("Lamp", "Light"))
        for _ in range(3):
            assert app.ok("POST", PREVIEW, body(url, template_id))["rows"] == ROWS
        assert len(feed_server.requests) == 1
        app.ok("POST", INSPECT, {"url": url})
        seen = app.ok("POST", PREVIEW, body(url, template_id))
        assert (seen["rows"][0]["title"], len(feed_server.requests)) == ("Light", 2)

    def test_nor_is_one_that_was_inspected_with_events(
        self, app: HostApp, feed_server: FeedServer, template_id: str
    ) -> None:
        url = feed_server.serve("/feed.xml", FEED)
        headers = {"accept": "application/x-ndjson"}
        assert app.call("POST", INSPECT, {"url": url}, headers=headers).is_success
        app.ok("POST", PREVIEW, body(url, template_id))
        assert len(feed_server.requests) == 1

    def test_a_preview_fetches_once(
        self, app: HostApp, feed_server: FeedServer, template_id: str
    ) -> None:
        url = feed_server.serve("/feed.xml", FEED)
        for _ in range(3):
            app.ok("POST", PREVIEW, body(url, template_id))
        assert len(feed_server.requests) == 1

    def test_an_import_job_s_previews_take_it(self, app: HostApp, feed_server: FeedServer) -> None:
        auth = {"authHeaderName": "X-Token", "authHeaderValue": "s3cret"}
        job = app.import_job(feed_server, **auth)
        app.ok("POST", INSPECT, {"url": job["url"], **auth})
        before = len(feed_server.requests)
        app.ok("POST", preview(job), {})
        assert len(feed_server.requests) == before
        app.ok("GET", preview(job))
        assert len(feed_server.requests) == before + 1

    def test_two_projects_share_nothing(
        self, app: HostApp, other_app: HostApp, feed_server: FeedServer, template_id: str
    ) -> None:
        url = feed_server.serve("/feed.xml", FEED)
        app.ok("POST", INSPECT, {"url": url})
        feed_server.serve("/feed.xml", FEED.replace("Lamp", "Light"))
        other = body(url, other_app.template()["_id"])
        assert other_app.ok("POST", PREVIEW, other)["rows"][0]["title"] == "Light"
        assert app.ok("POST", PREVIEW, body(url, template_id))["rows"][0]["title"] == "Lamp"
        assert len(feed_server.requests) == 2

    def test_what_one_header_was_shown_no_other_one_is(
        self, app: HostApp, feed_server: FeedServer, template_id: str
    ) -> None:
        def route(handler: Handler) -> None:
            name = handler.headers.get("X-Token", "nobody")
            handler.answer(200, {"Content-Type": "text/xml"}, FEED.replace("Lamp", name))

        feed_server.routes["/feed.xml"] = route
        url = feed_server.url("/feed.xml")
        for _ in range(2):
            for name in ("ann", "bob"):
                auth = {"authHeaderName": "X-Token", "authHeaderValue": name}
                seen = app.ok("POST", PREVIEW, body(url, template_id, **auth))
                assert seen["rows"][0]["title"] == name
            assert app.ok("POST", PREVIEW, body(url, template_id))["rows"][0]["title"] == "nobody"
        assert len(feed_server.requests) == 3

    def test_many_previews_at_once_read_the_same_feed(
        self, base_url: str, access_key: str, feed_server: FeedServer
    ) -> None:
        url = feed_server.serve("/feed.xml", numbered(20_000))
        with host_app(base_url, access_key) as app:
            template_id = app.template()["_id"]
            app.ok("POST", INSPECT, {"url": url})

            def ask(number: int) -> Any:
                mappings = MAPPINGS if number % 2 else MAPPINGS[:2]
                return app.ok("POST", PREVIEW, body(url, template_id, mappings=mappings))

            with ThreadPoolExecutor(8) as threads:
                seen = list(threads.map(ask, range(8)))
        assert all(one == seen[number % 2] for number, one in enumerate(seen))
        assert [one["valid"] for one in seen[:2]] == [20_000, 10_000]
        assert len(feed_server.requests) == 1

    def test_who_waits_for_the_host_takes_what_was_fetched_meanwhile(
        self, base_url: str, access_key: str, feed_server: FeedServer
    ) -> None:
        entered, release = threading.Event(), threading.Event()

        def slow(handler: Handler) -> None:
            entered.set()
            assert release.wait(30)
            handler.answer(200, {"Content-Type": "text/xml"}, FEED)

        feed_server.routes["/feed.xml"] = slow
        with host_app(base_url, access_key) as app, ThreadPoolExecutor(6) as threads:
            asked = body(feed_server.url("/feed.xml"), app.template()["_id"])
            answers = [threads.submit(app.ok, "POST", PREVIEW, asked) for _ in range(6)]
            assert entered.wait(30)
            release.set()
            assert all(answer.result()["rows"] == ROWS for answer in answers)
        assert len(feed_server.requests) < 6  # one; two if the next turn began within a moment

    def test_not_for_long(
        self, settings: Settings, access_key: str, feed_server: FeedServer
    ) -> None:
        fleeting = create_app(settings)
        fleeting.state.feed_reader = FeedReader(settings, KeptFeeds(seconds=0.5))
        with serving(fleeting) as base_url, host_app(base_url, access_key) as app:
            url = feed_server.serve("/feed.xml", FEED)
            asked = body(url, app.template()["_id"])
            app.ok("POST", PREVIEW, asked)
            feed_server.serve("/feed.xml", FEED.replace("Lamp", "Light"))
            pause = threading.Event()
            until(lambda: pause.wait(0.6) or _title(app, asked) == "Light", "it was dropped")

    def test_no_more_than_a_few(
        self, settings: Settings, access_key: str, feed_server: FeedServer
    ) -> None:
        small = create_app(settings)
        small.state.feed_reader = FeedReader(settings, KeptFeeds(most_feeds=2))
        with serving(small) as base_url, host_app(base_url, access_key) as app:
            template_id = app.template()["_id"]
            urls = [feed_server.serve(f"/{n}.xml", FEED) for n in range(3)]
            for url in [*urls, *reversed(urls)]:
                app.ok("POST", PREVIEW, body(url, template_id))
        assert [request.path for request in feed_server.requests] == [
            *(f"/{n}.xml" for n in (0, 1, 2)),
            "/0.xml",
        ]


def _title(app: HostApp, asked: dict[str, Any]) -> Any:
    return app.ok("POST", PREVIEW, asked)["rows"][0]["title"]


class TestPreviewChanges:
    @pytest.fixture
    def job(self, app: HostApp, feed_server: FeedServer) -> dict[str, Any]:
        return app.import_job(feed_server)

    @pytest.fixture(autouse=True)
    def _nothing_is_saved(self, app: HostApp, job: dict[str, Any]) -> Iterator[None]:
        yield
        saved = app.ok("GET", f"/v1/import-jobs/{job['_id']}")
        assert saved == job or saved["status"] == "TERMINATED"

    def test_nothing_is_as_it_is_saved(self, app: HostApp, job: dict[str, Any]) -> None:
        assert app.ok("POST", preview(job), {}) == app.ok("GET", preview(job))

    def test_mappings_in_place_of_the_saved(self, app: HostApp, job: dict[str, Any]) -> None:
        mappings = [*MAPPINGS[:1], {"key": "link", "path": f"{ITEM} > title"}]
        seen = app.ok("POST", preview(job), {"mappings": mappings, "firstRecords": 1})
        assert seen["rows"] == [{"title": "Lamp", "link": "Lamp", "price": None}]

    def test_filters_in_place_of_the_saved(
        self, app: HostApp, feed_server: FeedServer, job: dict[str, Any]
    ) -> None:
        rule = {"field": "title", "operation": "equals", "value": "Desk"}
        assert app.ok("POST", preview(job), {"filters": [rule]})["indexes"] == [2]
        filtered = app.import_job(feed_server, filters=[rule])
        assert app.ok("POST", preview(filtered), {})["indexes"] == [2]
        for nothing in ([], None):
            seen = app.ok("POST", preview(filtered), {"filters": nothing})
            assert seen["indexes"] == [0, 1, 2]

    def test_a_record_path_in_place_of_the_saved(
        self, app: HostApp, feed_server: FeedServer
    ) -> None:
        mappings = [
            {"key": "title", "path": "rss > channel > title"},
            {"key": "link", "path": "rss > channel > title"},
        ]
        job = app.import_job(feed_server, recordPath="rss > channel", mappings=mappings)
        assert app.ok("POST", preview(job), {})["records"] == 1
        assert app.ok("POST", preview(job), {"recordPath": None})["records"] == 3
        changed = {"recordPath": ITEM, "mappings": MAPPINGS}
        assert app.ok("POST", preview(job), changed)["rows"] == ROWS

    @pytest.mark.parametrize(
        ("changes", "named"),
        [
            ({"mappings": None}, ["mappings"]),
            ({"mappings": []}, ["mappings"]),
            ({"mappings": [{"key": "price", "path": f"{ITEM} > cost"}]}, ["mappings.0.path"]),
            ({"mappings": [{"key": "x", "path": f"{ITEM} > title"}]}, ["mappings.0.key"]),
            ({"filters": [{"field": "x", "operation": "is", "value": ""}]}, None),
            ({"recordPath": "feed > entry"}, ["recordPath"]),
            ({"url": "http://other.test/"}, ["url"]),
            ({"limit": 101}, ["limit"]),
        ],
    )
    def test_refused(
        self, app: HostApp, job: dict[str, Any], changes: dict[str, Any], named: list[str] | None
    ) -> None:
        found = fields(app.refused(422, "POST", preview(job), changes))
        assert found == (named or ["filters.0.field", "filters.0.operation"])

    def test_mappings_are_refused_as_when_they_are_saved(
        self, app: HostApp, job: dict[str, Any]
    ) -> None:
        mappings = [*MAPPINGS, MAPPINGS[0], {"key": "x", "path": f"{ITEM} > cost"}]
        path = f"/v1/import-jobs/{job['_id']}/mappings"
        assert app.refused(422, "POST", preview(job), {"mappings": mappings}) == app.refused(
            422, "PUT", path, mappings
        )

    def test_before_any_column_is_mapped(self, app: HostApp, feed_server: FeedServer) -> None:
        job = app.import_job(feed_server, mappings=None)
        assert "map columns first" in app.refused(409, "POST", preview(job), {})["message"]
        assert app.ok("POST", preview(job), {"mappings": MAPPINGS})["rows"] == ROWS

    def test_saved_mappings_of_columns_that_are_gone(
        self, app: HostApp, feed_server: FeedServer
    ) -> None:
        template = app.template()
        job = app.import_job(feed_server, template)
        app.ok("PUT", f"/v1/templates/{template['_id']}", {"columns": COLUMNS[:2]})
        for changes in ({}, {"recordPath": None}):
            seen = app.ok("POST", preview(job), changes)
            assert seen["rows"][0] == {"title": "Lamp", "link": "https://shop.test/1"}

    def test_of_a_deleted_import_job_is_409(self, app: HostApp, job: dict[str, Any]) -> None:
        app.ok("DELETE", f"/v1/import-jobs/{job['_id']}")
        app.refused(409, "POST", preview(job), {})


class TestUploads:
    CSV = "Title,Link,Price\n" + "".join(f"T{n},/{n},{n}\n" for n in range(100))

    @pytest.fixture
    def job(self, app: HostApp) -> dict[str, Any]:
        template = app.template(mode="manual")
        answer = app.http.post(
            f"/v1/uploads/{template['_id']}",
            data={"externalUserId": "ann"},
            files={"file": ("stock.csv", self.CSV, "text/csv")},
        )
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def test_of_a_file(self, app: HostApp, job: dict[str, Any]) -> None:
        mappings = [{"key": "title", "path": "Title"}, {"key": "link", "path": "Link"}]
        changes: dict[str, Any] = {"mappings": mappings, "limit": 1}
        seen = app.ok("POST", preview(job), changes)
        assert (seen["records"], seen["isPartial"]) == (100, False)
        seen = app.ok("POST", preview(job), changes | {"firstRecords": 10})
        assert (seen["records"], seen["isPartial"]) == (10, True)
        assert seen["rows"] == [{"title": "T0", "link": "/0", "price": None}]

    def test_refused(self, app: HostApp, job: dict[str, Any]) -> None:
        changes: dict[str, Any] = {"recordPath": "rows"}
        assert fields(app.refused(422, "POST", preview(job), changes)) == ["recordPath"]
        changes = {"mappings": [{"key": "title", "path": "Name"}]}
        assert fields(app.refused(422, "POST", preview(job), changes)) == ["mappings.0.path"]
        app.refused(409, "POST", preview(job), {})
