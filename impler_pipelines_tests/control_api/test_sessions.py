"""Sessions: made by a host app, read by nobody else, ended with their time, key or template."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from impler_pipelines.control_api.app import create_app
from impler_pipelines.control_api.sessions import Session, SessionTokens
from impler_pipelines.settings import Settings
from impler_pipelines.store import projects
from impler_pipelines.store.engine import transaction
from impler_pipelines.store.projects import AccessKey
from impler_pipelines.store.secrets import SecretBox, secret_box
from impler_pipelines_tests.control_api.conftest import browser, host_app, new_key, serving
from impler_pipelines_tests.control_api.host_app import HostApp, fields, problem
from impler_pipelines_tests.feed_server import FeedServer
from impler_pipelines_tests.log_lines import listening
from impler_pipelines_tests.supervisor.waiting import until

LATER = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
SESSION = Session("project", "key", "template", "ann", {"plan": "gold ü"}, LATER)
FIELDS = {"_templateId", "templateName", "mode", "columns", "externalUserId", "expiresAt"}


def found(engine: Engine, key: str) -> AccessKey:
    with transaction(engine) as connection:
        known = projects.find_access_key(connection, key)
    assert known is not None
    return known


@pytest.fixture
def tokens(settings: Settings) -> SessionTokens:
    return SessionTokens(secret_box(settings, "sessions"))


@pytest.fixture
def of_ann(app: HostApp, engine: Engine, access_key: str) -> Callable[..., Session]:
    """A session that the API would have made, with changes."""
    key, template = found(engine, access_key), app.template()

    def make(**changes: Any) -> Session:
        values: dict[str, Any] = {
            "project_id": key.project_id,
            "access_key_id": key.id,
            "template_id": template["_id"],
            "external_user_id": "ann",
            "extra": {},
            "expires_at": LATER,
        }
        return Session(**(values | changes))

    return make


class TestTokens:
    box = SecretBox("a key", "sessions")

    def test_hold_the_session(self) -> None:
        tokens = SessionTokens(self.box)
        assert tokens.read(tokens.write(SESSION)) == SESSION

    def test_can_be_read_by_nobody_else(self) -> None:
        token = SessionTokens(self.box).write(SESSION)
        assert token.startswith("ses_")
        for told in ("ann", "gold", "template"):
            assert told not in token
        for other in (SecretBox("another key", "sessions"), SecretBox("a key")):
            assert SessionTokens(other).read(token) is None

    def test_are_told_from_other_secrets_of_the_installation(self) -> None:
        sealed = SecretBox("a key").seal(json.dumps({"project_id": "project"}))
        assert SessionTokens(self.box).read(f"ses_{sealed.decode()}") is None

    def test_changed_anywhere_are_none(self) -> None:
        tokens = SessionTokens(self.box)
        token = tokens.write(SESSION)
        for place, mark in enumerate(token):
            for other in {"A", "B", "_", "=", " ", "\n", "é", mark.swapcase()} - {mark}:
                assert tokens.read(token[:place] + other + token[place + 1 :]) is None
            assert tokens.read(token[:place]) is None
            assert tokens.read(f"{token[:place]}\n{token[place:]}") is None
        assert tokens.read(f"{token}=") is None

    @given(st.text() | st.from_regex(r"ses_[A-Za-z0-9_-]{0,200}={0,2}", fullmatch=True))
    def test_any_other_text_is_none(self, text: str) -> None:
        assert SessionTokens(self.box).read(text) is None


class TestCreate:
    def test_lives_as_long_as_the_setting_says(
        self, app: HostApp, tokens: SessionTokens, settings: Settings
    ) -> None:
        body = {"templateId": app.template()["_id"], "externalUserId": "ann", "extra": {"a": 1}}
        answer = app.call("POST", "/v1/sessions", body)
        assert (answer.status_code, set(answer.json())) == (201, {"sessionToken", "expiresAt"})
        assert answer.headers["cache-control"] == "no-store"
        session = tokens.read(answer.json()["sessionToken"])
        assert session is not None
        assert (session.external_user_id, session.extra) == ("ann", {"a": 1})
        assert dt.datetime.fromisoformat(answer.json()["expiresAt"]) == session.expires_at
        left = session.expires_at - dt.datetime.now(dt.UTC)
        assert abs(left - dt.timedelta(seconds=settings.session_seconds)) < dt.timedelta(minutes=1)

    @pytest.mark.parametrize("extra", [{"externalUserId": "bob"}, '{"externalUserId": "bob"}'])
    def test_the_user_may_stand_inside_extra(
        self, app: HostApp, tokens: SessionTokens, extra: Any
    ) -> None:
        body = {"templateId": app.template()["_id"], "extra": extra}
        made = app.ok("POST", "/v1/sessions", body, status=201)
        session = tokens.read(made["sessionToken"])
        assert session is not None
        assert (session.external_user_id, session.extra) == ("bob", {"externalUserId": "bob"})

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            pytest.param({"externalUserId": None}, "externalUserId", id="no-user"),
            pytest.param({"externalUserId": ""}, "externalUserId", id="empty-user"),
            pytest.param({"externalUserId": "x" * 257}, "externalUserId", id="long-user"),
            pytest.param({"externalUserId": 7}, "externalUserId", id="user-no-text"),
            pytest.param({"externalUserId": "a\0b"}, "externalUserId", id="NUL"),
            pytest.param(
                {"extra": {"externalUserId": "bob"}}, "extra.externalUserId", id="two-users"
            ),
            pytest.param({"extra": "x"}, "extra", id="extra-no-object"),
            pytest.param({"extra": {"a": "ü" * 2050}}, "extra", id="extra-too-large"),
            pytest.param({"templateId": 7}, "templateId", id="template-no-text"),
            pytest.param({"expiresAt": "2100-01-01"}, "expiresAt", id="unknown-field"),
        ],
    )
    def test_refused(self, app: HostApp, changes: dict[str, Any], field: str) -> None:
        body = {"templateId": app.template()["_id"], "externalUserId": "ann"} | changes
        assert fields(app.refused(422, "POST", "/v1/sessions", body)) == [field]

    def test_the_largest_fits_into_a_header(self, base_url: str, app: HostApp) -> None:
        extra = {"a": "ü" * 2043}
        token = app.session(app.template(), "ü" * 256, extra=extra)
        assert len(token) < 8000
        with browser(base_url, token) as client:
            assert client.ok("GET", "/v1/session")["externalUserId"] == "ü" * 256

    def test_not_on_another_project_s_template(self, app: HostApp, other_app: HostApp) -> None:
        body = {"templateId": other_app.template()["_id"], "externalUserId": "ann"}
        app.refused(404, "POST", "/v1/sessions", body)
        app.refused(404, "POST", "/v1/sessions", body | {"templateId": "0" * 24})

    def test_not_by_a_session(self, base_url: str, app: HostApp) -> None:
        template = app.template()
        body = {"templateId": template["_id"], "externalUserId": "bob"}
        with browser(base_url, app.session(template)) as client:
            client.refused(403, "POST", "/v1/sessions", body)


class TestSession:
    def test_says_what_it_is_for(self, base_url: str, app: HostApp) -> None:
        hook = {
            "type": "webhook",
            "callbackUrl": "https://203.0.113.1/hook",
            "authHeaderName": "X-Token",
            "authHeaderValue": "s3cret",
        }
        template = app.template(destinations=[hook])
        with browser(base_url, app.session(template, extra={"plan": "gold"})) as client:
            answer = client.call("GET", "/v1/session")
        told = answer.json()
        assert set(told) == FIELDS
        assert told["_templateId"] == template["_id"]
        assert told["templateName"] == template["name"]
        assert (told["mode"], told["externalUserId"]) == ("automatic", "ann")
        assert told["columns"] == template["columns"]
        for hidden in ("hook", "s3cret", "whsec", "gold"):
            assert hidden not in answer.text

    def test_is_no_question_for_a_key(self, app: HostApp) -> None:
        app.refused(401, "GET", "/v1/session")


class TestRefused:
    @pytest.mark.parametrize(
        "header",
        [
            pytest.param(b"Bearer", id="no-token"),
            pytest.param(b"Bearer x", id="no-token-of-ours"),
            pytest.param(b"bearer ses_", id="empty"),
            pytest.param(b"Bearer ses_gAAAAA==", id="too-short"),
            pytest.param(b"Bearer ses_" + b"A" * 20_000, id="long"),
            pytest.param("Bearer ses_é".encode(), id="not-ASCII"),
        ],
    )
    def test_a_token_that_is_none(self, stranger: HostApp, header: bytes) -> None:
        answer = stranger.http.get("/v1/session", headers={b"Authorization": header})
        assert answer.status_code == 401
        assert problem(answer)["message"] == "This session token is not valid."
        assert "Bearer" in answer.headers["www-authenticate"]

    @pytest.mark.parametrize("header", ["Basic YTpi", "Token ses_x", "ses_x"])
    def test_another_scheme_is_nothing(self, stranger: HostApp, header: str) -> None:
        answer = stranger.http.get("/v1/session", headers={"Authorization": header})
        assert answer.status_code == 401
        assert "accesskey" in problem(answer)["message"]

    def test_of_another_installation(self, base_url: str, of_ann: Callable[..., Session]) -> None:
        token = SessionTokens(SecretBox("another key", "sessions")).write(of_ann())
        with browser(base_url, token) as client:
            told = client.refused(401, "GET", "/v1/session")
        assert told["message"] == "This session token is not valid."

    def test_expired(
        self, base_url: str, tokens: SessionTokens, of_ann: Callable[..., Session]
    ) -> None:
        with browser(base_url, tokens.write(of_ann())) as client:
            client.ok("GET", "/v1/session")
        past = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)
        with browser(base_url, tokens.write(of_ann(expires_at=past))) as client:
            told = client.refused(401, "GET", "/v1/session")
        assert told["message"] == "This session token has expired."

    def test_its_key_was_revoked(
        self, base_url: str, app: HostApp, engine: Engine, access_key: str
    ) -> None:
        with browser(base_url, app.session(app.template())) as client:
            client.ok("GET", "/v1/session")
            with transaction(engine) as connection:
                projects.revoke_access_key(connection, found(engine, access_key).id)
            told = client.refused(401, "GET", "/v1/session")
        assert told["message"] == "This session token is not valid any more."

    def test_its_key_was_rotated_and_the_grace_is_over(
        self, base_url: str, app: HostApp, engine: Engine, access_key: str
    ) -> None:
        key = found(engine, access_key)
        with browser(base_url, app.session(app.template())) as client:
            with transaction(engine) as connection:
                projects.rotate_access_key(connection, key.id, grace=dt.timedelta(hours=1))
            client.ok("GET", "/v1/session")
            with transaction(engine) as connection:
                projects.revoke_access_key(connection, key.id)
            client.refused(401, "GET", "/v1/session")

    def test_its_template_was_deleted(self, base_url: str, app: HostApp) -> None:
        template = app.template()
        with browser(base_url, app.session(template)) as client:
            app.ok("DELETE", f"/v1/templates/{template['_id']}")
            client.refused(401, "GET", "/v1/session")

    def test_another_project_s_template_is_none_whatever_it_says(
        self,
        base_url: str,
        other_app: HostApp,
        tokens: SessionTokens,
        of_ann: Callable[..., Session],
    ) -> None:
        session = of_ann(template_id=other_app.template()["_id"])
        with browser(base_url, tokens.write(session)) as client:
            client.refused(401, "GET", "/v1/session")


class TestBesideAKey:
    """The access key decides, and alone."""

    def test_a_good_key(self, base_url: str, app: HostApp, other_app: HostApp) -> None:
        token = f"Bearer {other_app.session(other_app.template())}"
        headers = {"Authorization": token}
        mine = app.template()
        listed = app.call("GET", "/v1/templates", headers=headers)
        assert [one["_id"] for one in listed.json()] == [mine["_id"]]
        assert app.call("GET", "/v1/session", headers=headers).status_code == 401

    @pytest.mark.parametrize("key", ["ik_wrong", ""])
    def test_another_key(self, base_url: str, app: HostApp, key: str) -> None:
        with browser(base_url, app.session(app.template())) as client:
            answer = client.call("GET", "/v1/session", headers={"accesskey": key})
        assert answer.status_code == 401
        assert "access key" in problem(answer)["message"]

    def test_a_token_that_is_none_does_no_harm(self, app: HostApp) -> None:
        answer = app.call("GET", "/v1/templates", headers={"Authorization": "Bearer ses_x"})
        assert answer.status_code == 200


class TestRateLimit:
    def test_is_of_each_user_and_not_of_the_key(self, settings: Settings, engine: Engine) -> None:
        limited = settings.model_copy(update={"max_requests_per_minute": 8})
        key = new_key(engine)
        with serving(create_app(limited)) as url, host_app(url, key) as app:
            template = app.template()
            tokens = [app.session(template, user) for user in ("ann", "ann", "bob")]
            with browser(url, tokens[0]) as client:
                for _ in range(8):
                    client.ok("GET", "/v1/session")
            with browser(url, tokens[1]) as client:
                answer = client.call("GET", "/v1/session")
                assert answer.status_code == 429
                assert "may send 8 requests a minute" in problem(answer)["message"]
                assert 1 <= int(answer.headers["retry-after"]) <= 8
            with browser(url, tokens[2]) as client:
                client.ok("GET", "/v1/session")
            app.ok("GET", "/v1/templates")

    def test_of_tokens_that_are_none_is_the_address_s(
        self, settings: Settings, engine: Engine
    ) -> None:
        limited = settings.model_copy(update={"max_requests_per_minute": 20})
        with serving(create_app(limited)) as url, host_app(url, new_key(engine)) as app:
            token = app.session(app.template())
            with browser(url, "ses_guess") as client:
                seen = [client.call("GET", "/v1/session").status_code for _ in range(3)]
            assert seen == [401, 401, 429]
            with browser(url, token) as client:
                client.ok("GET", "/v1/session")


class TestTold:
    def test_lines_name_key_and_session_but_no_user(
        self, base_url: str, app: HostApp, engine: Engine, access_key: str, feed_server: FeedServer
    ) -> None:
        template = app.template()
        job = app.import_job(feed_server, template, externalUserId="ann@x.test")
        token = app.session(template, "ann@x.test", extra={"plan": "gold"})
        with listening() as lines, browser(base_url, token) as client:
            client.ok("PUT", f"/v1/import-jobs/user/{job['_id']}/pause")
            client.refused(403, "GET", "/v1/templates")
            until(lambda: len(lines.of("request.answered")) >= 2, "both requests told")
        key = found(engine, access_key)
        for line in lines.of("request.answered", "import_job.paused"):
            assert (line["by"], line["access_key_id"]) == ("session", key.id)
            assert line["project_id"] == key.project_id
        for hidden in ("ann", "gold", token):
            assert hidden not in lines.text
