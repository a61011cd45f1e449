"""Every error has the one body, and nothing a client sends is a 500."""

from __future__ import annotations

import logging
import socket
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from impler_pipelines.control_api.app import create_app
from impler_pipelines.settings import Settings
from impler_pipelines_tests.control_api.conftest import (
    host_app,
    serving,
    settings_for,
)
from impler_pipelines_tests.control_api.host_app import COLUMNS, HostApp, fields, problem

SOME_ID = "0" * 24


class TestAuth:
    @pytest.mark.parametrize("path", ["/v1/templates", f"/v1/import-jobs/{SOME_ID}", "/v1/nothing"])
    def test_no_key_is_401(self, stranger: HostApp, path: str) -> None:
        answer = stranger.call("GET", path)
        assert answer.status_code == 401
        assert "accesskey" in problem(answer)["message"]
        assert "WWW-Authenticate" in answer.headers

    @pytest.mark.parametrize("key", ["nonsense", "", "ik_" + "x" * 10_000, "é"])
    def test_unknown_key_is_401(self, stranger: HostApp, key: str) -> None:
        headers = {"accesskey": key.encode()}
        stranger.refused(401, "GET", "/v1/templates", headers=headers)

    def test_no_key_is_401_before_the_body_is_looked_at(self, stranger: HostApp) -> None:
        stranger.refused(401, "POST", "/v1/templates", content="{", headers=_JSON)


_JSON = {"content-type": "application/json"}


class TestRouting:
    def test_unknown_route(self, app: HostApp) -> None:
        assert "/v1/nothing" in app.refused(404, "GET", "/v1/nothing")["message"]

    def test_outside_v1(self, stranger: HostApp) -> None:
        stranger.refused(404, "GET", "/nothing")

    def test_wrong_method_names_the_right_ones(self, app: HostApp) -> None:
        answer = app.call("PATCH", f"/v1/import-jobs/{SOME_ID}")
        assert answer.status_code == 405
        problem(answer)
        assert answer.headers["Allow"] == "DELETE, GET, POST, PUT"

    def test_head_of_a_mutating_get_changes_nothing(self, app: HostApp) -> None:
        assert app.call("HEAD", f"/v1/import-job/user/ann/{SOME_ID}").status_code == 405

    @pytest.mark.parametrize("path", ["/v1/templates/", "/v1/import-jobs/", "/v1//templates"])
    def test_empty_segments_are_no_route(self, app: HostApp, path: str) -> None:
        app.refused(404, "GET", path)

    @pytest.mark.parametrize(
        "identifier",
        [
            pytest.param("x" * 5000, id="long"),
            pytest.param("%2e%2e", id="dots"),
            pytest.param("%F0%9F%92%A1", id="emoji"),
            pytest.param("a%2Fb", id="slash"),
            pytest.param("'%20OR%201=1", id="sql"),
        ],
    )
    def test_odd_ids_are_unknown(self, app: HostApp, identifier: str) -> None:
        target = f"/v1/import-jobs/{identifier}/mappings"
        assert _raw(app, f"GET {target} HTTP/1.1") == 404

    @pytest.mark.parametrize("escape", ["%00", "a%00b", "%ff", "%C3", "%ED%A0%80"])
    @pytest.mark.parametrize("route", ["/v1/templates/{}", "/v1/import-jobs/user/{}"])
    def test_paths_that_are_no_text_are_422(self, app: HostApp, escape: str, route: str) -> None:
        assert fields(app.refused(422, "GET", route.format(escape))) == ["path"]


def _raw(app: HostApp, request_line: str) -> int:
    """The status of a request whose line no client library has tidied up."""
    where = urlsplit(str(app.http.base_url))
    assert where.hostname
    with socket.create_connection((where.hostname, where.port or 80), timeout=20) as connection:
        key = app.http.headers["accesskey"]
        head = f"{request_line}\r\nHost: {where.netloc}\r\naccesskey: {key}\r\n"
        connection.sendall(f"{head}Connection: close\r\n\r\n".encode())
        return int(connection.makefile("rb").readline().split()[1])


