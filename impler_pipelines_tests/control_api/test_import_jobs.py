from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from impler_pipelines.control_api.app import create_app
from impler_pipelines.settings import Settings
from impler_pipelines_tests.control_api.conftest import host_app, serving
from impler_pipelines_tests.control_api.host_app import (
    ATOM,
    COLUMNS,
    EVERY_DAY,
    FEED,
    MAPPINGS,
    HostApp,
    fields,
)
from impler_pipelines_tests.feed_server import FeedServer

ITEM = "rss > channel > item"
FIELDS = {
    *("_id", "_templateId", "url", "externalUserId", "extra", "recordPath", "status", "interval"),
    *("cron", "timezone", "scheduleText", "nextRun", "endsOn", "filters", "isInvalidRecords"),
    *("totalRecords", "validRecords", "invalidRecords", "consecutiveFailures", "lastError"),
    *("failingSince", "lastErrorCause"),  # beyond the contract
    *("lastRun", "createdAt", "updatedAt"),
    "fileName",  # beyond the contract
}


def moment(text: str) -> dt.datetime:
    assert text.endswith("Z")
    return dt.datetime.fromisoformat(text)


class TestCreateImportJob:
    def test_answers_with_the_import_job(self, app: HostApp, feed_server: FeedServer) -> None:
        template = app.template()
        job = app.import_job(feed_server, template, extra={"plan": "pro"})
        assert set(job) == FIELDS | {"headings"}
        assert job["_templateId"] == template["_id"]
        assert job["externalUserId"] == "ann"
        assert job["extra"] == {"plan": "pro"}
        assert job["recordPath"] == ITEM
        assert f"{ITEM} > title" in [heading["path"] for heading in job["headings"]]
        assert job["status"] == "RUNNING"
        assert job["interval"]["every"] == 1
        assert job["interval"]["startsOn"] == dt.datetime.now(dt.UTC).date().isoformat()
        assert job["timezone"] == "UTC"
        assert job["scheduleText"]
        assert moment(job["nextRun"]) > dt.datetime.now(dt.UTC)
        assert job["isInvalidRecords"] is False
        assert job["consecutiveFailures"] == 0
        unknown_yet = ("totalRecords", "validRecords", "invalidRecords", "lastRun", "lastError")
        assert [job[name] for name in unknown_yet] == [None] * 5
        assert app.ok("GET", f"/v1/import-jobs/{job['_id']}") == job

    def test_asks_for_the_first_run_at_once(self, app: HostApp, feed_server: FeedServer) -> None:
        job = app.import_job(feed_server)
        (run,) = app.ok("GET", f"/v1/import-jobs/{job['_id']}/runs")
        assert (run["status"], run["trigger"], run["_jobId"]) == ("QUEUED", "FIRST", job["_id"])

    def test_not_with_run_now_false(self, app: HostApp, feed_server: FeedServer) -> None:
        job = app.import_job(feed_server, runNow=False)
        assert job["status"] == "RUNNING"
        assert app.ok("GET", f"/v1/import-jobs/{job['_id']}/runs") == []

    @pytest.mark.parametrize(
        ("changes", "status"),
        [
            pytest.param({"mappings": None}, "MAPPING", id="no mappings"),
            pytest.param({"mappings": MAPPINGS[:1]}, "MAPPING", id="one of two required"),
            pytest.param({"mappings": MAPPINGS[:2]}, "RUNNING", id="all required"),
            pytest.param({"interval": None}, "SCHEDULING", id="no interval"),
            pytest.param({"interval": None, "mappings": None}, "MAPPING", id="neither"),
            pytest.param({"interval": None, "cron": "0 9 * * MON"}, "RUNNING", id="cron"),
        ],
    )
    def test_states(
        self, app: HostApp, feed_server: FeedServer, changes: dict[str, Any], status: str
    ) -> None:
        job = app.import_job(feed_server, **changes)
        assert job["status"] == status
        assert (job["nextRun"] is not None) == (status == "RUNNING")

    @pytest.mark.parametrize(
        "extra",
        [
            pytest.param({"externalUserId": "bob", "a": 1}, id="object"),
            pytest.param('{"externalUserId": "bob", "a": 1}', id="JSON text"),
        ],
    )
    def test_the_user_may_stand_inside_extra(
        self, app: HostApp, feed_server: FeedServer, extra: Any
    ) -> None:
        job = app.import_job(feed_server, externalUserId=None, extra=extra)
        assert job["externalUserId"] == "bob"
        assert job["extra"] == {"externalUserId": "bob", "a": 1}

    def test_the_older_grammar_of_paths(self, app: HostApp, feed_server: FeedServer) -> None:
        paths = [{"key": "title", "path": "rss>channel>item[]>title"}, MAPPINGS[1]]
        job = app.import_job(feed_server, mappings=paths)
        mapped = app.ok("GET", f"/v1/import-jobs/{job['_id']}/mappings")
        assert mapped[0]["path"] == f"{ITEM} > title"

    def test_secrets_are_never_returned(self, app: HostApp, feed_server: FeedServer) -> None:
        url = feed_server.serve("/feed.xml", FEED).replace("://", "://ann:s3cr3t-a@")
        first = app.import_job(feed_server, url=url)
        second = app.import_job(feed_server, authHeaderName="X-T", authHeaderValue="s3cr3t-b")
        listed = app.ok("GET", "/v1/import-jobs/user/ann")
        assert "s3cr3t" not in json.dumps([first, second, listed])
        assert "ann:" not in first["url"]
        assert feed_server.requests[-1].header("X-T") == "s3cr3t-b"
        assert feed_server.requests[-2].header("Authorization")

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            pytest.param({"url": None}, {"url"}, id="no url"),
            pytest.param({"url": "ftp://a.test/"}, {"url"}, id="scheme"),
            pytest.param({"externalUserId": None}, {"externalUserId"}, id="no user"),
            pytest.param({"externalUserId": ""}, {"externalUserId"}, id="empty user"),
            pytest.param({"externalUserId": "x" * 257}, {"externalUserId"}, id="long user"),
            pytest.param({"externalUserId": 7}, {"externalUserId"}, id="user is a number"),
            pytest.param(
                {"externalUserId": None, "extra": {"externalUserId": 7}},
                {"extra.externalUserId"},
                id="user in extra is a number",
            ),
            pytest.param(
                {"extra": {"externalUserId": "bob"}}, {"extra.externalUserId"}, id="two users"
            ),
            pytest.param({"extra": "text"}, {"extra"}, id="extra is text"),
            pytest.param({"extra": "[1]"}, {"extra"}, id="extra is an array"),
            pytest.param({"extra": '{"a": "\\u0000"}'}, {"extra.a"}, id="NUL inside extra's text"),
            pytest.param({"extra": '{"a": NaN}'}, {"extra.a"}, id="NaN inside extra's text"),
            pytest.param({"cron": "* * * * *"}, {"interval"}, id="interval and cron"),
            pytest.param({"interval": {"every": 1, "unit": "years"}}, {"interval.unit"}, id="unit"),
            pytest.param({"timezone": "Mars"}, {"timezone"}, id="zone"),
            pytest.param({"timezone": "Mars", "interval": None}, {"timezone"}, id="zone alone"),
            pytest.param({"endsOn": "2020-01-01"}, {"endsOn"}, id="past end"),
            pytest.param(
                {"filters": [{"field": "x", "operation": "odd", "value": ""}]},
                {"filters.0.field", "filters.0.operation"},
                id="filter",
            ),
            pytest.param(
                {"mappings": [{"key": "x", "path": "a"}]}, {"mappings.0.key"}, id="unknown key"
            ),
            pytest.param(
                {"mappings": [MAPPINGS[0], MAPPINGS[0]]}, {"mappings.1.key"}, id="key twice"
            ),
            pytest.param(
                {"mappings": [MAPPINGS[0] | {"repeated": "last"}]},
                {"mappings.0.repeated"},
                id="repeated",
            ),
            pytest.param({"runNow": "no"}, {"runNow"}, id="runNow"),
            pytest.param({"externaluserid": "x"}, {"externaluserid"}, id="unknown field"),
            pytest.param(
                {"url": "ftp://a.test/", "timezone": "Mars", "endsOn": "x", "extra": {}},
                {"url", "timezone", "endsOn"},
                id="several at once",
            ),
        ],
    )
    def test_refused_before_anything_is_fetched(
        self, app: HostApp, feed_server: FeedServer, changes: dict[str, Any], expected: set[str]
    ) -> None:
        url = feed_server.serve("/feed.xml", FEED)
        body = {"url": url, "externalUserId": "ann", "mappings": MAPPINGS, "interval": EVERY_DAY}
        body = {k: v for k, v in (body | changes).items() if v is not None}
        template = app.template()
        refused = app.refused(422, "POST", f"/v1/import-jobs/{template['_id']}", body)
        assert set(fields(refused)) == expected
        assert not feed_server.requests

    def test_paths_that_the_feed_lacks_are_named(
        self, app: HostApp, feed_server: FeedServer
    ) -> None:
        url = feed_server.serve("/feed.xml", FEED)
        wrong = [MAPPINGS[0], MAPPINGS[1] | {"path": "a > b"}, MAPPINGS[2] | {"path": "c"}]
        body = {"url": url, "externalUserId": "ann", "mappings": wrong}
        refused = app.refused(422, "POST", f"/v1/import-jobs/{app.template()['_id']}", body)
        assert fields(refused) == ["mappings.1.path", "mappings.2.path"]
        assert app.ok("GET", "/v1/import-jobs/user/ann") == []

    def test_a_feed_that_can_t_be_read_is_502(self, app: HostApp, feed_server: FeedServer) -> None:
        body = {"url": feed_server.url("/nothing.xml"), "externalUserId": "ann"}
        app.refused(502, "POST", f"/v1/import-jobs/{app.template()['_id']}", body)

    def test_manual_templates_take_none(self, app: HostApp, feed_server: FeedServer) -> None:
        template = app.template(mode="manual")
        body = {"url": feed_server.serve("/feed.xml", FEED), "externalUserId": "ann"}
        refused = app.refused(409, "POST", f"/v1/import-jobs/{template['_id']}", body)
        assert "manual" in refused["message"]

    @pytest.mark.parametrize(
        ("text", "zone", "expected"),
        [
            pytest.param("2040-01-31", "UTC", "2040-01-31T23:59:59Z", id="date"),
            pytest.param("2040-01-31", "Asia/Tokyo", "2040-01-31T14:59:59Z", id="date in a zone"),
            pytest.param("2040-01-31T12:00", "Asia/Tokyo", "2040-01-31T03:00:00Z", id="wall time"),
            pytest.param("2040-01-31T12:00:00+02:00", "UTC", "2040-01-31T10:00:00Z", id="offset"),
            pytest.param("2040-01-31T12:00:00Z", "Asia/Tokyo", "2040-01-31T12:00:00Z", id="UTC"),
        ],
    )
    def test_ends_on(
        self, app: HostApp, feed_server: FeedServer, text: str, zone: str, expected: str
    ) -> None:
        job = app.import_job(feed_server, endsOn=text, timezone=zone)
        assert job["endsOn"] == expected


