"""Counts a document's elements by path: the shape that record detection looks at.

It decides nothing. Memory is bound by the number of distinct paths, which is capped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from lxml import etree

from impler_pipelines.errors import FeedMalformed, LimitExceeded
from impler_pipelines.extraction.document import Document
from impler_pipelines.extraction.names import written_attribute, written_name
from impler_pipelines.extraction.parsing import ElementStream
from impler_pipelines.extraction.paths import join_path
from impler_pipelines.extraction.values import BLANK, full_text, holds_text

_SAMPLES = 3
_SAMPLE_LENGTH = 500
_TEXTS = 50  # texts looked at per path: enough to know that it holds some, and for samples


@dataclass(eq=False)
class Shape:
    """All elements of one path. ``texts`` counts those with a value of their own (to 50)."""

    name: str
    namespace: str | None
    parent: Shape | None
    count: int = 0
    most_in_parent: int = 0
    parents_with: int = 0
    texts: int = 0
    samples: list[str] = field(default_factory=list)
    children: dict[tuple[str, str | None], Shape] = field(default_factory=dict)
    attributes: dict[str, AttributeShape] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The heading of these elements."""
        return join_path([*(shape.name for shape in reversed([*self.above()])), self.name])

    @property
    def local_name(self) -> str:
        """The name without its prefix."""
        return self.name.rpartition(":")[2]

    @property
    def repeats(self) -> bool:
        """Whether some parent holds several."""
        return self.most_in_parent > 1

    def walk(self) -> Iterator[Shape]:
        """This shape and all below it, in order of first appearance."""
        stack = [self]
        while stack:
            shape = stack.pop()
            yield shape
            stack.extend(reversed(shape.children.values()))

    def above(self) -> Iterator[Shape]:
        """The shapes of the elements around, from the parent to the root."""
        shape = self.parent
        while shape is not None:
            yield shape
            shape = shape.parent


@dataclass(eq=False)
class AttributeShape:
    """One attribute of one path, under its heading's last segment."""

    segment: str
    count: int = 0
    samples: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Survey:
    """The shape of the root, whether the whole document was looked at, or else how much of it."""

    root: Shape
    complete: bool
    bytes_read: int


def survey(
    document: Document, stop_after: Callable[[Shape], int | None], on_chunk: Callable[[], None]
) -> Survey:
    """Count the elements of ``document``.

    ``stop_after`` says, given the root's shape, after how many bytes enough has been seen; None
    means the whole document. Raises what parsing raises.
    """
    stream = ElementStream(document, None)
    counter = _Counter(document.limits.max_paths)
    for events in stream.batches():
        for kind, element in events:
            if kind == "start":
                counter.start(element)
            else:
                counter.end(element)
        on_chunk()
        if counter.root is None:
            continue
        enough = stop_after(counter.root)
        if enough is not None and stream.bytes_read > enough:
            return Survey(counter.root, complete=False, bytes_read=stream.bytes_read)
    if counter.root is None:  # libxml2 has said so already; this keeps the types honest
        raise FeedMalformed("it has no element")
    return Survey(counter.root, complete=True, bytes_read=stream.bytes_read)


class _Counter:
    def __init__(self, most_paths: int) -> None:
        self.root: Shape | None = None
        self._most_paths = most_paths
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
            _sample(attribute.samples, value)
        self._open.append((shape, {}))

    def end(self, element: etree._Element) -> None:
        shape, inside = self._open.pop()
        for child, count in inside.items():
            child.parents_with += 1
            child.most_in_parent = max(child.most_in_parent, count)
        if shape.texts < _TEXTS:
            self._text(element, shape)

    def _text(self, element: etree._Element, shape: Shape) -> None:
        children = list(element)
        if children and not holds_text(element, children):
            return
        text = full_text(element)
        if text or (not children and not element.attrib):
            shape.texts += 1
            _sample(shape.samples, text)

    def _shape(self, key: tuple[str, str | None], parent: Shape | None) -> Shape:
        self._count_path()
        tag, prefix = key
        namespace = tag[1:].partition("}")[0] if tag.startswith("{") else None
        return Shape(written_name(tag, prefix), namespace, parent)

    def _count_path(self) -> None:
        self._paths += 1
        if self._paths > self._most_paths:
            raise LimitExceeded(
                "The feed has too many different element and attribute paths",
                f"{self._most_paths} paths",
            )


def _sample(samples: list[str], value: str) -> None:
    text = value.strip(BLANK)
    if text and len(samples) < _SAMPLES and text[:_SAMPLE_LENGTH] not in samples:
        samples.append(text[:_SAMPLE_LENGTH])
