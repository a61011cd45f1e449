"""Has libxml2 say whether a DOCTYPE or an entity's text is well-formed. It fetches nothing.

The document itself goes through ``parsing``, to which neither of them is ever shown.
"""

from __future__ import annotations

from lxml import etree

from impler_pipelines.errors import FeedMalformed

# Real ones have some KB. libxml2's time grows with the square of an element's attributes.
_LONGEST_DOCTYPE_BYTES = 128 * 1024


def check_doctype(before_root: bytes) -> None:
    """Raise ``FeedMalformed`` unless a root element may follow ``before_root``, which is UTF-8.

    It stands at the document's beginning, so that lines are right. What is too long to be checked
    passes, and so does what turns out to be in another encoding.
    """
    if len(before_root) > _LONGEST_DOCTYPE_BYTES or not _is_utf8(before_root):
        return
    fault = _fault_in(before_root + b"<root/>")
    if fault is not None:
        reason, line, column = fault
        raise FeedMalformed(f"its DOCTYPE can't be read: {reason}", line=line, column=column)


def is_content(text: bytes) -> bool:
    """Whether ``text`` may stand inside an element (XML 1.0, 4.3.2)."""
    return _fault_in(b"<root>" + text + b"</root>") is None


class _Nothing:
    def close(self) -> None:
        """There is nothing to keep."""


def _fault_in(document: bytes) -> tuple[str, int | None, int | None] | None:
    parser = etree.XMLParser(
        target=_Nothing(),
        encoding="utf-8",
        no_network=True,
        load_dtd=False,
        resolve_entities=False,
    )
    try:
        parser.feed(document)
        parser.close()
    except etree.XMLSyntaxError:
        entry = parser.feed_error_log.filter_from_fatals().last_error
        if entry is None:
            return "it can't be parsed", None, None
        return " ".join(entry.message.split()), entry.line, entry.column
    return None


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
