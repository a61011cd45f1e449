"""What a session may do: what its table says, for its own user, on its own template."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Engine, update

from impler_pipelines.control_api.problems import NOT_FOR_USERS
from impler_pipelines.control_api.sessions import OPEN
from impler_pipelines.model import RunStatus
from impler_pipelines.store import runs
from impler_pipelines.store.audit import list_audit
from impler_pipelines.store.engine import transaction
from impler_pipelines.store.projects import find_access_key
from impler_pipelines.store.tables import runs as runs_table
from impler_pipelines_tests.control_api.conftest import browser
from impler_pipelines_tests.control_api.host_app import (
    EVERY_DAY,
    FEED,
    MAPPINGS,
    HostApp,
    fields,
)
from impler_pipelines_tests.control_api.test_routes import (
    LEGACY_ROUTES,
    ROUTES,
    filled,
)
from impler_pipelines_tests.feed_server import FeedServer

Route = tuple[str, str]

CLOSED = sorted(r for r in {*ROUTES, *LEGACY_ROUTES} - OPEN if r[1].startswith("/v1/"))
OF_A_JOB = sorted(route for route in OPEN if "{jobId}" in route[1])
OF_A_TEMPLATE = sorted(route for route in OPEN if "{templateId}" in route[1])
TEMPLATES_IN_BODIES = sorted(OPEN & {("POST", "/v1/feeds/inspect"), ("POST", "/v1/feeds/preview")})
UNROUTED = [
    ("PATCH", "/v1/session"),
    ("POST", "/v1/session"),
    ("GET", "/v1/sessions"),
    ("GET", "/v1/nothing"),
    ("GET", "/v1/"),
    ("GET", "/v1/templates/%2e%2e/session"),
    ("GET", "/v1/session/"),
    ("OPTIONS", "/v1/templates"),
    ("HEAD", "/v1/session"),
]


def ids(routes: list[Route]) -> list[Any]:
    return [pytest.param(*one, id=" ".join(one)) for one in routes]


@dataclass
class Scene:
    """A project with a template, Ann's session on it, and what others have."""

    app: HostApp
    ann: HostApp
    feeds: FeedServer
    engine: Engine
    template: dict[str, Any]
    user: str = "ann"

    def job(self, **changes: Any) -> dict[str, Any]:
        return self.app.import_job(self.feeds, self.template, **changes)

    def run(self, job: dict[str, Any], **values: Any) -> str:
        """The import job's first run, its row changed."""
        run_id = str(self.app.ok("GET", f"/v1/import-jobs/{job['_id']}/runs")[0]["_id"])
        if values:
            with transaction(self.engine) as connection:
                connection.execute(
                    update(runs_table).where(runs_table.c.id == run_id).values(**values)
                )
        return run_id


@pytest.fixture
def scene(app: HostApp, base_url: str, feed_server: FeedServer, engine: Engine) -> Iterator[Scene]:
    template = app.template()
    with browser(base_url, app.session(template)) as ann:
        yield Scene(app, ann, feed_server, engine, template)


class TestTable:
    def test_names_routes_that_are_there(self) -> None:
        assert set(ROUTES) >= OPEN

    @pytest.mark.parametrize(("method", "path"), ids(CLOSED))
    def test_everything_else_is_closed(self, scene: Scene, method: str, path: str) -> None:
        job = scene.job()
        own = filled(path, "ann", job["_id"], scene.template["_id"], scene.run(job))
        body: dict[str, Any] | None = {} if method in {"POST", "PUT"} else None
        before = scene.app.ok("GET", f"/v1/import-jobs/{job['_id']}")
        assert "session" in scene.ann.refused(403, method, own, body)["message"]
        assert scene.app.ok("GET", f"/v1/import-jobs/{job['_id']}") == before

    @pytest.mark.parametrize(("method", "path"), ids(UNROUTED))
    def test_so_is_what_is_not_there(self, scene: Scene, method: str, path: str) -> None:
        assert scene.ann.call(method, path).status_code == 403

    def test_a_closed_route_reads_no_body(self, scene: Scene) -> None:
        answer = scene.ann.http.post("/v1/templates", content=b"{" * 100_000)
        assert answer.status_code == 403


