from __future__ import annotations

import csv
import datetime as dt
import io
from typing import Any

import pytest
from sqlalchemy import Engine

from impler_pipelines.model import CellError, Reject
from impler_pipelines.store import runs
from impler_pipelines.store.engine import transaction
from impler_pipelines_tests.control_api.host_app import HostApp
from impler_pipelines_tests.feed_server import FeedServer

FIELDS = {
    *("_id", "_jobId", "dagsterRunId", "status", "trigger", "dueAt", "startedAt", "endedAt"),
    *("attempts", "httpStatus", "bytes", "records", "filtered", "valid", "invalid", "inserted"),
    *("updated", "unchanged", "deleted", "warnings", "error"),
    *("waitsFor", "deletionsHeld", "_rejectsOf", "errorCause"),  # beyond the contract
}


def runs_of(job: dict[str, Any], more: str = "") -> str:
    return f"/v1/import-jobs/{job['_id']}/runs{more}"


def reject(index: int, price: str | None = "n/a") -> Reject:
    error = CellError("price", "number", price, f"{price!r} is no number")
    return Reject(index, {"title": f"T{index}", "price": price}, (error,))


@pytest.fixture
def rejected(app: HostApp, feed_server: FeedServer, engine: Engine) -> str:
    """The path of the rejects of a run that has three."""
    job = app.import_job(feed_server)
    run = app.ok("GET", runs_of(job))[0]
    with transaction(engine) as connection:
        values = [reject(2), reject(5, "=cmd()"), reject(9, None)]
        runs.replace_rejects(connection, run["_id"], values)
    return runs_of(job, f"/{run['_id']}/rejects")


class TestRunNow:
    def test_asks_for_a_run(self, app: HostApp, feed_server: FeedServer) -> None:
        job = app.import_job(feed_server, runNow=False)
        run = app.ok("POST", runs_of(job), status=202)
        assert set(run) == FIELDS
        assert (run["status"], run["trigger"], run["_jobId"]) == ("QUEUED", "MANUAL", job["_id"])
        assert app.ok("GET", runs_of(job)) == [run]
        assert app.ok("GET", runs_of(job, f"/{run['_id']}")) == run

    def test_a_queued_run_is_the_answer(self, app: HostApp, feed_server: FeedServer) -> None:
        job = app.import_job(feed_server)
        first = app.ok("POST", runs_of(job), status=202)
        assert first["trigger"] == "FIRST"
        assert app.ok("POST", runs_of(job), status=202) == first

    @pytest.mark.parametrize("changes", [{}, {"interval": None}], ids=["paused", "no schedule"])
    def test_needs_no_schedule(
        self, app: HostApp, feed_server: FeedServer, changes: dict[str, Any]
    ) -> None:
        job = app.import_job(feed_server, runNow=False, **changes)
        if not changes:
            app.ok("PUT", f"/v1/import-jobs/user/{job['_id']}/pause")
        app.ok("POST", runs_of(job), status=202)

    def test_not_before_it_is_mapped(self, app: HostApp, feed_server: FeedServer) -> None:
        app.refused(409, "POST", runs_of(app.import_job(feed_server, mappings=None)))

    def test_not_once_it_is_deleted(self, app: HostApp, feed_server: FeedServer) -> None:
        job = app.import_job(feed_server)
        app.ok("DELETE", f"/v1/import-jobs/{job['_id']}")
        app.refused(409, "POST", runs_of(job))


class TestControls:
    @pytest.fixture
    def failed(self, app: HostApp, feed_server: FeedServer, engine: Engine) -> str:
        """The path of a run that failed."""
        job = app.import_job(feed_server)
        run = app.ok("GET", runs_of(job))[0]
        with transaction(engine) as connection:
            runs.fail_run(connection, run["_id"], error="gone", now=dt.datetime.now(dt.UTC))
        return runs_of(job, f"/{run['_id']}")

    def test_cancel(self, app: HostApp, feed_server: FeedServer) -> None:
        job = app.import_job(feed_server)
        path = runs_of(job, f"/{app.ok('GET', runs_of(job))[0]['_id']}")
        run = app.ok("POST", f"{path}/cancel")
        assert set(run) == FIELDS
        assert (run["status"], run["error"]) == ("CANCELLED", "Cancelled by request.")
        assert app.ok("POST", f"{path}/cancel") == app.ok("GET", path) == run
        assert "CANCELLED" in app.refused(409, "POST", f"{path}/retry")["message"]

    def test_retry(self, app: HostApp, failed: str) -> None:
        assert "FAILED" in app.refused(409, "POST", f"{failed}/cancel")["message"]
        run = app.ok("POST", f"{failed}/retry", status=202)
        assert (run["status"], run["endedAt"]) == ("QUEUED", None)
        assert app.ok("GET", failed) == run
        app.refused(409, "POST", f"{failed}/retry")

    @pytest.mark.parametrize("what", ["cancel", "retry"])
    def test_of_another_project_or_import_job(
        self, app: HostApp, other_app: HostApp, failed: str, what: str
    ) -> None:
        other_app.refused(404, "POST", f"{failed}/{what}")
        app.refused(404, "POST", f"{failed[:-24]}{'0' * 24}/{what}")


