"""The requests that the automated import document names, and their twins."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from impler_pipelines_tests.control_api.host_app import HostApp, fields
from impler_pipelines_tests.control_api.test_import_jobs import FIELDS
from impler_pipelines_tests.feed_server import FeedServer

ODD_USERS = [
    pytest.param("team/7 é", id="slash, space, accent"),
    pytest.param("x/pause", id="looks like a pause"),
    pytest.param("pause", id="pause"),
    pytest.param("runs", id="runs"),
    pytest.param("a%2Fb", id="percent"),
    pytest.param("ann@example.org", id="address"),
    pytest.param("a?b#c;d&e=f+g", id="reserved"),
    pytest.param("0" * 24, id="like an id"),
    pytest.param("用户 💡", id="other scripts"),
    pytest.param("//", id="slashes alone"),
    pytest.param("ü" * 256, id="256 characters"),
]


def user_path(user: str, more: str = "", *, base: str = "import-jobs") -> str:
    return f"/v1/{base}/user/{quote(user, safe='')}{more}"


def made(app: HostApp, feed_server: FeedServer, **changes: Any) -> tuple[dict[str, Any], str]:
    job = app.import_job(feed_server, **changes)
    return job, job["_id"]


class TestListOfUser:
    def test_summaries_newest_first(self, app: HostApp, feed_server: FeedServer) -> None:
        template = app.template()
        ids = [app.import_job(feed_server, template)["_id"] for _ in range(3)]
        app.import_job(feed_server, template, externalUserId="bob")
        listed = app.ok("GET", user_path("ann"))
        assert [job["_id"] for job in listed] == ids[::-1]
        assert all(set(job) == FIELDS for job in listed)

    def test_pages(self, app: HostApp, feed_server: FeedServer) -> None:
        template = app.template()
        ids = [app.import_job(feed_server, template)["_id"] for _ in range(3)]
        first = app.call("GET", user_path("ann", "?limit=2"))
        cursor = first.headers["X-Next-Cursor"]
        second = app.call("GET", user_path("ann", f"?limit=2&cursor={cursor}"))
        assert "X-Next-Cursor" not in second.headers
        assert [job["_id"] for job in first.json() + second.json()] == ids[::-1]

    def test_an_unknown_user_has_none(self, app: HostApp) -> None:
        assert app.ok("GET", user_path("nobody")) == []

    def test_too_long_a_user_is_422(self, app: HostApp) -> None:
        assert fields(app.refused(422, "GET", user_path("x" * 257))) == ["externalUserId"]


class TestOddUsers:
    @pytest.mark.parametrize("user", ODD_USERS)
    @pytest.mark.parametrize("method", ["GET", "DELETE"])
    def test_listed_and_deleted(
        self, app: HostApp, feed_server: FeedServer, user: str, method: str
    ) -> None:
        job, job_id = made(app, feed_server, externalUserId=user)
        assert job["externalUserId"] == user
        assert [one["_id"] for one in app.ok("GET", user_path(user))] == [job_id]
        base = "import-job" if method == "GET" else "import-jobs"
        app.refused(404, method, user_path("someone else", f"/{job_id}", base=base))
        gone = app.ok(method, user_path(user, f"/{job_id}", base=base))
        assert (gone["_id"], gone["status"]) == (job_id, "TERMINATED")
        assert app.ok("GET", user_path(user)) == []
        app.refused(404, method, user_path(user, f"/{job_id}", base=base))

    def test_one_spelling_of_escapes_is_as_good_as_another(
        self, app: HostApp, feed_server: FeedServer
    ) -> None:
        _, job_id = made(app, feed_server, externalUserId="a-b@c")
        for spelling in ("a-b@c", "a%2Db%40c", "%61-b%40%63", "a%2db@c"):
            assert len(app.ok("GET", f"/v1/import-jobs/user/{spelling}")) == 1
        assert app.ok("GET", f"/v1/import-job/user/{job_id}/%70ause")["status"] == "PAUSED"


PAUSES = [
    pytest.param("GET", "/v1/import-job/user/{}/pause", id="documented"),
    pytest.param("PUT", "/v1/import-jobs/user/{}/pause", id="twin"),
]
RESUMES = [
    pytest.param("GET", "/v1/import-job/user/{}/resume", id="documented"),
    pytest.param("PUT", "/v1/import-jobs/user/{}/resume", id="twin"),
]


class TestPause:
    @pytest.mark.parametrize(("method", "path"), PAUSES)
    def test_stops_the_schedule_and_what_is_queued(
        self, app: HostApp, feed_server: FeedServer, method: str, path: str
    ) -> None:
        _, job_id = made(app, feed_server)
        paused = app.ok(method, path.format(job_id))
        assert (paused["_id"], paused["status"], paused["nextRun"]) == (job_id, "PAUSED", None)
        (run,) = app.ok("GET", f"/v1/import-jobs/{job_id}/runs")
        assert run["status"] == "CANCELLED"
        assert app.ok(method, path.format(job_id)) == paused

    @pytest.mark.parametrize(("method", "path"), PAUSES)
    @pytest.mark.parametrize("changes", [{"interval": None}, {"mappings": None}])
    def test_only_what_runs(
        self,
        app: HostApp,
        feed_server: FeedServer,
        method: str,
        path: str,
        changes: dict[str, Any],
    ) -> None:
        _, job_id = made(app, feed_server, **changes)
        app.refused(409, method, path.format(job_id))

    def test_deleted_is_409(self, app: HostApp, feed_server: FeedServer) -> None:
        _, job_id = made(app, feed_server)
        app.ok("DELETE", f"/v1/import-jobs/{job_id}")
        app.refused(409, "PUT", f"/v1/import-jobs/user/{job_id}/pause")


class TestResume:
    @pytest.mark.parametrize(("method", "path"), RESUMES)
    def test_runs_on(self, app: HostApp, feed_server: FeedServer, method: str, path: str) -> None:
        job, job_id = made(app, feed_server)
        app.ok("PUT", f"/v1/import-jobs/user/{job_id}/pause")
        resumed = app.ok(method, path.format(job_id))
        assert resumed["status"] == "RUNNING"
        assert resumed["nextRun"] == job["nextRun"]
        assert len(app.ok("GET", f"/v1/import-jobs/{job_id}/runs")) == 1

    @pytest.mark.parametrize(("method", "path"), RESUMES)
    def test_409_unless_paused(
        self, app: HostApp, feed_server: FeedServer, method: str, path: str
    ) -> None:
        _, job_id = made(app, feed_server)
        app.refused(409, method, path.format(job_id))