def _of_another_user(scene: Scene) -> dict[str, Any]:
    return scene.job(externalUserId="bob")


def _of_another_template(scene: Scene) -> dict[str, Any]:
    return scene.app.import_job(scene.feeds)


OTHERS: dict[str, Callable[[Scene], dict[str, Any]]] = {
    "another-users": _of_another_user,
    "another-templates": _of_another_template,
}


class TestOthers:
    @pytest.mark.parametrize("whose", OTHERS)
    @pytest.mark.parametrize(("method", "path"), ids(OF_A_JOB))
    def test_import_jobs_are_404(self, scene: Scene, whose: str, method: str, path: str) -> None:
        job = OTHERS[whose](scene)
        run_id = scene.run(job, status=RunStatus.FAILED, ended_at=dt.datetime.now(dt.UTC))
        before = scene.app.ok("GET", f"/v1/import-jobs/{job['_id']}")
        for user in {"ann", job["externalUserId"]}:
            target = filled(path, user, job["_id"], "", run_id)
            body: dict[str, Any] | None = {} if method in {"POST", "PUT"} else None
            told = scene.ann.refused(404, method, target, body)
            unknown = filled(path, user, "0" * 24, "", run_id)
            as_unknown = scene.ann.refused(404, method, unknown, body)
            assert told["message"].replace(job["_id"], "0" * 24) == as_unknown["message"]
        assert scene.app.ok("GET", f"/v1/import-jobs/{job['_id']}") == before
        (run,) = scene.app.ok("GET", f"/v1/import-jobs/{job['_id']}/runs")
        assert run["status"] == "FAILED"

    @pytest.mark.parametrize(("method", "path"), ids(OF_A_JOB))
    def test_import_jobs_of_another_project_are_404(
        self, scene: Scene, other_app: HostApp, method: str, path: str
    ) -> None:
        job = other_app.import_job(scene.feeds)
        target = filled(path, "ann", job["_id"], "", "0" * 24)
        body: dict[str, Any] | None = {} if method in {"POST", "PUT"} else None
        scene.ann.refused(404, method, target, body)
        assert other_app.ok("GET", f"/v1/import-jobs/{job['_id']}") == job

    @pytest.mark.parametrize(("method", "path"), ids(OF_A_TEMPLATE))
    def test_templates_are_404(
        self, scene: Scene, other_app: HostApp, method: str, path: str
    ) -> None:
        for app in (scene.app, other_app):
            for mode in ("automatic", "manual"):
                target = filled(path, "ann", "", app.template(mode=mode)["_id"], "")
                scene.ann.refused(404, method, target, {})

    @pytest.mark.parametrize(("method", "path"), ids(TEMPLATES_IN_BODIES))
    def test_templates_in_bodies_are_404(
        self, scene: Scene, other_app: HostApp, method: str, path: str
    ) -> None:
        url = scene.feeds.serve("/feed.xml", FEED)
        for app in (scene.app, other_app):
            body: dict[str, Any] = {"url": url, "templateId": app.template()["_id"]}
            if path.endswith("/preview"):
                body["mappings"] = MAPPINGS
            scene.ann.refused(404, method, path, body)
        assert scene.feeds.requests == []

    @pytest.mark.parametrize("user", ["bob", "Ann", "ann ", "an%6Ex", "%C3%A1nn"])
    def test_users_have_no_list(self, scene: Scene, user: str) -> None:
        scene.job(externalUserId="bob")
        scene.ann.refused(404, "GET", f"/v1/import-jobs/user/{user}")

    def test_the_list_is_of_the_template_alone(self, scene: Scene, other_app: HostApp) -> None:
        own = [scene.job()["_id"] for _ in range(3)]
        for other in OTHERS.values():
            other(scene)
        other_app.import_job(scene.feeds)
        assert len(scene.app.ok("GET", "/v1/import-jobs/user/ann")) == 4
        first = scene.ann.call("GET", "/v1/import-jobs/user/ann?limit=2")
        cursor = first.headers["X-Next-Cursor"]
        rest = scene.ann.call("GET", f"/v1/import-jobs/user/ann?limit=2&cursor={cursor}")
        assert [one["_id"] for one in first.json() + rest.json()] == own[::-1]

    def test_another_s_import_job_is_not_deleted_under_the_own_name(self, scene: Scene) -> None:
        job = scene.job(externalUserId="bob")
        scene.ann.refused(404, "DELETE", f"/v1/import-jobs/user/ann/{job['_id']}")
        scene.ann.refused(404, "DELETE", f"/v1/import-jobs/user/bob/{job['_id']}")
        assert len(scene.app.ok("GET", "/v1/import-jobs/user/bob")) == 1

    def test_a_run_of_another_s_is_none_of_the_own_import_job(self, scene: Scene) -> None:
        own, other = scene.job(), scene.job(externalUserId="bob")
        path = f"/v1/import-jobs/{own['_id']}/runs/{scene.run(other)}"
        for method, more in (("GET", ""), ("GET", "/rejects"), ("POST", "/cancel")):
            scene.ann.refused(404, method, path + more)


