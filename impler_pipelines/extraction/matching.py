"""Says whether an element is the one that a heading names, under whatever prefix it comes.

* The name as written decides first: ``g:price`` is ``g:price``.
* Else the namespace does: a prefix of a heading stands for the namespace that the document binds
  it to, or, where the document does not know it, for the one everyone uses it for.
* The prefix of the heading's first segment (or its lack) stands for the root element's namespace:
  ``feed > entry`` is also ``atom:feed > atom:entry``.
"""

from __future__ import annotations

from lxml import etree

from impler_pipelines.extraction.names import written_attribute, written_name
from impler_pipelines.extraction.paths import Segments
from impler_pipelines.extraction.vocabulary import WELL_KNOWN_PREFIXES


class NameMatcher:
    """Compares elements of one document with the segments of one set of headings."""

    def __init__(self, first_segment: str) -> None:
        prefix, _, self._root_local = first_segment.rpartition(":")
        self._home_prefix = prefix or None

    def is_named(self, element: etree._Element, segment: str) -> bool:
        """Whether ``segment`` names ``element``."""
        tag = element.tag
        prefix = element.prefix
        if written_name(tag, prefix) == segment:
            return True
        wanted, _, local = segment.rpartition(":")
        uri, _, own_local = tag[1:].rpartition("}") if tag[0] == "{" else ("", "", tag)
        return local == own_local and uri in self._namespaces(element, wanted or None)

    def is_at(self, element: etree._Element, path: Segments) -> bool:
        """Whether ``element`` stands at ``path``, counted from the root."""
        at: etree._Element | None = element
        for segment in reversed(path):
            if at is None or not self.is_named(at, segment):
                return False
            at = at.getparent()
        return at is None

    def attribute(self, element: etree._Element, segment: str) -> str | None:
        """The value of the attribute of ``element`` that ``segment`` names; None without one."""
        name = segment[1:]
        if ":" not in name:
            found: str | None = element.get(name)
            return found
        wanted, _, local = name.partition(":")
        for own, value in element.items():
            if written_attribute(element, own) == segment or own == name:
                return str(value)
            uri, _, own_local = own[1:].rpartition("}") if own[0] == "{" else ("", "", own)
            if own_local == local and uri and uri in self._namespaces(element, wanted):
                return str(value)
        return None

    def _namespaces(self, element: etree._Element, prefix: str | None) -> tuple[str, ...]:
        """The namespaces that ``prefix`` of a heading may stand for at ``element``."""
        declared = element.nsmap
        if prefix is not None and prefix in declared:
            return (declared[prefix],)
        found = WELL_KNOWN_PREFIXES.get(prefix, ()) if prefix is not None else ()
        if prefix == self._home_prefix:
            root = element.getroottree().getroot().tag
            uri, _, local = root[1:].rpartition("}") if root[0] == "{" else ("", "", root)
            if local == self._root_local:
                found = (*found, uri)
        return found
