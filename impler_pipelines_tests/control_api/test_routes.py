"""The contract's table of routes, the code and OpenAPI agree; tenants are apart on all of them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from impler_pipelines.control_api.app import create_app
from impler_pipelines.control_api.sessions import OPEN
from impler_pipelines.settings import Settings
from impler_pipelines_tests.control_api.conftest import host_app, serving
from impler_pipelines_tests.control_api.host_app import HostApp
from impler_pipelines_tests.feed_server import FeedServer

ROUTES = [
    ("GET", "/v1/import-jobs/user/{externalUserId}"),
    ("PUT", "/v1/import-jobs/user/{jobId}/pause"),
    ("PUT", "/v1/import-jobs/user/{jobId}/resume"),
    ("DELETE", "/v1/import-jobs/user/{externalUserId}/{jobId}"),
    ("POST", "/v1/import-jobs/{templateId}"),
    ("GET", "/v1/import-jobs/{jobId}"),
    ("PUT", "/v1/import-jobs/{jobId}"),
    ("DELETE", "/v1/import-jobs/{jobId}"),
    ("GET", "/v1/import-jobs/{jobId}/mappings"),
    ("PUT", "/v1/import-jobs/{jobId}/mappings"),
    ("GET", "/v1/import-jobs/{jobId}/preview"),
    ("POST", "/v1/import-jobs/{jobId}/preview"),
    ("POST", "/v1/import-jobs/{jobId}/runs"),
    ("GET", "/v1/import-jobs/{jobId}/runs"),
    ("GET", "/v1/import-jobs/{jobId}/runs/{runId}"),
    ("GET", "/v1/import-jobs/{jobId}/runs/{runId}/rejects"),
    ("POST", "/v1/import-jobs/{jobId}/runs/{runId}/cancel"),
    ("POST", "/v1/import-jobs/{jobId}/runs/{runId}/retry"),
    ("POST", "/v1/import-jobs/{jobId}/runs/{runId}/confirm-deletions"),
    ("POST", "/v1/import-jobs/{jobId}/runs/{runId}/rejects/retry"),
    ("POST", "/v1/uploads/{templateId}"),
    ("GET", "/v1/webhook-pages"),
    ("GET", "/v1/webhook-pages/{pageId}"),
    ("POST", "/v1/webhook-pages/{pageId}/retry"),
    ("POST", "/v1/webhook-pages/retry"),
    ("POST", "/v1/sessions"),
    ("GET", "/v1/session"),
    ("GET", "/v1/project/origins"),
    ("PUT", "/v1/project/origins"),
    ("GET", "/v1/project/webhook"),
    ("PUT", "/v1/project/webhook"),
    ("DELETE", "/v1/project/webhook"),
    ("POST", "/v1/feeds/inspect"),
    ("POST", "/v1/feeds/preview"),
    ("POST", "/v1/schedules/preview"),
    ("POST", "/v1/templates"),
    ("GET", "/v1/templates"),
    ("GET", "/v1/templates/{templateId}"),
    ("PUT", "/v1/templates/{templateId}"),
    ("DELETE", "/v1/templates/{templateId}"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
]
# Open to sessions as soon as they are there.
STILL_TO_COME = {("POST", "/v1/feeds/preview"), ("POST", "/v1/import-jobs/{jobId}/preview")} - set(
    ROUTES
)
LEGACY_ROUTES = [
    ("GET", "/v1/import-job/user/{jobId}/pause"),
    ("GET", "/v1/import-job/user/{jobId}/resume"),
    ("GET", "/v1/import-job/user/{externalUserId}/{jobId}"),
]
WITH_AN_ID = [r for r in [*ROUTES, *LEGACY_ROUTES] if "Id}" in r[1]][1:]


@pytest.fixture(scope="module")
def openapi(settings: Settings) -> dict[str, Any]:
    return create_app(settings).openapi()


def operations(openapi: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method.upper(), path): operation
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
    }


class TestContract:
    def test_routes_are_the_contract_s(self, openapi: dict[str, Any]) -> None:
        assert sorted(operations(openapi)) == sorted([*ROUTES, *LEGACY_ROUTES])

    def test_legacy_gets_alone_are_deprecated(self, openapi: dict[str, Any]) -> None:
        deprecated = [r for r, o in operations(openapi).items() if o.get("deprecated")]
        assert sorted(deprecated) == sorted(LEGACY_ROUTES)

    def test_every_route_under_v1_asks_for_the_key(self, openapi: dict[str, Any]) -> None:
        open_routes = [r for r, o in operations(openapi).items() if not o.get("security")]
        assert sorted(open_routes) == [("GET", f"/{n}") for n in ("healthz", "metrics", "readyz")]
        key = openapi["components"]["securitySchemes"]["accesskey"]
        assert (key["in"], key["name"]) == ("header", "accesskey")
        without = [r for r, o in operations(openapi).items() if {"accesskey": []} not in _asked(o)]
        assert sorted(without) == sorted([*open_routes, ("GET", "/v1/session")])

    def test_routes_open_to_sessions_take_their_tokens(self, openapi: dict[str, Any]) -> None:
        session = openapi["components"]["securitySchemes"]["session"]
        assert (session["type"], session["scheme"]) == ("http", "bearer")
        taken = {r for r, o in operations(openapi).items() if {"session": []} in _asked(o)}
        assert taken == OPEN - STILL_TO_COME

    def test_errors_are_documented_in_the_one_shape(self, openapi: dict[str, Any]) -> None:
        assert "HTTPValidationError" not in openapi["components"]["schemas"]
        for route, operation in operations(openapi).items():
            if not route[1].startswith("/v1/"):
                continue
            assert {"401", "403", "503"} <= set(operation["responses"]), route
            for status, response in operation["responses"].items():
                schema = response["content"]["application/json"]["schema"]
                if status >= "400":
                    assert "ProblemRead" in schema["$ref"], route
                else:
                    assert schema, route

    def test_every_body_has_an_example(self, openapi: dict[str, Any]) -> None:
        schemas = openapi["components"]["schemas"]
        for route, operation in operations(openapi).items():
            body = operation.get("requestBody")
            if body and "application/json" in body["content"] and not route[1].endswith("{jobId}"):
                name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
                if route != ("PUT", "/v1/templates/{templateId}"):
                    assert schemas[name]["examples"], route

    def test_docs_are_served_without_a_key(self, stranger: HostApp) -> None:
        assert stranger.call("GET", "/docs").status_code == 200
        assert stranger.ok("GET", "/openapi.json")["info"]["title"]


class TestLegacyGets:
    def test_turned_off(self, settings: Settings, access_key: str) -> None:
        without = create_app(settings.model_copy(update={"legacy_get": False}))
        documented = operations(without.openapi())
        assert sorted(documented) == sorted(ROUTES)
        with serving(without) as url, host_app(url, access_key) as app:
            for _, path in LEGACY_ROUTES:
                app.refused(404, "GET", filled(path, "ann", "0" * 24, "0" * 24, "0" * 24))


def _asked(operation: dict[str, Any]) -> list[dict[str, list[str]]]:
    security: list[dict[str, list[str]]] = operation.get("security", [])
    return security


def filled(path: str, user: str, job_id: str, template_id: str, run_id: str) -> str:
    ids = {"externalUserId": user, "jobId": job_id, "templateId": template_id, "runId": run_id}
    ids["pageId"] = "msg_1"
    return re.sub(r"\{(\w+)\}", lambda match: ids[match[1]], path)


class TestTenancy:
    @pytest.mark.parametrize(("method", "path"), WITH_AN_ID)
    def test_another_project_s_is_404(
        self, app: HostApp, other_app: HostApp, feed_server: FeedServer, method: str, path: str
    ) -> None:
        job = app.import_job(feed_server)
        run = app.ok("GET", f"/v1/import-jobs/{job['_id']}/runs")[0]
        target = filled(path, "ann", job["_id"], job["_templateId"], run["_id"])
        body: dict[str, Any] | None = {} if method in {"POST", "PUT"} else None
        other_app.refused(404, method, target, body)
        assert app.ok("GET", f"/v1/import-jobs/{job['_id']}") == job

    @pytest.mark.parametrize(("method", "path"), WITH_AN_ID)
    def test_unknown_is_404(self, app: HostApp, method: str, path: str) -> None:
        body: dict[str, Any] | None = {} if method in {"POST", "PUT"} else None
        app.refused(404, method, filled(path, "ann", "0" * 24, "nothing", "x"), body)

    def test_lists_hold_the_project_s_own(
        self, app: HostApp, other_app: HostApp, feed_server: FeedServer
    ) -> None:
        app.import_job(feed_server)
        assert other_app.ok("GET", "/v1/templates") == []
        assert other_app.ok("GET", "/v1/import-jobs/user/ann") == []

    def test_a_run_belongs_to_its_import_job(self, app: HostApp, feed_server: FeedServer) -> None:
        job, another = app.import_job(feed_server), app.import_job(feed_server)
        run = app.ok("GET", f"/v1/import-jobs/{job['_id']}/runs")[0]
        app.refused(404, "GET", f"/v1/import-jobs/{another['_id']}/runs/{run['_id']}")
        app.refused(404, "GET", f"/v1/import-jobs/{another['_id']}/runs/{run['_id']}/rejects")

    def test_another_project_s_template_gives_no_suggestions(
        self, app: HostApp, other_app: HostApp
    ) -> None:
        body = {"url": "http://127.0.0.1:1/", "templateId": app.template()["_id"]}
        other_app.refused(404, "POST", "/v1/feeds/inspect", body)