class TestBodies:
    @pytest.mark.parametrize(
        "content",
        [
            pytest.param(b"{", id="cut off"),
            pytest.param(b'{"name": "\xff"}', id="not UTF-8"),
            pytest.param(b'{"name": ' + b"9" * 5000 + b"}", id="a number too long for Python"),
            pytest.param(b"[" * 100_000, id="deep and cut off"),
            pytest.param(b"[" * 5000 + b"]" * 5000, id="deep"),
            pytest.param(b"null", id="null"),
            pytest.param(b"[]", id="array"),
            pytest.param(b'"text"', id="text"),
            pytest.param(b"", id="empty"),
        ],
    )
    def test_no_object_is_422(self, app: HostApp, content: bytes) -> None:
        app.refused(422, "POST", "/v1/templates", content=content, headers=_JSON)

    def test_another_content_type_is_told(self, app: HostApp) -> None:
        body = app.refused(422, "POST", "/v1/templates", content=b"{}")
        assert "application/json" in body["message"]

    def test_too_large_is_413(self, app: HostApp) -> None:
        content = b'{"name": "' + b"x" * 1024**2 + b'"}'
        app.refused(413, "POST", "/v1/templates", content=content, headers=_JSON)

    @pytest.mark.parametrize(
        ("content", "field"),
        [
            pytest.param(r'{"name": "a\u0000b"}', "name", id="NUL"),
            pytest.param(r'{"columns": [{"key": "\u0000"}]}', "columns.0.key", id="NUL within"),
            pytest.param(r'{"a\u0000b": 1}', r"a\0b", id="NUL in a name"),
            pytest.param(r'{"name": "\ud800"}', "name", id="half a surrogate pair"),
            pytest.param(r'{"\udfff": 1}', "?", id="half a pair in a name"),
            pytest.param('{"columns": [{"validations": [{"min": NaN}]}]}', None, id="NaN"),
            pytest.param('{"name": Infinity}', "name", id="Infinity"),
            pytest.param('{"name": 1e999}', "name", id="too large a number"),
        ],
    )
    def test_what_the_store_cannot_hold_is_422(
        self, app: HostApp, content: str, field: str | None
    ) -> None:
        body = app.refused(422, "POST", "/v1/templates", content=content, headers=_JSON)
        assert fields(body) == [field or "columns.0.validations.0.min"]

    def test_unknown_fields_are_named(self, app: HostApp) -> None:
        column = COLUMNS[0] | {"required": True}
        sent = {"name": "x", "columns": [column], "colour": "red"}
        body = app.refused(422, "POST", "/v1/templates", sent)
        assert sorted(fields(body)) == ["colour", "columns.0.required"]

    @pytest.mark.parametrize("name", ["is_required", "isrequired"])
    def test_names_are_the_contract_s_alone(self, app: HostApp, name: str) -> None:
        sent = {"name": "x", "columns": [{"key": "a", name: True}]}
        assert fields(app.refused(422, "POST", "/v1/templates", sent)) == [f"columns.0.{name}"]


class TestPages:
    @pytest.mark.parametrize("limit", ["0", "-1", "501", "x", "1.5", "", "%00"])
    @pytest.mark.parametrize("path", ["/v1/templates", "/v1/import-jobs/user/ann"])
    def test_bad_limit_is_422(self, app: HostApp, path: str, limit: str) -> None:
        assert fields(app.refused(422, "GET", f"{path}?limit={limit}")) == ["limit"]

    @pytest.mark.parametrize(
        "cursor",
        [
            pytest.param("nonsense", id="text"),
            pytest.param("", id="empty"),
            pytest.param("x" * 300, id="long"),
            pytest.param("%00", id="NUL"),
            pytest.param("%C3%A9", id="not ASCII"),
            pytest.param("bnVsbA", id="base64 of something else"),
            pytest.param("MjAyNi0wMS0wMXxh", id="base64 of a date"),
        ],
    )
    @pytest.mark.parametrize("path", ["/v1/templates", "/v1/import-jobs/user/ann"])
    def test_bad_cursor_is_422(self, app: HostApp, path: str, cursor: str) -> None:
        assert fields(app.refused(422, "GET", f"{path}?cursor={cursor}")) == ["cursor"]


class TestFaults:
    def test_database_down_is_503(self, tmp_path: Path) -> None:
        down = "postgresql://nobody@127.0.0.1:1/nothing"
        with serving(create_app(settings_for(down, tmp_path))) as url, host_app(url, "k") as app:
            app.refused(503, "GET", "/v1/templates")
            app.refused(503, "GET", "/readyz")
            assert app.ok("GET", "/healthz") == {"status": "ok"}
            assert "impler_store_up 0.0" in app.call("GET", "/metrics").text

    def test_before_the_migrations_is_503(self, tmp_path: Path) -> None:
        down = "postgresql://nobody@127.0.0.1:1/nothing"
        migrating = create_app(settings_for(down, tmp_path), migrate=True)
        with serving(migrating) as url, host_app(url, "k") as app:
            app.refused(503, "GET", "/v1/templates")
            assert app.ok("GET", "/healthz") == {"status": "ok"}

    def test_the_unexpected_is_logged_and_not_told(
        self, settings: Settings, caplog: pytest.LogCaptureFixture
    ) -> None:
        broken = create_app(settings)

        @broken.get("/broken")
        def fail() -> None:
            raise RuntimeError("the secret is hush")

        with serving(broken) as url, caplog.at_level(logging.ERROR):
            answer = httpx.get(f"{url}/broken", timeout=30)
        assert answer.status_code == 500
        assert "hush" not in answer.text
        problem(answer)
        assert "the secret is hush" in caplog.text
        assert "Traceback" in caplog.text
