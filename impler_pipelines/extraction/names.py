"""Names of elements and attributes as written in the document: ``g:price``, ``@xml:lang``.

libxml2 gives namespace and prefix apart; headings show what the author wrote.
"""

from __future__ import annotations

from lxml import etree

_XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"


def written_name(tag: str, prefix: str | None) -> str:
    """The name of an element as written, from its tag in Clark notation and its prefix."""
    local = tag.rpartition("}")[2]
    return f"{prefix}:{local}" if prefix else local


def written_attribute(element: etree._Element, name: str) -> str:
    """The heading's segment for the attribute ``name`` (Clark notation) of ``element``."""
    if name[0] != "{":
        return f"@{name}"
    uri, _, local = name[1:].rpartition("}")
    if uri == _XML_NAMESPACE:
        return f"@xml:{local}"
    prefixes = [p for p, u in element.nsmap.items() if u == uri and p is not None]
    return f"@{prefixes[0]}:{local}" if prefixes else f"@{local}"


def local_name(name: str) -> str:
    """The local part of a name as written, or of one in Clark notation."""
    return name.rpartition("}")[2].rpartition(":")[2]