def _paused(scene: Scene) -> dict[str, Any]:
    job = scene.job()
    scene.app.ok("PUT", f"/v1/import-jobs/user/{job['_id']}/pause")
    return job


def _failed(scene: Scene) -> dict[str, Any]:
    job = scene.job()
    now = dt.datetime.now(dt.UTC)
    scene.run(job, status=RunStatus.FAILED, ended_at=now, started_at=now, attempts=1)
    return job


OWN: dict[Route, tuple[Callable[[Scene], dict[str, Any]], Any, int]] = {
    ("PUT", "/v1/import-jobs/user/{jobId}/pause"): (Scene.job, None, 200),
    ("PUT", "/v1/import-jobs/user/{jobId}/resume"): (_paused, None, 200),
    ("DELETE", "/v1/import-jobs/user/{externalUserId}/{jobId}"): (Scene.job, None, 200),
    ("GET", "/v1/import-jobs/{jobId}"): (Scene.job, None, 200),
    ("PUT", "/v1/import-jobs/{jobId}"): (Scene.job, {"cron": "0 * * * *"}, 200),
    ("DELETE", "/v1/import-jobs/{jobId}"): (Scene.job, None, 200),
    ("GET", "/v1/import-jobs/{jobId}/mappings"): (Scene.job, None, 200),
    ("PUT", "/v1/import-jobs/{jobId}/mappings"): (Scene.job, MAPPINGS, 200),
    ("GET", "/v1/import-jobs/{jobId}/preview"): (Scene.job, None, 200),
    ("POST", "/v1/import-jobs/{jobId}/preview"): (Scene.job, {"mappings": MAPPINGS}, 200),
    ("GET", "/v1/import-jobs/{jobId}/runs"): (Scene.job, None, 200),
    ("POST", "/v1/import-jobs/{jobId}/runs"): (Scene.job, None, 202),
    ("GET", "/v1/import-jobs/{jobId}/runs/{runId}"): (Scene.job, None, 200),
    ("POST", "/v1/import-jobs/{jobId}/runs/{runId}/cancel"): (Scene.job, None, 200),
    ("POST", "/v1/import-jobs/{jobId}/runs/{runId}/retry"): (_failed, None, 202),
    ("GET", "/v1/import-jobs/{jobId}/runs/{runId}/rejects"): (Scene.job, None, 200),
}


