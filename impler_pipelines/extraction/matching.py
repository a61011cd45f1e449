"""Says whether an element is the one that a heading names, under whatever prefix it comes.

* The name as written decides first: ``g:price`` is ``g:price``.
* Else the namespace does: a prefix of a heading stands for the namespace that the document binds
  it to, or, where the document does not know it, for the one everyone uses it for.
* The prefix of the heading's first segment (or its lack) stands for the root element's namespace:
  ``feed > entry`` is also ``atom:feed > atom:entry``.
"""

from __future__ import annotations

from collections.abc import Mapping

from lxml import etree

from impler_pipelines.extraction.names import written_attribute, written_name
from impler_pipelines.extraction.paths import Segments
from impler_pipelines.extraction.vocabulary import WELL_KNOWN_PREFIXES

Namespaces = Mapping[str | None, str]


class NameMatcher:
    """Compares elements of one document with the segments of one set of headings."""

    def __init__(self, first_segment: str) -> None:
        prefix, _, self._root_local = first_segment.rpartition(":")
        self._home_prefix = prefix or None

    def is_named(self, element: etree._Element, segment: str) -> bool:
        """Whether ``segment`` names ``element``."""
        tag = element.tag
        if written_name(tag, element.prefix) == segment:
            return True
        if _split(tag)[1] != segment.rpartition(":")[2]:
            return False  # before the declarations are gathered, which takes long
        root_tag = element.getroottree().getroot().tag
        return self.fits(tag, segment, element.nsmap, root_tag)

    def fits(self, tag: str, segment: str, declared: Namespaces, root_tag: str) -> bool:
        """Whether ``segment`` means the namespace and name of ``tag`` where ``declared`` holds.

        Tags are in Clark notation.
        """
        uri, local = _split(tag)
        prefix, _, wanted = segment.rpartition(":")
        return local == wanted and uri in self._namespaces(declared, root_tag, prefix or None)

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
        local = name.partition(":")[2]
        for own, value in element.items():
            if written_attribute(element, own) == segment or own == name:
                return str(value)
            uri, _, own_local = own[1:].rpartition("}") if own[0] == "{" else ("", "", own)
            root_tag = element.getroottree().getroot().tag
            if own_local == local and uri and self.fits(own, name, element.nsmap, root_tag):
                return str(value)
        return None

    def _namespaces(
        self, declared: Namespaces, root_tag: str, prefix: str | None
    ) -> tuple[str, ...]:
        """The namespaces that ``prefix`` of a heading may stand for."""
        if prefix is not None and prefix in declared:
            return (declared[prefix],)
        found = WELL_KNOWN_PREFIXES.get(prefix, ()) if prefix is not None else ()
        root_uri, root_local = _split(root_tag)
        if prefix == self._home_prefix and root_local == self._root_local:
            found = (*found, root_uri)
        return found


def _split(tag: str) -> tuple[str, str]:
    """Namespace ("" for none) and local name of a tag in Clark notation."""
    uri, _, local = tag.rpartition("}")
    return uri[1:], local
