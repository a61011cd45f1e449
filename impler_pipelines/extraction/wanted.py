"""Mapped paths as a tree of the elements that lead to values. It reads none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from impler_pipelines.extraction.paths import Segments, is_attribute

Attribute = tuple[str, int]


@dataclass(slots=True, eq=False)
class Wanted:
    """One element that mapped paths lead to or through, and the numbers of their columns."""

    segments: dict[str, Wanted] = field(default_factory=dict)
    attributes: list[Attribute] = field(default_factory=list)
    texts: list[int] = field(default_factory=list)

    def place(self, column: int, path: Segments) -> None:
        """Let ``column`` take its value at ``path`` below this element."""
        node = self
        for segment in path:
            if is_attribute(segment):
                node.attributes.append((segment, column))
                return
            node = node.segments.setdefault(segment, Wanted())
        node.texts.append(column)

    def walk(self) -> Iterator[Wanted]:
        """This element and all below it."""
        yield self
        for inner in self.segments.values():
            yield from inner.walk()


def wanted_below(paths: Mapping[int, Segments]) -> Wanted:
    """The tree of ``paths`` by column's number, which begin below one record."""
    root = Wanted()
    for column, path in paths.items():
        root.place(column, path)
    return root
