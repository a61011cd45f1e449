"""Reads the values below one record as headings. It knows nothing of mappings.

What holds a value:

* an attribute (namespace declarations are none);
* an element without child elements: its text. An empty one holds none beside attributes, nor
  does an empty record;
* an element of mixed content: all its text, in order; what lies below is read too;
* an element around XHTML (Atom's ``<content type="xhtml">``): all its text.

Text is taken without the white space around it; white space inside is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lxml import etree

from impler_pipelines.extraction.limits import Limits
from impler_pipelines.extraction.names import written_attribute, written_name
from impler_pipelines.extraction.paths import SEPARATOR

XHTML = "http://www.w3.org/1999/xhtml"
_XHTML_TAG = f"{{{XHTML}}}"
BLANK = " \t\r\n"

Values = dict[str, str | list[str]]


@dataclass(slots=True)
class PathNode:
    """One path of a document: its heading, and what has been seen below it."""

    heading: str
    depth: int
    children: dict[tuple[str, str | None], PathNode] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)


class ValueReader:
    """Reads records of one path. Paths are learned once and shared between records."""

    def __init__(self, record_path: str, limits: Limits) -> None:
        self._limits = limits
        self._paths = 0
        depth = record_path.count(SEPARATOR) + 1
        self._record = PathNode(record_path, depth)

    def read(self, record: etree._Element) -> Values:
        """Heading → value of ``record``, a list where the heading comes more than once."""
        values: Values = {}
        stack = [(record, self._record)]
        while stack:
            element, node = stack.pop()
            for name, value in element.items():
                _add(values, self._attribute(element, node, name), value.strip(BLANK))
            children = list(element)
            if not children:
                text = (element.text or "").strip(BLANK)
                if text or not (element.attrib or element is record):
                    _add(values, node.heading, text)
                continue
            if holds_text(element, children):
                _add(values, node.heading, full_text(element))
            stack.extend((child, self._child(node, child)) for child in reversed(children))
        return values

    def _child(self, node: PathNode, child: etree._Element) -> PathNode:
        key = (child.tag, child.prefix)
        found = node.children.get(key)
        if found is None:
            self._count_path(node.depth + 1)
            name = written_name(*key)
            found = PathNode(f"{node.heading}{SEPARATOR}{name}", node.depth + 1)
            node.children[key] = found
        return found

    def _attribute(self, element: etree._Element, node: PathNode, name: str) -> str:
        heading = node.attributes.get(name)
        if heading is None:
            self._count_path(node.depth)
            heading = f"{node.heading}{SEPARATOR}{written_attribute(element, name)}"
            node.attributes[name] = heading
        return heading

    def _count_path(self, depth: int) -> None:
        self._paths += 1
        if self._paths > self._limits.max_headings:
            raise self._limits.exceeded("max_headings")
        if depth > self._limits.max_depth:
            raise self._limits.exceeded("max_depth")


def holds_text(element: etree._Element, children: list[etree._Element]) -> bool:
    """Whether an element with ``children`` holds a value itself: mixed content, or XHTML."""
    if (element.text or "").strip(BLANK):
        return True
    if children[0].tag.startswith(_XHTML_TAG) and not element.tag.startswith(_XHTML_TAG):
        return True
    return any((child.tail or "").strip(BLANK) for child in children)


def full_text(element: etree._Element) -> str:
    """All text inside ``element``, in document order."""
    return "".join(element.itertext()).strip(BLANK)


def _add(values: Values, heading: str, value: str) -> None:
    before = values.get(heading)
    if before is None:
        values[heading] = value
    elif isinstance(before, list):
        before.append(value)
    else:
        values[heading] = [before, value]
