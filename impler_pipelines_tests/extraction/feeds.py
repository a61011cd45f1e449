"""Small documents for the tests, written here."""

from __future__ import annotations

RSS_ITEM = "rss > channel > item"


def rss(*items: str, head: str = "", attributes: str = "") -> bytes:
    """An RSS 2.0 feed whose items have the given content."""
    body = "".join(f"<item>{item}</item>" for item in items)
    return (
        f'<rss version="2.0"{attributes}><channel><title>Shop</title>{head}{body}</channel></rss>'
    ).encode()


def declared(encoding: str, text: str, codec: str | None = None) -> bytes:
    """An RSS feed of one item titled ``text``, labelled ``encoding``, in bytes of ``codec``."""
    document = (
        f'<?xml version="1.0" encoding="{encoding}"?>' + rss(f"<title>{text}</title>").decode()
    )
    return document.encode(codec or encoding)


def doctype(subset: str, item: str) -> bytes:
    return f"<!DOCTYPE rss [{subset}]>\n".encode() + rss(item)
