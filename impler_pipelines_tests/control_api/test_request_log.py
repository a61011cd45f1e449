"""Request ids and the log of requests: one line each, on every answer, without secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from impler_pipelines.control_api.app import create_app
from impler_pipelines.settings import Settings
from impler_pipelines.store.engine import transaction
from impler_pipelines_tests.control_api.conftest import host_app, serving, settings_for
from impler_pipelines_tests.control_api.host_app import FEED, HostApp
from impler_pipelines_tests.feed_server import FeedServer
from impler_pipelines_tests.log_lines import Lines, listening
from impler_pipelines_tests.supervisor.waiting import until

MADE = re.compile(r"[0-9a-f]{24}")
SOME_ID = "0" * 24


@pytest.fixture
def lines() -> Iterator[Lines]:
    with listening() as heard:
        yield heard


def answered(lines: Lines, number: int) -> list[dict[str, Any]]:
    """The lines of so many answered requests: each is told just after its answer was sent."""
    until(lambda: len(lines.of("request.answered")) >= number, f"{number} requests told")
    return lines.of("request.answered")


class TestRequestId:
    @pytest.mark.parametrize("given", ["abc-1", "A.b_c:d-9", "x" * 128])
    def test_a_sane_one_comes_back(self, app: HostApp, given: str) -> None:
        answer = app.call("GET", "/v1/templates", headers={"X-Request-Id": given})
        assert answer.headers["X-Request-Id"] == given

    @pytest.mark.parametrize(
        "given", ["", "x" * 129, "two words", 'a"b', "a=b", "é".encode(), "<script>", "a;b"]
    )
    def test_another_is_replaced(self, app: HostApp, given: str | bytes) -> None:
        answer = app.call("GET", "/v1/templates", headers={"X-Request-Id": given})
        assert MADE.fullmatch(answer.headers["X-Request-Id"])

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/v1/nothing", 404),
            ("PATCH", "/v1/templates", 405),
            ("GET", "/v1/templates/%ff", 422),
            ("GET", "/healthz", 200),
            ("GET", "/metrics", 200),
            ("GET", "/nothing", 404),
        ],
    )
    def test_every_answer_has_one(self, app: HostApp, method: str, path: str, status: int) -> None:
        answer = app.call(method, path, headers={"X-Request-Id": "mine"})
        assert (answer.status_code, answer.headers["X-Request-Id"]) == (status, "mine")

    def test_also_without_a_key_or_a_database_and_on_the_unexpected(
        self, stranger: HostApp, settings: Settings, tmp_path: Path
    ) -> None:
        assert "X-Request-Id" in stranger.call("GET", "/v1/templates").headers
        down = create_app(settings_for("postgresql://nobody@127.0.0.1:1/nothing", tmp_path))
        with serving(down) as url, host_app(url, "k") as app:
            answer = app.call("GET", "/v1/templates", headers={"X-Request-Id": "mine"})
            assert (answer.status_code, answer.headers["X-Request-Id"]) == (503, "mine")
        broken = create_app(settings)

        @broken.get("/broken")
        def fail() -> None:
            raise RuntimeError

        with serving(broken) as url:
            answer = httpx.get(
                f"{url}/broken", headers={"X-Request-Id": "mine"}, verify=False, timeout=30
            )
        assert (answer.status_code, answer.headers["X-Request-Id"]) == (500, "mine")
        assert "request_id=mine" in answer.json()["message"]


class TestLines:
    def test_one_line_with_the_route_and_the_ids(
        self, app: HostApp, feed_server: FeedServer, lines: Lines
    ) -> None:
        job = app.import_job(feed_server)
        app.call("GET", f"/v1/import-jobs/{job['_id']}", headers={"X-Request-Id": "r1"})
        line = answered(lines, 3)[-1]
        assert line["request_id"] == "r1"
        assert (line["method"], line["route"], line["status"]) == (
            "GET",
            "/v1/import-jobs/{jobId}",
            200,
        )
        assert line["import_job_id"] == job["_id"]
        assert MADE.fullmatch(line["project_id"])
        assert line["ms"] > 0
        assert line["level"] == "info"

    def test_a_stream_counts_as_what_it_ended_with(
        self, app: HostApp, feed_server: FeedServer, lines: Lines
    ) -> None:
        """All streams begin as 200: an operator would see feeds that can't be read as read."""
        body = {"url": feed_server.serve("/feed.xml", "gone", status=404)}
        headers = {"accept": "application/x-ndjson"}
        assert app.call("POST", "/v1/feeds/inspect", body, headers=headers).status_code == 200
        assert answered(lines, 1)[-1]["status"] == 502
        counted = 'impler_api_requests_total{method="POST",route="/v1/feeds/inspect",status="502"}'
        assert counted in app.call("GET", "/metrics").text

    def test_what_a_request_did_has_its_id(
        self, app: HostApp, feed_server: FeedServer, lines: Lines
    ) -> None:
        job_id = app.import_job(feed_server)["_id"]
        app.call("GET", f"/v1/import-job/user/{job_id}/pause", headers={"X-Request-Id": "r-pause"})
        answered(lines, 3)
        mine = [line for line in lines.all() if line.get("request_id") == "r-pause"]
        assert [line["event"] for line in mine] == [
            "run.ended",
            "import_job.paused",
            "request.answered",
        ]
        assert {line["by"] for line in mine} == {"api"}
        assert {line.get("import_job_id") for line in mine} == {job_id}

    def test_the_traceback_of_the_unexpected_has_it_too(
        self, settings: Settings, lines: Lines
    ) -> None:
        broken = create_app(settings)

        @broken.get("/broken/{jobId}")
        def fail(jobId: str) -> None:  # noqa: N803 - as the API spells it
            raise RuntimeError(f"{jobId} fails")

        with serving(broken) as url:
            headers = {"X-Request-Id": "r-500"}
            httpx.get(f"{url}/broken/ann?token=hush", headers=headers, verify=False, timeout=30)
        told, answered = (x for x in lines.all() if x.get("request_id") == "r-500")
        assert "RuntimeError: ann fails" in told["traceback"]
        assert (answered["route"], answered["status"]) == ("/broken/{jobId}", 500)

    def test_no_key_secret_query_or_user_is_told(
        self, app: HostApp, feed_server: FeedServer, lines: Lines
    ) -> None:
        feed_server.routes["/f.xml"] = (200, {"Content-Type": "application/xml"}, FEED)
        url = feed_server.url("/f.xml?token=hush").replace("http://", "http://me:hush@")
        app.import_job(
            feed_server,
            url=url,
            externalUserId="ann@x.test",
        )
        app.call("GET", "/v1/import-jobs/user/ann%40x.test?limit=5&cursor=hush")
        app.call("POST", "/v1/feeds/inspect", {"url": f"{url}&gone=hush"})
        app.call("GET", "/v1/templates?accesskey=hush", headers={"accesskey": "hush"})
        app.call("GET", "/hush/hush?hush")
        assert len(answered(lines, 6)) == 6
        for secret in ("hush", "ann", app.http.headers["accesskey"]):
            assert secret not in lines.text

    def test_probes_and_scrapes_are_told_at_debug(self, stranger: HostApp, lines: Lines) -> None:
        for path in ("/healthz", "/readyz", "/metrics"):
            stranger.call("GET", path)
        assert [line["level"] for line in answered(lines, 3)] == ["debug"] * 3

    def test_the_store_away_is_told_once(
        self, tmp_path: Path, engine: Engine, lines: Lines
    ) -> None:
        with transaction(engine):
            pass  # whatever was away before is back
        down = create_app(settings_for("postgresql://nobody@127.0.0.1:1/nothing", tmp_path))
        with serving(down) as url, host_app(url, "k") as app:
            for _ in range(3):
                app.call("GET", "/v1/templates")
                app.call("GET", "/readyz")
        assert len(lines.of("store.unreachable")) == 1
        assert [x["level"] for x in lines.of("request.answered") if x["status"] == 503] == [
            "warning",
            "debug",
        ] * 3


class TestRuns:
    def test_keep_the_request_that_asked_for_them(
        self, app: HostApp, feed_server: FeedServer, lines: Lines
    ) -> None:
        job_id = app.import_job(feed_server, runNow=False)["_id"]
        headers = {"X-Request-Id": "r-ask"}
        asked = app.call("POST", f"/v1/import-jobs/{job_id}/runs", headers=headers).json()
        app.call("DELETE", f"/v1/import-jobs/{job_id}", headers={"X-Request-Id": "r-delete"})
        told = [x for x in lines.all() if x.get("run_id") == asked["_id"]]
        assert [(x["event"], x["request_id"]) for x in told] == [
            ("run.asked", "r-ask"),
            ("run.ended", "r-delete"),
        ]