class TestOwn:
    def test_every_route_of_an_import_job_is_here(self) -> None:
        assert set(OWN) == set(OF_A_JOB)

    @pytest.mark.parametrize(("method", "path"), ids(OF_A_JOB))
    def test_import_jobs(self, scene: Scene, method: str, path: str) -> None:
        make, body, status = OWN[method, path]
        job = make(scene)
        target = filled(path, "ann", job["_id"], "", scene.run(job))
        scene.ann.ok(method, target, body, status=status)

    def test_an_import_job_from_the_feed_to_its_end(self, scene: Scene) -> None:
        url = scene.feeds.serve("/feed.xml", FEED)
        inspected = {"url": url, "templateId": scene.template["_id"]}
        assert scene.ann.ok("POST", "/v1/feeds/inspect", inspected)["suggestions"]
        scene.ann.ok("POST", "/v1/schedules/preview", {"interval": EVERY_DAY})
        body = {"url": url, "mappings": MAPPINGS, "interval": EVERY_DAY}
        path = f"/v1/import-jobs/{scene.template['_id']}"
        job = scene.ann.ok("POST", path, body, status=201)
        assert (job["externalUserId"], job["status"]) == ("ann", "RUNNING")
        assert [one["_id"] for one in scene.ann.ok("GET", "/v1/import-jobs/user/ann")] == [
            job["_id"]
        ]
        scene.ann.ok("DELETE", f"/v1/import-jobs/user/ann/{job['_id']}")
        assert scene.ann.ok("GET", "/v1/import-jobs/user/ann") == []

    def test_odd_users(self, scene: Scene, base_url: str) -> None:
        user = "team/7 é?#&=+%2F"
        job = scene.job(externalUserId=user)
        with browser(base_url, scene.app.session(scene.template, user)) as client:
            quoted = "team%2F7%20%C3%A9%3F%23%26%3D%2B%252F"
            listed = client.ok("GET", f"/v1/import-jobs/user/{quoted}")
            assert [one["_id"] for one in listed] == [job["_id"]]
            client.ok("DELETE", f"/v1/import-jobs/user/{quoted}/{job['_id']}")


def _upload(app: HostApp, template: dict[str, Any], **form: str) -> Any:
    file = ("stock.csv", b"Title,Link\nLamp,/1\n", "text/csv")
    return app.call("POST", f"/v1/uploads/{template['_id']}", files={"file": file}, data=form)


