"""Finds the feeds that a web page announces (``<link rel="alternate">``). It fetches nothing."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit

from lxml import etree, html

from impler_pipelines.errors import UrlRefused
from impler_pipelines.extraction.encodings import codec_named, http_charset
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


def find_announced_feeds(
    page: BinaryIO, base_url: str, content_type: str | None = None
) -> tuple[AnnouncedFeed, ...]:
    """The feeds that the HTML ``page`` at ``base_url`` announces, in order, each URL once.

    ``content_type`` is HTTP's, for its charset. Reads the first 2 MiB. Bytes that are no HTML
    announce nothing.
    """
    page.seek(0)
    head = page.read(_MOST_BYTES)
    if len(head) == _MOST_BYTES:
        head = head[: head.rfind(b">") + 1]  # not within a character
    try:
        root = _parsed(head, content_type)
    except (etree.LxmlError, ValueError):
        return ()
    bases = (element.get("href") for element in root.iter("base"))
    base = next((base for href in bases if (base := _joined(base_url, href))), base_url)
    found: dict[str, AnnouncedFeed] = {}
    for link in root.iter("link"):
        feed = _announced(link, base)
        if feed is not None and len(found) < _MOST_FEEDS:
            found.setdefault(feed.url, feed)
    return tuple(found.values())


def _parsed(page: bytes, content_type: str | None) -> etree._Element:
    """UTF-8 is told by its bytes; else HTTP's charset counts, else what the page declares.

    Left to itself, libxml2 takes a page that declares nothing for Latin-1.
    """
    charset = http_charset(content_type)
    for codec in filter(None, ("utf-8", codec_named(charset) if charset else None)):
        with suppress(UnicodeDecodeError):
            text = page.decode(codec)
            return html.document_fromstring(text.encode(), html.HTMLParser(encoding="utf-8"))
    return html.document_fromstring(page)


def _joined(base: str, href: str | None) -> str | None:
    """``href`` from ``base``; None for what is no address."""
    try:
        return urljoin(base, href.strip()) if href and href.strip() else None
    except ValueError:
        return None


def _without_feed_scheme(href: str) -> str:
    """Old pages write ``feed://host/path`` and ``feed:https://host/path``."""
    bare = re.sub(r"^\s*feed:", "", href, flags=re.IGNORECASE)
    return f"http:{bare}" if bare != href and bare.startswith("//") else bare


def _announced(link: etree._Element, base: str) -> AnnouncedFeed | None:
    rel = (link.get("rel") or "").lower().split()
    kind = (link.get("type") or "").partition(";")[0].strip().lower()
    url = _joined(base, _without_feed_scheme(link.get("href") or ""))
    if not url or "alternate" not in rel or kind not in _FEED_TYPES or "stylesheet" in rel:
        return None
    try:
        check_url(url)
    except (ValueError, UrlRefused):
        return None
    bare = urlsplit(url)._replace(fragment="").geturl()
    return AnnouncedFeed(bare, (link.get("title") or "").strip(), kind)