class TestUpdateImportJob:
    def test_absent_is_unchanged(self, app: HostApp, feed_server: FeedServer) -> None:
        job = app.import_job(feed_server, extra={"a": 1}, endsOn="2040-01-01")
        assert app.ok("PUT", path(job), {}) == job
        changed = app.ok("PUT", path(job), {"extra": {"b": 2}})
        assert changed | {"updatedAt": job["updatedAt"]} == job | {"extra": {"b": 2}}

    @pytest.mark.parametrize(
        ("name", "cleared", "status"),
        [
            pytest.param("interval", None, "SCHEDULING", id="interval"),
            pytest.param("endsOn", None, "RUNNING", id="endsOn"),
            pytest.param("timezone", "UTC", "RUNNING", id="timezone"),
            pytest.param("extra", {}, "RUNNING", id="extra"),
            pytest.param("filters", [], "RUNNING", id="filters"),
            pytest.param("recordPath", ITEM, "RUNNING", id="recordPath"),
        ],
    )
    def test_null_clears(
        self, app: HostApp, feed_server: FeedServer, name: str, cleared: Any, status: str
    ) -> None:
        job = app.import_job(
            feed_server,
            endsOn="2040-01-01",
            timezone="Asia/Tokyo",
            extra={"a": 1},
            filters=[{"field": "title", "operation": "contains", "value": "a"}],
        )
        changed = app.ok("PUT", path(job), {name: None})
        assert changed[name] == cleared
        assert changed["status"] == status

    def test_the_url_can_t_be_cleared(self, app: HostApp, feed_server: FeedServer) -> None:
        job = app.import_job(feed_server)
        assert fields(app.refused(422, "PUT", path(job), {"url": None})) == ["url"]

    def test_interval_and_cron_take_each_other_s_place(
        self, app: HostApp, feed_server: FeedServer
    ) -> None:
        job = app.import_job(feed_server)
        by_cron = app.ok("PUT", path(job), {"cron": "0 9 * * *"})
        assert (by_cron["interval"], by_cron["cron"]) == (None, "0 9 * * *")
        assert moment(by_cron["nextRun"]).time() == dt.time(9)
        by_interval = app.ok("PUT", path(job), {"interval": {"every": 2, "unit": "hours"}})
        assert by_interval["cron"] is None
        assert by_interval["interval"]["unit"] == "hours"
        both = {"cron": "* * * * *", "interval": EVERY_DAY}
        assert fields(app.refused(422, "PUT", path(job), both)) == ["interval"]
        cleared = app.ok("PUT", path(job), {"cron": None})
        assert cleared["interval"] == by_interval["interval"]

    def test_a_new_time_zone_moves_the_next_run(
        self, app: HostApp, feed_server: FeedServer
    ) -> None:
        job = app.import_job(feed_server, interval=None, cron="0 9 * * *")
        moved = app.ok("PUT", path(job), {"timezone": "Asia/Tokyo"})
        assert moment(moved["nextRun"]).time() == dt.time(0)

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            pytest.param({"cron": "nonsense"}, ["cron"], id="cron"),
            pytest.param({"timezone": "Mars"}, ["timezone"], id="zone"),
            pytest.param({"endsOn": "2020-01-01"}, ["endsOn"], id="past end"),
            pytest.param({"externalUserId": "bob"}, ["externalUserId"], id="user"),
            pytest.param(
                {"extra": {"externalUserId": "bob"}}, ["extra.externalUserId"], id="user in extra"
            ),
            pytest.param({"status": "PAUSED"}, ["status"], id="status"),
            pytest.param(
                {"filters": [{"field": "x", "operation": "equals", "value": "y"}]},
                ["filters.0.field"],
                id="filter",
            ),
            pytest.param({"url": "feed.xml"}, ["url"], id="url"),
            pytest.param({"authHeaderValue": "x"}, ["authHeaderName"], id="value without a name"),
        ],
    )
    def test_refused(
        self, app: HostApp, feed_server: FeedServer, body: dict[str, Any], expected: list[str]
    ) -> None:
        job = app.import_job(feed_server)
        assert fields(app.refused(422, "PUT", path(job), body)) == expected
        assert app.ok("GET", path(job)) == job

    def test_a_new_url_is_read_at_once(self, app: HostApp, feed_server: FeedServer) -> None:
        job = app.import_job(feed_server)
        more = FEED.replace("</title><link>https://shop.test/1", "</title><x>1</x><link>1")
        changed = app.ok("PUT", path(job), {"url": feed_server.serve("/more.xml", more)})
        assert f"{ITEM} > x" in [heading["path"] for heading in changed["headings"]]
        assert changed["status"] == "RUNNING"

    def test_a_url_that_can_t_be_read_changes_nothing(
        self, app: HostApp, feed_server: FeedServer
    ) -> None:
        job = app.import_job(feed_server)
        app.refused(502, "PUT", path(job), {"url": feed_server.url("/nothing.xml")})
        assert app.ok("GET", path(job)) == job

    def test_mapped_paths_that_the_new_feed_lacks_are_named(
        self, app: HostApp, feed_server: FeedServer
    ) -> None:
        job = app.import_job(feed_server)
        url = feed_server.serve("/atom.xml", ATOM)
        refused = app.refused(422, "PUT", path(job), {"url": url})
        assert fields(refused) == [f"mappings.{n}.path" for n in range(3)]
        assert app.ok("GET", path(job)) == job

    def test_new_mappings_may_come_with_a_new_url(
        self, app: HostApp, feed_server: FeedServer
    ) -> None:
        job = app.import_job(feed_server)
        url = feed_server.serve("/atom.xml", ATOM)
        mappings = [
            {"key": "title", "path": "feed > entry > title"},
            {"key": "link", "path": "feed > entry > id"},
        ]
        changed = app.ok("PUT", path(job), {"url": url, "mappings": mappings})
        assert (changed["recordPath"], changed["status"]) == ("feed > entry", "RUNNING")
        assert app.ok("PUT", path(job), {"mappings": []})["status"] == "MAPPING"

    def test_auth_is_kept_renewed_and_cleared(self, app: HostApp, feed_server: FeedServer) -> None:
        job = app.import_job(feed_server, authHeaderName="X-T", authHeaderValue="one")
        same_origin = feed_server.serve("/other.xml", FEED)
        sent = []
        for body in (
            {"url": same_origin},
            {"authHeaderValue": "two"},
            {"authHeaderName": "X-U", "authHeaderValue": "three"},
            {"authHeaderName": None},
        ):
            if body == {"authHeaderName": None}:
                body = {"authHeaderName": None, "authHeaderValue": None}
            app.ok("PUT", path(job), body)
            request = feed_server.requests[-1]
            sent.append((request.header("X-T"), request.header("X-U")))
        assert sent == [("one", None), ("two", None), (None, "three"), (None, None)]

    def test_auth_is_never_sent_to_another_origin(
        self, app: HostApp, feed_server: FeedServer
    ) -> None:
        job = app.import_job(feed_server, authHeaderName="X-T", authHeaderValue="one")
        with FeedServer() as elsewhere:
            app.ok("PUT", path(job), {"url": elsewhere.serve("/feed.xml", FEED)})
            assert elsewhere.requests
            assert all(request.header("X-T") is None for request in elsewhere.requests)
        app.ok("PUT", path(job), {"url": feed_server.url("/feed.xml")})
        assert feed_server.requests[-1].header("X-T") is None

    def test_a_later_end_makes_it_run_again(self, app: HostApp, feed_server: FeedServer) -> None:
        job = app.import_job(feed_server, endsOn="2040-01-01")
        assert app.ok("PUT", path(job), {"endsOn": "2041-01-01"})["status"] == "RUNNING"

    def test_deleted_is_409(self, app: HostApp, feed_server: FeedServer) -> None:
        job = app.import_job(feed_server)
        app.ok("DELETE", path(job))
        app.refused(409, "PUT", path(job), {"extra": {}})

    def test_a_secret_that_no_longer_opens_is_told(
        self, settings: Settings, app: HostApp, access_key: str, feed_server: FeedServer
    ) -> None:
        job = app.import_job(feed_server, authHeaderName="X-T", authHeaderValue="one")
        rekeyed = create_app(settings.model_copy(update={"secret_key": "another"}))
        with serving(rekeyed) as url, host_app(url, access_key) as there:
            refused = there.refused(409, "PUT", path(job), {"recordPath": ITEM})
            assert "IMPLER_SECRET_KEY" in refused["message"]
            renewed = {"authHeaderName": "X-T", "authHeaderValue": "two"}
            there.ok("PUT", path(job), renewed)
        assert feed_server.requests[-1].header("X-T") == "two"


