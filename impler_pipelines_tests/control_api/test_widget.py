"""The widget as a browser loads it: pages that name who may frame them, files, the script."""

from __future__ import annotations

import gzip
import html
import http.client
import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from impler_pipelines.control_api.app import create_app
from impler_pipelines.control_api.conditional import accepts_gzip, is_known
from impler_pipelines.control_api.widget_files import WidgetFiles
from impler_pipelines.settings import Settings
from impler_pipelines_tests.control_api.conftest import host_app, serving, settings_for
from impler_pipelines_tests.control_api.host_app import HostApp

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src 'self' data:; font-src 'self'; form-action 'none'; base-uri 'none';"
    " frame-ancestors 'self'"
)
SCRIPT = b"export const one = 1;\n" * 100
FILES = {
    "app.js": SCRIPT,
    "embed.js": b"window.ImplerPipelines = {};\n" * 20,
    "style.css": b"body { margin: 0 }\n" * 20,
    "steps/map.js": b"1",
    "icon.svg": b"<svg xmlns='http://www.w3.org/2000/svg'></svg>",
    "vendor/LICENSE": b"MIT",
    "notes.html": b"<script>1</script>",
}
INDEX = '<meta name="impler-origins" content="{{origins}}"><script src="assets/app.js"></script>'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("served")
    folder = root / "widget"
    for name, body in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(body)
    (folder / "index.html").write_text(INDEX)
    (root / "secret.js").write_text("hush")
    return folder


@pytest.fixture(scope="module")
def url(settings: Settings, folder: Path) -> Iterator[str]:
    served = create_app(settings)
    served.state.widget_files = WidgetFiles(folder)
    with serving(served) as base_url:
        yield base_url


@pytest.fixture
def visitor(url: str) -> Iterator[HostApp]:
    """A browser, without key or session."""
    with host_app(url, None) as client:
        yield client


def origins_in(page: str) -> Any:
    match = re.search(r'<meta name="impler-origins" content="([^"]*)">', page)
    assert match is not None
    return json.loads(html.unescape(match[1]))


class TestPage:
    def test_names_who_may_frame_it(
        self, app: HostApp, other_app: HostApp, visitor: HostApp
    ) -> None:
        origins = ["https://app.example", "https://*.example.com", "http://localhost:5173"]
        app.ok("PUT", "/v1/project/origins", {"origins": origins})
        other_app.ok("PUT", "/v1/project/origins", {"origins": ["https://other.example"]})
        answer = visitor.call("GET", f"/widget/{app.template()['_id']}")
        assert answer.status_code == 200
        policy = answer.headers.get_list("content-security-policy")
        assert policy == [" ".join([POLICY, *origins])]
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-cache"
        assert "x-frame-options" not in answer.headers
        assert origins_in(answer.text) == origins
        assert "{{" not in answer.text
        app.ok("PUT", "/v1/project/origins", {"origins": []})
        answer = visitor.call("GET", f"/widget/{app.template()['_id']}")
        assert answer.headers["content-security-policy"] == POLICY
        assert origins_in(answer.text) == []

    @pytest.mark.parametrize(
        "path", ["/widget/0000", "/widget/assets", "/widget/%3Cscript%3E", "/widget/..%2Fx"]
    )
    def test_of_no_template(self, visitor: HostApp, path: str) -> None:
        answer = visitor.call("GET", path)
        assert answer.status_code == 404
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "There is no such template" in answer.text
        assert origins_in(answer.text) == []
        assert "script" not in answer.text

    def test_of_a_deleted_template(self, app: HostApp, visitor: HostApp) -> None:
        app.ok("PUT", "/v1/project/origins", {"origins": ["https://app.example"]})
        template = app.template()
        app.ok("DELETE", f"/v1/templates/{template['_id']}")
        answer = visitor.call("GET", f"/widget/{template['_id']}")
        assert (answer.status_code, origins_in(answer.text)) == (404, [])
        assert answer.headers["content-security-policy"] == POLICY

    def test_while_the_database_is_away(self, tmp_path: Path) -> None:
        down = create_app(settings_for("postgresql://nobody@127.0.0.1:1/nothing", tmp_path))
        with serving(down) as url, host_app(url, None) as client:
            answer = client.call("GET", "/widget/0000")
        assert answer.status_code == 503
        assert answer.headers["content-security-policy"] == POLICY
        assert "Try again" in answer.text

    def test_the_real_one_has_its_placeholder(self) -> None:
        assert origins_in(WidgetFiles().page(["https://app.example"])) == ["https://app.example"]

    def test_head(self, app: HostApp, visitor: HostApp) -> None:
        path = f"/widget/{app.template()['_id']}"
        assert_head_is_get(visitor, path)


