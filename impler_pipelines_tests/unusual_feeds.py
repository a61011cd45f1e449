"""Feeds of unusual size and shape, each made as it is asked for. Titles and links as everywhere."""

from __future__ import annotations

_TINY = "<item><title>t</title><link>/{}</link></item>"


def tiny_items(count: int) -> bytes:
    """``count`` items of fifty bytes."""
    return _rss("".join(_TINY.format(number) for number in range(count)))


def one_large_item(megabytes: int) -> bytes:
    """A single item with ``megabytes`` paragraphs ``p`` of a megabyte each.

    No value can have more than 10 MB: there libxml2 ends.
    """
    paragraph = "<p>" + "word " * 199_999 + "word</p>"
    return _rss(f"<item><title>One</title><link>/1</link>{paragraph * megabytes}</item>")


def large_namesakes(count: int) -> bytes:
    """``count`` items with a title of a megabyte each, and all with the same link."""
    title = "word " * 199_999 + "word"
    return _rss(f"<item><title>{title}</title><link>/1</link></item>" * count)


def many_paths(paths: int, items: int) -> bytes:
    """``items`` items of ``paths`` different fields, ``field0`` and so on, each with its number."""
    fields = "".join(f"<field{number}>{number}</field{number}>" for number in range(paths))
    item = f"<item><title>t</title><link>/%d</link>{fields}</item>"
    return _rss("".join(item % number for number in range(items)))


def _rss(items: str) -> bytes:
    return f'<?xml version="1.0"?><rss><channel>{items}</channel></rss>'.encode()
