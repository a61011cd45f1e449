"""Feeds that the tests of this room make."""

from __future__ import annotations

ITEM = "rss > channel > item"


def rss(*items: tuple[str, str, str | None]) -> str:
    """A feed of (title, link, price) items; a price of None is a missing element."""
    body = "".join(
        f"<item><title>{title}</title><link>{link}</link>"
        + (f"<price>{price}</price>" if price is not None else "")
        + "</item>"
        for title, link, price in items
    )
    return (
        f'<?xml version="1.0"?><rss version="2.0"><channel><title>s</title>{body}</channel></rss>'
    )
