"""Counts a document's elements by path: the shape that record detection looks at.

It decides nothing. Memory is bound by the number of distinct paths, which is capped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lxml import etree

from impler_pipelines.errors import FeedMalformed
from impler_pipelines.extraction.document import Document
from impler_pipelines.extraction.limits import Limits
from impler_pipelines.extraction.names import written_attribute, written_name
from impler_pipelines.extraction.parsing import CheckedChunks, ElementStream
from impler_pipelines.extraction.shapes import TEXTS, AttributeShape, Shape, add_sample
from impler_pipelines.extraction.unusual import Unusual
from impler_pipelines.extraction.values import full_text, holds_text

# A larger document is read by its bytes: smaller ones are not worth the while.
_LARGE_BYTES = 1024**2


@dataclass(frozen=True)
class Survey:
    """The shape of the root, whether the whole document was looked at, or else how much of it."""

    root: Shape
    complete: bool
    bytes_read: int


def survey(document: Document, stop_after: Callable[[Shape], int | None]) -> Survey:
    """Count the elements of ``document``.

    ``stop_after`` says, given the root's shape, after how many bytes enough has been seen; None
    means the whole document. Raises what parsing raises.
    """
    try:
        return _by_tree(document, stop_after)
    except _Large:
        pass
    try:
        return _by_bytes(document, stop_after)
    except Unusual:
        return _by_tree(document, stop_after, large=True)


class _Large(Exception):
    """A document that is worth another reading."""


def _by_tree(
    document: Document, stop_after: Callable[[Shape], int | None], *, large: bool = False
) -> Survey:
    stream = ElementStream(document, None)
    counter = _Counter(document.limits)
    for events in stream.batches():
        for kind, element in events:
            if kind == "start":
                counter.start(element)
            else:
                counter.end(element)
        if counter.root is None:
            continue
        if stream.bytes_read > _LARGE_BYTES and not large:
            raise _Large
        enough = stop_after(counter.root) if large else None
        if enough is not None and stream.bytes_read > enough:
            return Survey(counter.root, complete=False, bytes_read=stream.bytes_read)
    if counter.root is None:  # libxml2 has said so already; this keeps the types honest
        raise FeedMalformed("it has no element")
    return Survey(counter.root, complete=True, bytes_read=stream.bytes_read)


def _by_bytes(document: Document, stop_after: Callable[[Shape], int | None]) -> Survey:
    # Imported here: most documents are small, and need neither NumPy nor Arrow.
    from impler_pipelines.extraction.shape_blocks import ShapeBlocks

    chunks = CheckedChunks(document)
    shapes = ShapeBlocks(document.limits.max_paths)
    for root in shapes.grown(chunks):
        enough = stop_after(root)
        if enough is not None and chunks.bytes_read > enough:
            return Survey(root, complete=False, bytes_read=chunks.bytes_read)
    return Survey(root, complete=True, bytes_read=chunks.bytes_read)


class _Counter:
    def __init__(self, limits: Limits) -> None:
        self.root: Shape | None = None
        self._limits = limits
        self._paths = 0
        self._open: list[tuple[Shape, dict[Shape, int]]] = []

    def start(self, element: etree._Element) -> None:
        key = (element.tag, element.prefix)
        if not self._open:
            shape = self.root = self._shape(key, None)
        else:
            parent, inside = self._open[-1]
            found = parent.children.get(key)
            if found is None:
                found = parent.children[key] = self._shape(key, parent)
            shape = found
            inside[shape] = inside.get(shape, 0) + 1
        shape.count += 1
        for name, value in element.items():
            attribute = shape.attributes.get(name)
            if attribute is None:
                self._count_path()
                attribute = AttributeShape(written_attribute(element, name))
                shape.attributes[name] = attribute
            attribute.count += 1
            add_sample(attribute.samples, value)
        self._open.append((shape, {}))
        if len(self._open) > self._limits.max_depth:
            raise self._limits.exceeded("max_depth")

    def end(self, element: etree._Element) -> None:
        shape, inside = self._open.pop()
        for child, count in inside.items():
            child.most_in_parent = max(child.most_in_parent, count)
        if shape.texts < TEXTS:
            self._text(element, shape)

    def _text(self, element: etree._Element, shape: Shape) -> None:
        children = list(element)
        if children and not holds_text(element, children):
            return
        text = full_text(element)
        if text or (not children and not element.attrib):
            shape.texts += 1
            add_sample(shape.samples, text)

    def _shape(self, key: tuple[str, str | None], parent: Shape | None) -> Shape:
        self._count_path()
        tag, prefix = key
        namespace = tag[1:].rpartition("}")[0] if tag.startswith("{") else None
        return Shape(written_name(tag, prefix), namespace, parent)

    def _count_path(self) -> None:
        self._paths += 1
        if self._paths > self._limits.max_paths:
            raise self._limits.exceeded("max_paths")
