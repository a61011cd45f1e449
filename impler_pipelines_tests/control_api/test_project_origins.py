"""The origins of pages that may show a project's widget."""

from __future__ import annotations

from typing import Any

import pytest

from impler_pipelines.control_api.origin_requests import read_origins
from impler_pipelines.errors import RequestInvalid
from impler_pipelines_tests.control_api.host_app import HostApp, fields

PATH = "/v1/project/origins"


class TestRead:
    @pytest.mark.parametrize(
        ("given", "read"),
        [
            pytest.param("https://app.example", "https://app.example", id="plain"),
            pytest.param("HTTPS://App.Example/", "https://app.example", id="spelling"),
            pytest.param("https://app.example:443", "https://app.example", id="port-of-https"),
            pytest.param("http://app.example:80", "http://app.example", id="port-of-http"),
            pytest.param("http://app.example:443", "http://app.example:443", id="port-of-another"),
            pytest.param("http://localhost:5173", "http://localhost:5173", id="localhost"),
            pytest.param("http://127.0.0.1:8000", "http://127.0.0.1:8000", id="ipv4"),
            pytest.param("https://*.example.com", "https://*.example.com", id="wildcard"),
            pytest.param("https://*.a-b.co.uk:8443", "https://*.a-b.co.uk:8443", id="wild-port"),
            pytest.param("https://bücher.example", "https://xn--bcher-kva.example", id="idn"),
            pytest.param("https://*.BÜCHER.example", "https://*.xn--bcher-kva.example", id="wild"),
            pytest.param("https://Straße.example", "https://xn--strae-oqa.example", id="eszett"),
        ],
    )
    def test_one(self, given: str, read: str) -> None:
        assert read_origins([given]) == [read]

    @pytest.mark.parametrize(
        "given",
        [
            "",
            "app.example",
            "//app.example",
            "ftp://app.example",
            "javascript://app.example",
            "null",
            "*",
            "https:",
            "https://",
            "https://*",
            "https://*.",
            "https://*.com",
            "https://*.*.example.com",
            "https://a.*.example",
            "https://*app.example",
            "https://app.example/path",
            "https://app.example//",
            "https://app.example?x",
            "https://app.example#x",
            "https://me@app.example",
            "https://app.example:",
            "https://app.example:0",
            "https://app.example:65536",
            "https://app.example:x",
            "https://app.example:*",
            "https://app..example",
            "https://-app.example",
            "https://app.example.",
            "https://app_1.example",
            "https://[::1]:8000",
            "https://app.example; script-src *",
            "https://app.example;script-src",
            "https://a.example,https://b.example",
            "https://app.example https://evil.example",
            "https://app.example\nX: y",
            "https://app.example\x00",
            "https://app%2eexample",
            "https://\\app.example",
            "'self'",
            "https://" + "a." * 130 + "example",
        ],
    )
    def test_refused(self, given: str) -> None:
        with pytest.raises(RequestInvalid) as refused:
            read_origins(["https://app.example", given])
        assert [one.field for one in refused.value.problems] == ["origins.1"]

    def test_each_once_in_their_order(self) -> None:
        given = ["https://b.example", "https://a.example", "https://B.example:443/"]
        assert read_origins(given) == ["https://b.example", "https://a.example"]


class TestProject:
    def test_has_none_at_first(self, app: HostApp) -> None:
        assert app.ok("GET", PATH) == {"origins": []}

    def test_set_and_cleared(self, app: HostApp, other_app: HostApp) -> None:
        body = {"origins": ["https://B.example/", "https://*.a.example"]}
        set_to = {"origins": ["https://b.example", "https://*.a.example"]}
        for _ in range(2):
            assert app.ok("PUT", PATH, body) == set_to
        assert app.ok("GET", PATH) == set_to
        assert other_app.ok("GET", PATH) == {"origins": []}
        assert app.ok("PUT", PATH, {"origins": []}) == {"origins": []}
        assert app.ok("GET", PATH) == {"origins": []}

    @pytest.mark.parametrize(
        ("body", "named"),
        [
            pytest.param({}, ["origins"], id="missing"),
            pytest.param({"origins": None}, ["origins"], id="null"),
            pytest.param({"origins": ["https://a.example"] * 51}, ["origins"], id="too-many"),
            pytest.param({"origins": [7, "x"]}, ["origins.0"], id="no-text"),
            pytest.param({"origins": ["x", "https://a.example", "y"]}, ["origins.0", "origins.2"]),
        ],
    )
    def test_refused(self, app: HostApp, body: dict[str, Any], named: list[str]) -> None:
        assert fields(app.refused(422, "PUT", PATH, body)) == named
        assert app.ok("GET", PATH) == {"origins": []}
