from __future__ import annotations

import gzip
import threading
from typing import Any

import pytest

from impler_pipelines.control_api.app import create_app
from impler_pipelines.settings import Settings
from impler_pipelines_tests.control_api.conftest import host_app, serving
from impler_pipelines_tests.control_api.host_app import ATOM, FEED, HostApp, fields
from impler_pipelines_tests.feed_server import FeedServer, Handler

INSPECT = "/v1/feeds/inspect"
PAGE = """<!doctype html><html><head><title>Shop</title>
<link rel="alternate" type="application/rss+xml" title="All" href="/feed.xml">
<link rel="alternate" type="application/atom+xml" href="https://news.test/atom">
</head><body><p>Hello</body></html>"""


class TestInspectFeed:
    def test_says_what_it_holds(self, app: HostApp, feed_server: FeedServer) -> None:
        seen = app.ok("POST", INSPECT, {"url": feed_server.serve("/feed.xml", FEED)})
        assert seen["format"] == "rss"
        assert seen["recordPath"] == "rss > channel > item"
        assert seen["recordCount"] == 3
        price = next(h for h in seen["headings"] if h["path"].endswith("g:price"))
        assert price == {
            "path": "rss > channel > item > g:price",
            "samples": ["10.50", "99"],
            "count": 2,
            "repeated": False,
        }
        assert seen["candidates"][0]["path"] == "rss > channel > item"
        assert seen["warnings"] == []
        assert "suggestions" not in seen

    def test_suggests_columns_of_a_template(self, app: HostApp, feed_server: FeedServer) -> None:
        columns = [
            {"key": "TITLE"},
            {"key": "address", "name": "Link"},
            {"key": "cost", "alternateKeys": ["worth", "Price"]},
            {"key": "colour"},
        ]
        template = app.template(columns=columns)
        body = {"url": feed_server.serve("/feed.xml", FEED), "templateId": template["_id"]}
        item = "rss > channel > item"
        assert app.ok("POST", INSPECT, body)["suggestions"] == [
            {"key": "TITLE", "path": f"{item} > title", "score": 1.0},
            {"key": "address", "path": f"{item} > link", "score": 0.98},
            {"key": "cost", "path": f"{item} > g:price", "score": 0.89},
        ]

    def test_says_which_required_columns_nothing_fits(
        self, app: HostApp, feed_server: FeedServer
    ) -> None:
        columns = [{"key": "colour", "isRequired": True}, {"key": "size"}, {"key": "title"}]
        template = app.template(columns=columns)
        body = {"url": feed_server.serve("/feed.xml", FEED), "templateId": template["_id"]}
        colour, title = app.ok("POST", INSPECT, body)["suggestions"]
        assert colour.pop("message").startswith("No heading of the feed looks like this")
        assert colour == {"key": "colour", "path": None, "score": 0}
        assert "message" not in title

    def test_sends_the_auth_header(self, app: HostApp, feed_server: FeedServer) -> None:
        url = feed_server.serve("/feed.xml", FEED)
        app.ok(
            "POST",
            INSPECT,
            {"url": url, "authHeaderName": "X-Token", "authHeaderValue": "s3cr3t"},
        )
        assert feed_server.requests[-1].header("x-token") == "s3cr3t"

    def test_userinfo_becomes_the_auth(self, app: HostApp, feed_server: FeedServer) -> None:
        url = feed_server.serve("/feed.xml", FEED).replace("://", "://ann:p%40ss@")
        app.ok("POST", INSPECT, {"url": url})
        assert feed_server.requests[-1].header("authorization") == "Basic YW5uOnBAc3M="

    def test_record_path_of_one_s_own(self, app: HostApp, feed_server: FeedServer) -> None:
        url = feed_server.serve("/feed.xml", FEED)
        seen = app.ok("POST", INSPECT, {"url": url, "recordPath": "rss > channel"})
        assert (seen["recordPath"], seen["recordCount"]) == ("rss > channel", 1)

    def test_a_record_path_that_the_feed_lacks(self, app: HostApp, feed_server: FeedServer) -> None:
        body = {"url": feed_server.serve("/feed.xml", FEED), "recordPath": "feed > entry"}
        refused = app.refused(422, "POST", INSPECT, body)
        assert fields(refused) == ["recordPath"]
        assert "rss > channel > item" in refused["message"]

    def test_a_record_path_beside_the_records(self, app: HostApp, feed_server: FeedServer) -> None:
        url = feed_server.serve("/feed.xml", FEED)
        body = {"url": url, "recordPath": "rss > channel > nope"}
        assert fields(app.refused(422, "POST", INSPECT, body)) == ["recordPath"]

    def test_the_record_path_of_a_feed_that_is_empty_for_now(
        self, app: HostApp, feed_server: FeedServer
    ) -> None:
        empty = '<rss version="2.0"><channel><title>Quiet</title></channel></rss>'
        body = {"url": feed_server.serve("/feed.xml", empty), "recordPath": "rss > channel > item"}
        assert app.ok("POST", INSPECT, body)["recordCount"] == 0

    def test_compressed(self, app: HostApp, feed_server: FeedServer) -> None:
        url = feed_server.serve("/feed.xml.gz", gzip.compress(ATOM.encode()))
        assert app.ok("POST", INSPECT, {"url": url})["recordPath"] == "feed > entry"

    def test_a_web_page_answers_with_its_feeds(self, app: HostApp, feed_server: FeedServer) -> None:
        url = feed_server.serve("/shop", PAGE, content_type="text/html")
        body = app.refused(502, "POST", INSPECT, {"url": url})
        assert body["feeds"] == [
            {"url": feed_server.url("/feed.xml"), "title": "All", "type": "application/rss+xml"},
            {"url": "https://news.test/atom", "title": "", "type": "application/atom+xml"},
        ]

    def test_the_encoding_of_a_web_page(self, app: HostApp, feed_server: FeedServer) -> None:
        page = f"\ufeff<!-- x --><!DOCTYPE html>{PAGE.replace('All', 'Größe')}"
        body = app.refused(502, "POST", INSPECT, {"url": feed_server.serve("/shop", page)})
        assert body["feeds"][0]["title"] == "Größe"

    def test_a_web_page_of_bytes_in_no_encoding(
        self, app: HostApp, feed_server: FeedServer
    ) -> None:
        page = PAGE.encode() + b"\x81\xff"
        url = feed_server.serve("/shop", page, content_type="text/html; charset=gb2312")
        assert len(app.refused(502, "POST", INSPECT, {"url": url})["feeds"]) == 2

    def test_a_large_web_page_is_cut_between_characters(
        self, app: HostApp, feed_server: FeedServer
    ) -> None:
        page = PAGE.replace("All", "Größe").replace("Hello", "é" * 2**20 + "</p>")
        body = app.refused(502, "POST", INSPECT, {"url": feed_server.serve("/shop", page)})
        assert body["feeds"][0]["title"] == "Größe"

    def test_a_web_page_without_feeds(self, app: HostApp, feed_server: FeedServer) -> None:
        url = feed_server.serve("/shop", "<html><body>Hello</body></html>")
        assert app.refused(502, "POST", INSPECT, {"url": url})["feeds"] == []

    @pytest.mark.parametrize(
        ("status", "content", "told", "code"),
        [
            pytest.param(404, "gone", "404", "feed_refused", id="not found"),
            pytest.param(
                200,
                "<rss><channel><item></channel></rss>",
                "line 1",
                "feed_malformed",
                id="malformed",
            ),
            pytest.param(
                200,
                "<r><i><![CDATA[<html>]]></i><i></r>",
                "line 1",
                "feed_malformed",
                id="malformed, a page inside",
            ),
            pytest.param(200, "{}", "JSON", None, id="JSON"),
            pytest.param(200, "", "empty", None, id="empty"),
            pytest.param(200, "<nothing/>", "record", "no_records", id="no records"),
        ],
    )
    def test_what_is_no_feed_is_502(
        self,
        app: HostApp,
        feed_server: FeedServer,
        status: int,
        content: str,
        told: str,
        code: str | None,
    ) -> None:
        url = feed_server.serve("/feed.xml", content, status=status)
        body = app.refused(502, "POST", INSPECT, {"url": f"{url}?key=s3cr3t"})
        assert told in body["message"]
        assert body.get("cause", {}).get("code") == code
        assert "s3cr3t" not in str(body)
        assert "feeds" not in body

    def test_nobody_listens(self, app: HostApp) -> None:
        app.refused(502, "POST", INSPECT, {"url": "http://127.0.0.1:1/feed.xml"})

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            pytest.param({"url": "ftp://shop.test/feed.xml"}, "url", id="scheme"),
            pytest.param({"url": "feed.xml"}, "url", id="no URL"),
            pytest.param({"url": "http://[::1/"}, "url", id="broken"),
            pytest.param({"url": "http://a b/"}, "url", id="space"),
            pytest.param({"url": ""}, "url", id="empty"),
            pytest.param({"url": None}, "url", id="null"),
            pytest.param({"authHeaderName": "X-Token"}, "authHeaderValue", id="name alone"),
            pytest.param({"authHeaderValue": "x"}, "authHeaderName", id="value alone"),
            pytest.param(
                {"authHeaderName": "Host", "authHeaderValue": "x"}, "authHeaderName", id="Host"
            ),
            pytest.param(
                {"authHeaderName": "X-A", "authHeaderValue": "a\r\nb"},
                "authHeaderValue",
                id="lines",
            ),
        ],
    )
    def test_refused(
        self, app: HostApp, feed_server: FeedServer, changes: dict[str, Any], field: str
    ) -> None:
        body = {"url": feed_server.url("/feed.xml")} | changes
        assert field in fields(app.refused(422, "POST", INSPECT, body))
        assert not feed_server.requests

    def test_a_header_and_userinfo_are_refused(self, app: HostApp) -> None:
        url = "http://ann:pass@shop.test/"
        body = {"url": url, "authHeaderName": "X-A", "authHeaderValue": "b"}
        refused = app.refused(422, "POST", INSPECT, body)
        assert fields(refused) == ["url"]
        assert "pass" not in refused["message"].replace("password", "")

    def test_a_private_address_is_422(
        self, settings: Settings, access_key: str, feed_server: FeedServer
    ) -> None:
        guarded = create_app(settings.model_copy(update={"allow_private_addresses": False}))
        with serving(guarded) as url, host_app(url, access_key) as app:
            for feed_url in (feed_server.url("/feed.xml"), "http://169.254.169.254/latest"):
                body = app.refused(422, "POST", INSPECT, {"url": feed_url})
                assert fields(body) == ["url"]
                assert body["cause"] == {"code": "address_refused"}
        assert not feed_server.requests

    def test_too_large_is_502(
        self, settings: Settings, access_key: str, feed_server: FeedServer
    ) -> None:
        small = create_app(settings.model_copy(update={"max_feed_bytes": 100}))
        with serving(small) as url, host_app(url, access_key) as app:
            body = app.refused(502, "POST", INSPECT, {"url": feed_server.serve("/feed.xml", FEED)})
        assert "IMPLER_MAX_FEED_BYTES" in body["message"]

    def test_slow_feeds_leave_the_rest_of_the_api_alone(
        self, app: HostApp, base_url: str, access_key: str, feed_server: FeedServer
    ) -> None:
        release, statuses = threading.Event(), []

        def slow(handler: Handler) -> None:
            release.wait(30)
            handler.answer(200, {"Content-Type": "application/xml"}, FEED)

        feed_server.routes["/slow.xml"] = slow
        body = {"url": feed_server.url("/slow.xml")}

        def inspect() -> None:
            with host_app(base_url, access_key) as mine:
                statuses.append(mine.call("POST", INSPECT, body).status_code)

        threads = [threading.Thread(target=inspect) for _ in range(24)]
        for thread in threads:
            thread.start()
        try:
            refused = 0
            while refused < 8 and any(t.is_alive() for t in threads):
                refused = statuses.count(503)
                threads[0].join(0.01)
            assert app.ok("GET", "/v1/templates") == []
        finally:
            release.set()
            for thread in threads:
                thread.join(30)
        assert sorted(statuses) == [200] * 16 + [503] * 8