class TestListRuns:
    def test_pages_newest_first(
        self, app: HostApp, feed_server: FeedServer, engine: Engine
    ) -> None:
        job, made = app.import_job(feed_server, runNow=False), []
        for _ in range(3):
            run = app.ok("POST", runs_of(job), status=202)
            made.append(run["_id"])
            with transaction(engine) as connection:
                now = dt.datetime.now(dt.UTC)
                assert runs.fail_run(connection, run["_id"], error="broken", now=now)
        first = app.call("GET", runs_of(job, "?limit=2"))
        cursor = first.headers["X-Next-Cursor"]
        second = app.call("GET", runs_of(job, f"?limit=2&cursor={cursor}"))
        assert "X-Next-Cursor" not in second.headers
        seen = first.json() + second.json()
        assert [run["_id"] for run in seen] == made[::-1]
        assert {(run["status"], run["error"]) for run in seen} == {("FAILED", "broken")}
        told = app.ok("GET", f"/v1/import-jobs/{job['_id']}")
        assert (told["lastError"], told["consecutiveFailures"]) == ("broken", 3)


class TestRejects:
    def test_json(self, app: HostApp, rejected: str) -> None:
        seen = app.ok("GET", rejected)
        assert [one["index"] for one in seen] == [2, 5, 9]
        assert seen[0] == {
            "index": 2,
            "record": {"title": "T2", "price": "n/a"},
            "errors": [
                {
                    "column": "price",
                    "rule": "number",
                    "value": "n/a",
                    "message": "'n/a' is no number",
                }
            ],
        }
        assert seen[1]["record"]["price"] == "=cmd()"

    def test_pages_in_the_feed_s_order(self, app: HostApp, rejected: str) -> None:
        first = app.call("GET", f"{rejected}?limit=2")
        cursor = first.headers["X-Next-Cursor"]
        second = app.call("GET", f"{rejected}?limit=2&cursor={cursor}")
        assert [one["index"] for one in first.json() + second.json()] == [2, 5, 9]
        assert "X-Next-Cursor" not in second.headers

    def test_csv(self, app: HostApp, rejected: str) -> None:
        answer = app.call("GET", f"{rejected}?format=csv")
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert "attachment" in answer.headers["content-disposition"]
        assert list(csv.reader(io.StringIO(answer.text))) == [
            ["_index", "price", "title", "_errors"],
            ["2", "n/a", "T2", "price: 'n/a' is no number"],
            ["5", "'=cmd()", "T5", "price: '=cmd()' is no number"],
            ["9", "", "T9", "price: None is no number"],
        ]

    def test_csv_of_many(self, app: HostApp, feed_server: FeedServer, engine: Engine) -> None:
        job = app.import_job(feed_server)
        run = app.ok("GET", runs_of(job))[0]
        with transaction(engine) as connection:
            runs.replace_rejects(connection, run["_id"], [reject(n) for n in range(2500)])
        answer = app.call("GET", runs_of(job, f"/{run['_id']}/rejects?format=csv"))
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert [row["_index"] for row in rows] == [str(n) for n in range(2500)]

    def test_none(self, app: HostApp, feed_server: FeedServer) -> None:
        job = app.import_job(feed_server)
        path = runs_of(job, f"/{app.ok('GET', runs_of(job))[0]['_id']}/rejects")
        assert app.ok("GET", path) == []
        assert app.call("GET", f"{path}?format=csv").text == "_index,_errors\r\n"

    @pytest.mark.parametrize(
        "query", ["format=xml", "format=", "cursor=x", "cursor=LTE", "cursor=wrI", "limit=0"]
    )
    def test_refused(self, app: HostApp, rejected: str, query: str) -> None:
        app.refused(422, "GET", f"{rejected}?{query}")
