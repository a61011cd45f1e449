"""Finds the feeds that a web page announces (``<link rel="alternate">``). It fetches nothing."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from lxml import etree, html

from impler_pipelines.errors import UrlRefused
from impler_pipelines.sources.urls import check_url

_FEED_TYPES = {
    "application/rss+xml",
    "application/atom+xml",
    "application/rdf+xml",
    "application/xml",
    "text/xml",
}
_MOST_BYTES = 2 * 1024**2
_MOST_FEEDS = 50


@dataclass(frozen=True)
class AnnouncedFeed:
    """A feed that a page links to: absolute URL, title and media type as the page gives them."""

    url: str
    title: str
    type: str


def find_announced_feeds(page: bytes, base_url: str) -> tuple[AnnouncedFeed, ...]:
    """The feeds that the HTML ``page`` at ``base_url`` announces, in order, each URL once.

    Looks at the first 2 MiB. Bytes that are no HTML announce nothing.
    """
    try:
        root = html.document_fromstring(page[:_MOST_BYTES])
    except (etree.LxmlError, ValueError):
        return ()
    base = next((urljoin(base_url, b.get("href")) for b in root.iter("base") if b.get("href")), "")
    found: dict[str, AnnouncedFeed] = {}
    for link in root.iter("link"):
        feed = _announced(link, base or base_url)
        if feed is not None and len(found) < _MOST_FEEDS:
            found.setdefault(feed.url, feed)
    return tuple(found.values())


def _announced(link: etree._Element, base: str) -> AnnouncedFeed | None:
    rel = (link.get("rel") or "").lower().split()
    kind = (link.get("type") or "").partition(";")[0].strip().lower()
    href = (link.get("href") or "").strip()
    if not href or "alternate" not in rel or kind not in _FEED_TYPES or "stylesheet" in rel:
        return None
    try:
        url = urljoin(base, href)
        check_url(url)
    except (ValueError, UrlRefused):
        return None
    bare = urlsplit(url)._replace(fragment="").geturl()
    return AnnouncedFeed(bare, (link.get("title") or "").strip(), kind)
