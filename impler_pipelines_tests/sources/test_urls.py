from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impler_pipelines.errors import RequestInvalid, UrlRefused
from impler_pipelines.model import SourceAuth
from impler_pipelines.sources import check_auth, check_url, public_url, split_userinfo
from impler_pipelines.sources.urls import origin


class TestPublicUrl:
    @pytest.mark.parametrize(
        ("url", "shown"),
        [
            ("https://x.test/feed.xml", "https://x.test/feed.xml"),
            ("https://x.test:8443/a?token=s3cret&b=1", "https://x.test:8443/a?…"),
            ("https://user:s3cret@x.test/a", "https://x.test/a"),
            ("https://us@er:s3cret@x.test/a", "https://x.test/a"),
            ("https://x.test/a#s3cret", "https://x.test/a"),
            ("https://[::1]:80/a?s3cret", "https://[::1]:80/a?…"),
            ("https://[broken", "(a URL that can't be read)"),
            ("", ""),
        ],
    )
    def test_shows_no_secret(self, url: str, shown: str) -> None:
        assert public_url(url) == shown

    @given(st.text(max_size=60))
    def test_takes_anything(self, text: str) -> None:
        assert "s3cret" not in public_url(f"http://u:s3cret@{text.replace('@', '')}")


class TestCheckUrl:
    @pytest.mark.parametrize(
        "url",
        [
            "http://x.test",
            "https://x.test:8443/a b".replace(" ", "%20"),
            "HTTP://X.test/",
            "http://münchen.test/ü?ä",
            "http://[2001:db8::1]:8080/",
            "http://127.0.0.1/",
        ],
    )
    def test_takes_http(self, url: str) -> None:
        check_url(url)

    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            ("ftp://x.test/", "only http"),
            ("file:///etc/passwd", "only http"),
            ("javascript:alert(1)", "only http"),
            ("x.test/feed", "only http"),
            ("//x.test/feed", "only http"),
            ("", "only http"),
            ("http://", "no host"),
            ("http:///path", "no host"),
            ("http://:80/", "no host"),
            ("http://user@/", "no host"),
            ("http://x.test:99999/", "not a valid URL"),
            ("http://x.test:abc/", "not a valid URL"),
            ("http://x.test:0/", "port 0"),
            ("http://[::1/", "not a valid URL"),
            ("http://[fe80::1%25eth0]/", "zone"),
            ("http://x.test\\@127.0.0.1/", "backslash"),
            ("http://x.test/a b", "space"),
            ("http://x.test/a\r\nHost: y", "control"),
            ("http://x.test\t/", "control"),
            ("http://x.test/" + "a" * 9000, "longer than"),
        ],
    )
    def test_refuses(self, url: str, reason: str) -> None:
        with pytest.raises(UrlRefused, match=reason):
            check_url(url)


class TestSplitUserinfo:
    def test_becomes_basic_auth(self) -> None:
        url, auth = split_userinfo("https://ann:p%40ss:w@x.test:1/a?b#c")
        assert url == "https://x.test:1/a?b#c"
        assert auth == SourceAuth("Authorization", "Basic YW5uOnBAc3M6dw==")

    @pytest.mark.parametrize(
        ("url", "bare"),
        [("https://x.test/a@b", "https://x.test/a@b"), ("https://:@x.test/", "https://x.test/")],
    )
    def test_nothing_to_split(self, url: str, bare: str) -> None:
        assert split_userinfo(url) == (bare, None)

    def test_no_url(self) -> None:
        with pytest.raises(UrlRefused):
            split_userinfo("http://[broken")


class TestOrigin:
    @pytest.mark.parametrize(
        ("one", "other", "same"),
        [
            ("http://x.test/a", "http://X.test:80/b", True),
            ("http://x.test/a", "http://x.test./b", True),
            ("http://x.test/", "https://x.test/", False),
            ("http://x.test/", "http://x.test:81/", False),
            ("http://x.test/", "http://y.test/", False),
        ],
    )
    def test_is_scheme_host_and_port(self, one: str, other: str, same: bool) -> None:
        assert (origin(one) == origin(other)) is same


class TestCheckAuth:
    @pytest.mark.parametrize(
        ("name", "value"),
        [("Authorization", "Bearer x"), ("X-Token", "é"), ("Cookie", "a=b"), ("a", "b")],
    )
    def test_takes_a_header(self, name: str, value: str) -> None:
        check_auth(SourceAuth(name, value))

    @pytest.mark.parametrize(
        ("name", "value", "fields"),
        [
            ("Host", "x", ["authHeaderName"]),
            ("content-length", "1", ["authHeaderName"]),
            ("Transfer-Encoding", "chunked", ["authHeaderName"]),
            ("Connection", "close", ["authHeaderName"]),
            ("Proxy-Authorization", "x", ["authHeaderName"]),
            ("If-None-Match", "x", ["authHeaderName"]),
            ("X Token", "x", ["authHeaderName"]),
            ("X-Tökén", "x", ["authHeaderName"]),
            ("", "x", ["authHeaderName"]),
            ("X\r\nY", "x", ["authHeaderName"]),
            ("X-Token", "a\r\nHost: b", ["authHeaderValue"]),
            ("X-Token", "a\0", ["authHeaderValue"]),
            ("X-Token", " a", ["authHeaderValue"]),
            ("X-Token", "", ["authHeaderValue"]),
            ("X-Token", "€", ["authHeaderValue"]),
            ("X-Token", "a" * 9000, ["authHeaderValue"]),
            ("", "", ["authHeaderName", "authHeaderValue"]),
        ],
    )
    def test_refuses(self, name: str, value: str, fields: list[str]) -> None:
        with pytest.raises(RequestInvalid) as caught:
            check_auth(SourceAuth(name, value))
        assert [problem.field for problem in caught.value.problems] == fields

    def test_never_repeats_the_value(self) -> None:
        with pytest.raises(RequestInvalid) as caught:
            check_auth(SourceAuth("X-Token", "s3cret\n"))
        assert "s3cret" not in str(caught.value)
