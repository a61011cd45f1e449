from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impler_pipelines.sources.discovery import AnnouncedFeed, find_announced_feeds

BASE = "https://x.test/blog/"
NAMED = '<link rel="alternate" type="text/xml" title="Größe" href="/f">'


def announced(head: str) -> list[str]:
    page = f"<!doctype html><html><head>{head}</head><body></body></html>"
    return [feed.url for feed in find_announced_feeds(io.BytesIO(page.encode()), BASE)]


class TestFindAnnouncedFeeds:
    def test_gives_url_title_and_type(self) -> None:
        page = b"""<html><head><link rel="alternate" type="application/rss+xml" title="News"
            href="/feed.xml"></head></html>"""
        assert find_announced_feeds(io.BytesIO(page), BASE) == (
            AnnouncedFeed("https://x.test/feed.xml", "News", "application/rss+xml"),
        )

    def test_relative_to_the_page_or_its_base(self) -> None:
        link = '<link rel=alternate type="application/atom+xml" href="a.xml#top">'
        assert announced(link) == ["https://x.test/blog/a.xml"]
        assert announced('<base href="/other/">' + link) == ["https://x.test/other/a.xml"]

    def test_each_once_in_order(self) -> None:
        link = '<LINK REL="Alternate Feed" TYPE="Application/RSS+XML; charset=utf-8" HREF="{}">'
        assert announced("".join(map(link.format, ["b", "a", "b"]))) == [
            "https://x.test/blog/b",
            "https://x.test/blog/a",
        ]

    def test_nothing_else(self) -> None:
        assert (
            announced(
                '<link rel="stylesheet" type="text/css" href="a">'
                '<link rel="alternate" hreflang="de" href="b">'
                '<link rel="alternate stylesheet" type="text/xml" href="c">'
                '<link rel="alternate" type="application/rss+xml">'
                '<link rel="alternate" type="application/rss+xml" href="javascript:x">'
                '<link rel="alternate" type="application/rss+xml" href="http://[x">'
            )
            == []
        )

    @pytest.mark.parametrize(
        ("page", "content_type"),
        [
            pytest.param(f"<html><head>{NAMED}".encode(), None, id="UTF-8 undeclared"),
            pytest.param(
                f'<html><head>{NAMED}<meta charset="iso-8859-1">'.encode(), None, id="a wrong meta"
            ),
            pytest.param(
                f'<html><head><meta charset="iso-8859-1">{NAMED}'.encode("latin-1"), None, id="meta"
            ),
            pytest.param(
                f"<html><head>{NAMED}".encode("latin-1"), "text/html; charset=latin-1", id="HTTP"
            ),
            pytest.param(f"<html><head>{NAMED}".encode("utf-16"), None, id="a mark"),
            pytest.param(
                f'<?xml version="1.0"?><html><head>{NAMED}</head></html>'.encode(), None, id="XHTML"
            ),
            pytest.param(
                f"<html><head>{NAMED}</head>{'é' * 2**20}".encode(), "text/html", id="a large page"
            ),
        ],
    )
    def test_titles_in_any_encoding(self, page: bytes, content_type: str | None) -> None:
        [feed] = find_announced_feeds(io.BytesIO(page), BASE, content_type)
        assert feed.title == "Größe"

    def test_an_impossible_base_or_charset_is_passed_over(self) -> None:
        link = '<link rel=alternate type="application/rss+xml" href="a.xml">'
        page = f'<base href="http://[x"><base href="https://y.test/">{link}'.encode()
        [feed] = find_announced_feeds(io.BytesIO(page + b"\xff>"), BASE, "text/html; charset=rot13")
        assert feed.url == "https://y.test/a.xml"

    @pytest.mark.parametrize(
        ("href", "url"),
        [
            ("feed://y.test/a", "http://y.test/a"),
            ("feed:https://y.test/a", "https://y.test/a"),
            (" FEED:/a", "https://x.test/a"),
        ],
    )
    def test_the_scheme_of_old_pages(self, href: str, url: str) -> None:
        assert announced(f'<link rel=alternate type="text/xml" href="{href}">') == [url]

    @given(st.binary(max_size=200))
    def test_bytes_that_are_no_page_announce_nothing_and_raise_nothing(self, page: bytes) -> None:
        assert find_announced_feeds(io.BytesIO(page), BASE) == ()
