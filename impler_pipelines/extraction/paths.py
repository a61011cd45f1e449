"""Headings as text and as segments: ``rss > channel > item > g:price``. It never sees a document.

* Segments are element names with their prefix as written in the document; the last one may be an
  attribute, ``@url`` or ``@xml:lang``.
* The older grammar is read too and never written: ``item[]`` for a list, ``$ > url`` for an
  attribute, ``> _`` for the text beside attributes.
"""

from __future__ import annotations

from collections.abc import Sequence

SEPARATOR = " > "

Segments = tuple[str, ...]


def split_path(path: str) -> Segments:
    """The segments of a heading in either grammar; ``()`` for a blank one."""
    raw = [part.strip() for part in path.strip().split(">")]
    segments: list[str] = []
    for part in raw:
        name = part.removesuffix("[]").strip()
        if not name:
            continue
        if segments and segments[-1] == "$":
            segments[-1] = f"@{name}"
        else:
            segments.append(name)
    if len(segments) > 1 and segments[-1] == "_":
        segments.pop()
    return tuple(segments)


def join_path(segments: Sequence[str]) -> str:
    """The heading of ``segments``, in the grammar that users see."""
    return SEPARATOR.join(segments)


def normalise_path(path: str) -> str:
    """``path`` in the grammar that users see, whichever it came in."""
    return join_path(split_path(path))


def is_attribute(segment: str) -> bool:
    """Whether a segment names an attribute."""
    return segment.startswith("@")


def starts_with(path: Segments, head: Segments) -> bool:
    """Whether ``path`` is ``head`` or lies under it."""
    return path[: len(head)] == head