class TestBodies:
    @pytest.fixture
    def creation(self, scene: Scene) -> dict[str, Any]:
        return {"url": scene.feeds.serve("/feed.xml", FEED), "mappings": MAPPINGS}

    @pytest.mark.parametrize(
        "named",
        [
            pytest.param({"externalUserId": "bob"}, id="beside"),
            pytest.param({"extra": {"externalUserId": "bob"}}, id="inside"),
            pytest.param({"extra": '{"externalUserId": "bob"}'}, id="inside-text"),
            pytest.param({"extra": {"externalUserId": None}}, id="nobody-inside"),
            pytest.param({"externalUserId": "ann", "extra": {"externalUserId": "bob"}}, id="both"),
        ],
    )
    def test_another_user_is_403(
        self, scene: Scene, creation: dict[str, Any], named: dict[str, Any]
    ) -> None:
        path = f"/v1/import-jobs/{scene.template['_id']}"
        scene.ann.refused(403, "POST", path, creation | named)
        assert scene.feeds.requests == []
        if "extra" in named:
            job = scene.job(extra={"plan": "gold"})
            body = {"extra": named["extra"]}
            scene.ann.refused(403, "PUT", f"/v1/import-jobs/{job['_id']}", body)
            assert scene.app.ok("GET", f"/v1/import-jobs/{job['_id']}")["extra"] == job["extra"]
        assert scene.app.ok("GET", "/v1/import-jobs/user/bob") == []

    @pytest.mark.parametrize(
        "named", [{}, {"externalUserId": "ann"}, {"extra": {"externalUserId": "ann"}}]
    )
    def test_the_own_user_may_be_named(
        self, scene: Scene, creation: dict[str, Any], named: dict[str, Any]
    ) -> None:
        path = f"/v1/import-jobs/{scene.template['_id']}"
        job = scene.ann.ok("POST", path, creation | named, status=201)
        assert job["externalUserId"] == "ann"

    @pytest.fixture
    def gold(self, scene: Scene, base_url: str) -> Iterator[HostApp]:
        """Ann's browser with a session that carries an ``extra``."""
        extra = {"plan": "gold", "account": {"id": 7}}
        with browser(base_url, scene.app.session(scene.template, extra=extra)) as client:
            yield client

    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            pytest.param(None, {"plan": "gold", "account": {"id": 7}}, id="none"),
            pytest.param(
                {"cart": 5, "plan": "free", "account": None},
                {"cart": 5, "plan": "gold", "account": {"id": 7}},
                id="object",
            ),
            pytest.param(
                '{"cart": 5, "plan": "free"}',
                {"cart": 5, "plan": "gold", "account": {"id": 7}},
                id="text",
            ),
        ],
    )
    def test_the_session_s_extra_wins(
        self,
        scene: Scene,
        gold: HostApp,
        creation: dict[str, Any],
        given: Any,
        kept: dict[str, Any],
    ) -> None:
        path = f"/v1/import-jobs/{scene.template['_id']}"
        job = gold.ok("POST", path, creation | {"extra": given}, status=201)
        assert job["extra"] == {}
        stored = f"/v1/import-jobs/{job['_id']}"
        assert scene.app.ok("GET", stored)["extra"] == kept
        assert gold.ok("PUT", stored, {"extra": given})["extra"] == {}
        assert scene.app.ok("GET", stored)["extra"] == kept
        gold.ok("PUT", stored, {"timezone": "Europe/Berlin"})
        assert scene.app.ok("GET", stored)["extra"] == kept

    def test_what_a_page_adds_has_a_size(
        self, scene: Scene, gold: HostApp, creation: dict[str, Any]
    ) -> None:
        """Every page to a webhook carries it."""
        path = f"/v1/import-jobs/{scene.template['_id']}"
        most = {"a": "x" * (4096 - len('{"a": ""}'))}
        job = gold.ok("POST", path, creation | {"extra": most}, status=201)
        for given in ({"a": most["a"] + "x"}, {"a": "é" * 2100}):
            for method, at in (("POST", path), ("PUT", f"/v1/import-jobs/{job['_id']}")):
                body = (creation if method == "POST" else {}) | {"extra": given}
                assert fields(gold.refused(422, method, at, body)) == ["extra"]

    def test_what_others_gave_stays_unless_it_is_replaced(self, scene: Scene) -> None:
        job = scene.job(extra={"plan": "gold"})
        stored = f"/v1/import-jobs/{job['_id']}"
        scene.ann.ok("PUT", stored, {"cron": "0 * * * *"})
        assert scene.app.ok("GET", stored)["extra"] == {"plan": "gold"}

    def test_uploads(self, scene: Scene, base_url: str) -> None:
        template = scene.app.template(mode="manual")
        token = scene.app.session(template, extra={"plan": "gold"})
        with browser(base_url, token) as client:
            assert _upload(client, template, externalUserId="bob").status_code == 403
            inside = '{"externalUserId": "bob"}'
            assert _upload(client, template, extra=inside).status_code == 403
            answer = _upload(client, template, extra='{"plan": "free", "cart": 5}')
            assert (answer.status_code, answer.json()["externalUserId"]) == (201, "ann")
            assert answer.json()["extra"] == {}
            stored = f"/v1/import-jobs/{answer.json()['_id']}"
            assert scene.app.ok("GET", stored)["extra"] == {"plan": "gold", "cart": 5}
            assert _upload(client, template).json()["_id"] == answer.json()["_id"]
            assert scene.app.ok("GET", stored)["extra"] == {"plan": "gold"}
        with browser(base_url, scene.app.session(template, "bob")) as client:
            client.refused(404, "GET", stored)
            assert _upload(client, template).json()["_id"] != answer.json()["_id"]
        assert scene.app.ok("GET", "/v1/import-jobs/user/bob")[0]["extra"] == {}