class TestAssets:
    @pytest.mark.parametrize(
        ("path", "kind"),
        [
            ("app.js", "text/javascript; charset=utf-8"),
            ("steps/map.js", "text/javascript; charset=utf-8"),
            ("style.css", "text/css; charset=utf-8"),
            ("icon.svg", "image/svg+xml"),
        ],
    )
    def test_are_served_as_what_they_are(self, visitor: HostApp, path: str, kind: str) -> None:
        answer = visitor.call("GET", f"/widget/assets/{path}")
        assert (answer.status_code, answer.content) == (200, FILES[path])
        assert answer.headers["content-type"] == kind
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers["vary"] == "Accept-Encoding"

    @pytest.mark.parametrize(
        "path",
        [
            "nothing.js",
            "",
            "steps",
            "steps/",
            "index.html",
            "notes.html",
            "vendor/LICENSE",
            "../secret.js",
            "..%2Fsecret.js",
            "%2e%2e/secret.js",
            "steps/../app.js",
            "steps/../../secret.js",
            "./app.js",
            "/app.js",
            "//etc/passwd",
            "%2Fetc%2Fpasswd",
            "app.js%00",
            "app.js/",
            "APP.JS",
            "..\\secret.js",
            "..%5Csecret.js",
        ],
    )
    def test_are_no_others(self, url: str, path: str) -> None:
        served = httpx.URL(url)
        connection = http.client.HTTPConnection(served.host, served.port)  # it resolves no dots
        with closing(connection):
            connection.request("GET", f"/widget/assets/{path}")
            answer = connection.getresponse()
            assert answer.status in (404, 422)
            assert b"hush" not in answer.read()

    def test_gzip(self, url: str) -> None:
        headers = {"Accept-Encoding": "gzip"}
        with httpx.stream(
            "GET", f"{url}/widget/assets/app.js", headers=headers, verify=False, timeout=30
        ) as a:
            raw = b"".join(a.iter_raw())
        assert (a.headers["content-encoding"], gzip.decompress(raw)) == ("gzip", SCRIPT)
        assert int(a.headers["content-length"]) == len(raw) < len(SCRIPT)
        assert a.headers["vary"] == "Accept-Encoding"

    def test_what_compression_makes_no_smaller_stays(self, visitor: HostApp) -> None:
        answer = visitor.call("GET", "/widget/assets/steps/map.js")
        assert "content-encoding" not in answer.headers
        assert answer.headers["vary"] == "Accept-Encoding"

    @pytest.mark.parametrize("coding", ["gzip", "identity"])
    def test_revalidate(self, visitor: HostApp, coding: str) -> None:
        headers = {"Accept-Encoding": coding}
        first = visitor.call("GET", "/widget/assets/app.js", headers=headers)
        for known in (first.headers["etag"], f"W/{first.headers['etag']}", "*"):
            headers["If-None-Match"] = known
            again = visitor.call("GET", "/widget/assets/app.js", headers=headers)
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == first.headers["etag"]
            assert again.headers["vary"] == "Accept-Encoding"
            assert again.headers["cache-control"] == "no-cache"
        headers["If-None-Match"] = '"another"'
        assert visitor.call("GET", "/widget/assets/app.js", headers=headers).status_code == 200

    def test_forms_have_etags_of_their_own(self, visitor: HostApp) -> None:
        etags = {
            visitor.call("GET", "/widget/assets/app.js", headers={"Accept-Encoding": c}).headers[
                "etag"
            ]
            for c in ("gzip", "identity")
        }
        assert len(etags) == 2

    @pytest.mark.parametrize("path", ["/widget/assets/app.js", "/embed.js"])
    def test_head(self, visitor: HostApp, path: str) -> None:
        assert_head_is_get(visitor, path)

    def test_post_is_not_possible(self, visitor: HostApp) -> None:
        answer = visitor.call("POST", "/widget/assets/app.js")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


class TestEmbedScript:
    def test_may_be_loaded_from_anywhere(self, visitor: HostApp) -> None:
        answer = visitor.call("GET", "/embed.js")
        assert (answer.status_code, answer.content) == (200, FILES["embed.js"])
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        assert answer.headers["cache-control"] == "no-cache"
        headers = {"If-None-Match": answer.headers["etag"]}
        assert visitor.call("GET", "/embed.js", headers=headers).status_code == 304


def assert_head_is_get(visitor: HostApp, path: str) -> None:
    head, get = visitor.call("HEAD", path), visitor.call("GET", path)
    assert (head.status_code, head.content) == (200, b"")
    changing = {"date", "x-request-id"}
    assert {n: v for n, v in head.headers.items() if n not in changing} == {
        n: v for n, v in get.headers.items() if n not in changing
    }


def test_pages_are_no_part_of_openapi(settings: Settings) -> None:
    paths = create_app(settings).openapi()["paths"]
    assert not [path for path in paths if "widget" in path or "embed" in path]


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        (None, False),
        ("", False),
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("br, gzip;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("*", True),
        ("*;q=0", False),
        ("gzip;q=0, *", False),
        ("identity", False),
        ("gzipped", False),
        ("gzip;q=x", False),
        ("deflate, br", False),
    ],
)
def test_accepts_gzip(header: str | None, accepted: bool) -> None:
    assert accepts_gzip(header) is accepted


@pytest.mark.parametrize(
    ("header", "known"),
    [
        (None, False),
        ("", False),
        ('"a"', True),
        ('W/"a"', True),
        ('"b", "a"', True),
        ('"b","ab"', False),
        ("*", True),
        ("a", False),
    ],
)
def test_is_known(header: str | None, known: bool) -> None:
    assert is_known(header, '"a"') is known
