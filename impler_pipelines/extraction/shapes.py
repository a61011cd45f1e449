"""What a document looks like: how often its elements stand at which path. It counts nothing."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field

from impler_pipelines.extraction.paths import join_path
from impler_pipelines.extraction.values import BLANK

_SAMPLES = 3
_SAMPLE_LENGTH = 500
TEXTS = 50  # texts looked at per path: enough to know that it holds some, and for samples


@dataclass(eq=False)
class Shape:
    """All elements of one path. ``texts`` counts those with a value of their own (to 50)."""

    name: str
    namespace: str | None
    parent: Shape | None
    count: int = 0
    most_in_parent: int = 0
    texts: int = 0
    samples: list[str] = field(default_factory=list)
    children: dict[Hashable, Shape] = field(default_factory=dict)
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


def add_sample(samples: list[str], value: str) -> None:
    """Keep ``value`` among ``samples`` if it is new, and there are too few."""
    text = value.strip(BLANK)
    if text and len(samples) < _SAMPLES and text[:_SAMPLE_LENGTH] not in samples:
        samples.append(text[:_SAMPLE_LENGTH])