class TestHidden:
    def test_no_secret_reaches_a_session(self, scene: Scene, base_url: str) -> None:
        hook = {
            "type": "webhook",
            "callbackUrl": "https://203.0.113.1/hook",
            "authHeaderName": "X-Hook",
            "authHeaderValue": "s3cret-hook",
        }
        table = {"type": "sql", "table": f"stock_{secrets.token_hex(6)}", "mode": "upsert"}
        template = scene.app.template(destinations=[hook, table])
        (webhook,) = [one for one in template["destinations"] if one["type"] == "webhook"]
        job = scene.app.import_job(
            scene.feeds,
            template,
            authHeaderName="X-Token",
            authHeaderValue="s3cret-feed",
            extra={"plan": "gold"},
        )
        seen = []
        with browser(base_url, scene.app.session(template, extra={"plan": "gold"})) as client:
            for method, path in sorted(OPEN, key=lambda one: (one[0] == "DELETE", one)):
                body = {"timezone": "UTC"} if method == "PUT" else {}
                target = filled(path, "ann", job["_id"], template["_id"], scene.run(job))
                answer = client.call(method, target, body if method in ("POST", "PUT") else None)
                seen.append(answer.text)
        hidden = ["s3cret", "X-Hook", "203.0.113.1", table["table"], webhook["signingSecret"]]
        for secret in [*hidden, "gold"]:
            assert not [text for text in seen if secret in text], secret

    def test_errors_of_destinations_are_not_told(self, scene: Scene) -> None:
        job = scene.job()
        run_id, words = scene.run(job), "The destination postgresql://db.internal/shop is busy."
        with transaction(scene.engine) as connection:
            now = dt.datetime.now(dt.UTC)
            assert runs.fail_run(connection, run_id, error=words, now=now, internal=True)
        one, history = f"/v1/import-jobs/{job['_id']}", f"/v1/import-jobs/{job['_id']}/runs"
        assert scene.app.ok("GET", one)["lastError"] == words
        assert scene.app.ok("GET", history)[0]["error"] == words
        assert scene.ann.ok("GET", one)["lastError"] == NOT_FOR_USERS
        assert scene.ann.ok("GET", "/v1/import-jobs/user/ann")[0]["lastError"] == NOT_FOR_USERS
        assert scene.ann.ok("GET", history)[0]["error"] == NOT_FOR_USERS
        assert scene.ann.ok("GET", f"{history}/{run_id}")["error"] == NOT_FOR_USERS

    def test_errors_of_feeds_are(self, scene: Scene) -> None:
        job = scene.job()
        run_id = scene.run(job)
        with transaction(scene.engine) as connection:
            now = dt.datetime.now(dt.UTC)
            assert runs.fail_run(connection, run_id, error="HTTP 404", now=now)
        assert scene.ann.ok("GET", f"/v1/import-jobs/{job['_id']}")["lastError"] == "HTTP 404"

    def test_nor_when_a_preview_meets_them(self, scene: Scene, base_url: str) -> None:
        away = "postgresql://me:hush@127.0.0.1:1/shop"
        table = {"type": "sql", "mode": "append", "url": away}
        template = scene.app.template(destinations=[table])
        job = scene.app.import_job(scene.feeds, template)
        path = f"/v1/import-jobs/{job['_id']}/preview"
        assert "127.0.0.1:1" in scene.app.refused(502, "GET", path)["message"]
        with browser(base_url, scene.app.session(template)) as client:
            assert client.refused(502, "GET", path)["message"] == NOT_FOR_USERS


def test_the_audit_log_tells_of_session_user_and_key(
    scene: Scene, engine: Engine, access_key: str
) -> None:
    job = scene.job()
    scene.ann.ok("PUT", f"/v1/import-jobs/user/{job['_id']}/pause")
    scene.app.ok("PUT", f"/v1/import-jobs/user/{job['_id']}/resume")
    with transaction(engine) as connection:
        key = find_access_key(connection, access_key)
        told = list_audit(connection, limit=2, import_job_id=job["_id"])
    assert key is not None
    assert [(one.action, one.actor, one.session_user) for one in told] == [
        ("import_job.resumed", key.id, None),
        ("import_job.paused", key.id, "ann"),
    ]
