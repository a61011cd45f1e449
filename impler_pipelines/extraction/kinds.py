"""Recognises documents that are no XML by their first bytes, to say what they are instead."""

from __future__ import annotations

import re

from impler_pipelines.errors import FeedUnreadable, WebPageFound

_BINARY = (
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"GIF8", "an image"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"RIFF", "a media file"),
    (b"ID3", "a media file"),
)
# Atomic and possessive: going back into a comment would take for ever on a page of them.
_COMMENTS = r"\s*+(?:(?><!--.*?-->)\s*+|<\?xml\b[^>]*+>\s*+)*+"
_WEB_PAGE = re.compile(rf"{_COMMENTS}(?:<!doctype\s+html\b|<html[\s>])", re.IGNORECASE | re.DOTALL)
_JSON = re.compile(r"\s*[\[{]")


def binary_kind(head: bytes) -> str | None:
    """What ``head`` begins, with its article, if it is a well-known binary format."""
    return next((what for signature, what in _BINARY if head.startswith(signature)), None)


def refuse_binary(head: bytes) -> None:
    """Raise ``FeedUnreadable`` if ``head`` begins a well-known binary format."""
    if what := binary_kind(head):
        raise FeedUnreadable(f"The address gives {what}, not an XML feed.")


def refuse_text(head: str) -> None:
    """Raise ``FeedUnreadable`` if ``head`` begins a web page, JSON, or nothing at all."""
    start = head.lstrip("\ufeff")
    if not start.strip():
        raise FeedUnreadable(
            "The feed is empty: its address gives no content."
            " Check the address, or ask the publisher."
        )
    if _WEB_PAGE.match(start):
        raise WebPageFound
    if _JSON.match(start):
        raise FeedUnreadable(
            "The address gives JSON, not an XML feed: look for its RSS, Atom or XML address."
        )