def path(job: dict[str, Any], more: str = "") -> str:
    return f"/v1/import-jobs/{job['_id']}{more}"


class TestDeleteImportJob:
    def test_readable_by_id_and_gone_from_lists(
        self, app: HostApp, feed_server: FeedServer
    ) -> None:
        job = app.import_job(feed_server)
        gone = app.ok("DELETE", path(job))
        assert (gone["status"], gone["nextRun"]) == ("TERMINATED", None)
        assert app.ok("GET", path(job)) == gone
        assert app.ok("GET", "/v1/import-jobs/user/ann") == []
        (run,) = app.ok("GET", path(job, "/runs"))
        assert run["status"] == "CANCELLED"
        app.refused(404, "DELETE", path(job))


class TestMappings:
    def test_one_entry_for_each_column(self, app: HostApp, feed_server: FeedServer) -> None:
        job = app.import_job(feed_server, mappings=MAPPINGS[:1])
        assert app.ok("GET", path(job, "/mappings")) == [
            {
                "key": column["key"],
                "name": column["name"],
                "isRequired": column.get("isRequired", False),
                "path": mapping["path"] if mapping is MAPPINGS[0] else None,
                "repeated": "first" if mapping is MAPPINGS[0] else None,
                "suggestedPath": mapping["path"],
            }
            for column, mapping in zip(COLUMNS, MAPPINGS, strict=True)
        ]

    def test_replaces_them_whole(self, app: HostApp, feed_server: FeedServer) -> None:
        job = app.import_job(feed_server)
        mappings = [MAPPINGS[1], MAPPINGS[0] | {"repeated": "join"}]
        for _ in range(2):
            seen = app.ok("PUT", path(job, "/mappings"), mappings)
            assert [entry["path"] for entry in seen] == [
                f"{ITEM} > title",
                f"{ITEM} > link",
                None,
            ]
            assert seen[0]["repeated"] == "join"
        assert app.ok("GET", path(job, "/mappings")) == seen

    def test_takes_what_get_gives(self, app: HostApp, feed_server: FeedServer) -> None:
        job = app.import_job(feed_server, mappings=MAPPINGS[:2])
        seen = app.ok("GET", path(job, "/mappings"))
        assert app.ok("PUT", path(job, "/mappings"), seen) == seen
        assert app.ok("PUT", path(job, "/mappings"), {"mappings": seen}) == seen

    def test_starts_what_waited_for_it(self, app: HostApp, feed_server: FeedServer) -> None:
        job = app.import_job(feed_server, mappings=None)
        assert job["status"] == "MAPPING"
        app.ok("PUT", path(job, "/mappings"), MAPPINGS)
        assert app.ok("GET", path(job))["status"] == "RUNNING"
        assert len(app.ok("GET", path(job, "/runs"))) == 1

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            pytest.param([], ["mappings", "mappings"], id="both required columns absent"),
            pytest.param(
                [MAPPINGS[0], {"key": "link", "path": None}], ["mappings.1.path"], id="null"
            ),
            pytest.param(
                [{"key": "price"}, MAPPINGS[0], MAPPINGS[1] | {"path": "a > b"}],
                ["mappings.2.path"],
                id="a path that the feed lacks",
            ),
            pytest.param(
                [*MAPPINGS, {"key": "colour", "path": f"{ITEM} > title"}],
                ["mappings.3.key"],
                id="an unknown key",
            ),
            pytest.param([*MAPPINGS, MAPPINGS[2]], ["mappings.3.key"], id="a key twice"),
            pytest.param([MAPPINGS[0] | {"x": 1}], ["mappings.0.x"], id="an unknown field"),
            pytest.param([5], ["mappings.0"], id="a number"),
            pytest.param({"title": "a"}, ["mappings", "title"], id="an object"),
            pytest.param(
                [{"key": "title", "path": "a"}, {"key": "price", "path": "b"}],
                ["mappings.0.path", "mappings.1.path", "mappings"],
                id="everything at once",
            ),
        ],
    )
    def test_refused(
        self, app: HostApp, feed_server: FeedServer, body: Any, expected: list[str]
    ) -> None:
        job = app.import_job(feed_server)
        before = app.ok("GET", path(job, "/mappings"))
        assert fields(app.refused(422, "PUT", path(job, "/mappings"), body)) == expected
        assert app.ok("GET", path(job, "/mappings")) == before

    def test_a_default_fills_a_required_column(self, app: HostApp, feed_server: FeedServer) -> None:
        columns = [COLUMNS[0], COLUMNS[1] | {"defaultValue": "none"}]
        job = app.import_job(feed_server, app.template(columns=columns), mappings=MAPPINGS[:1])
        assert job["status"] == "RUNNING"
        app.ok("PUT", path(job, "/mappings"), MAPPINGS[:1])

    def test_deleted_is_409(self, app: HostApp, feed_server: FeedServer) -> None:
        job = app.import_job(feed_server)
        app.ok("DELETE", path(job))
        app.refused(409, "PUT", path(job, "/mappings"), MAPPINGS)
        assert len(app.ok("GET", path(job, "/mappings"))) == 3
