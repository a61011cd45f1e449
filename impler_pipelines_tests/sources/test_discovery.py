from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from impler_pipelines.sources.discovery import AnnouncedFeed, find_announced_feeds

BASE = "https://x.test/blog/"


def announced(head: str) -> list[str]:
    page = f"<!doctype html><html><head>{head}</head><body></body></html>"
    return [feed.url for feed in find_announced_feeds(page.encode(), BASE)]


class TestFindAnnouncedFeeds:
    def test_gives_url_title_and_type(self) -> None:
        page = b"""<html><head><link rel="alternate" type="application/rss+xml" title="News"
            href="/feed.xml"></head></html>"""
        assert find_announced_feeds(page, BASE) == (
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

    @given(st.binary(max_size=200))
    def test_bytes_that_are_no_page_announce_nothing_and_raise_nothing(self, page: bytes) -> None:
        assert find_announced_feeds(page, BASE) == ()
