"""Numbers mapped paths for the columnar reading: which names lead to what. It reads no document."""

from __future__ import annotations

from impler_pipelines.extraction.element_paths import DOCUMENT, NOWHERE
from impler_pipelines.extraction.matching import NameMatcher
from impler_pipelines.extraction.names import local_name
from impler_pipelines.extraction.paths import Segments
from impler_pipelines.extraction.tag_text import attributes_in, declares_namespace
from impler_pipelines.extraction.wanted import Wanted


class WantedPaths:
    """The path to the records and the mapped ones below, each with a number.

    Prefixes are taken as the root element declares them, in ``root_declarations`` places.
    ``by_namespace``: some name is not the one of a heading as written but may mean the same, so a
    declaration further inside counts, too.
    """

    def __init__(
        self,
        record_path: Segments,
        record: Wanted,
        matcher: NameMatcher,
    ) -> None:
        self._matcher = matcher
        self._declared: dict[str | None, str] = {}
        self._root_tag = ""
        self.root_declarations = 0
        self.by_namespace = False
        self.nodes = [Wanted(), *(Wanted() for _ in record_path[1:]), record]
        for outer, inner, segment in zip(self.nodes, self.nodes[1:], record_path, strict=False):
            outer.segments[segment] = inner
        self.record = len(record_path)
        self.parent = self.record - 1
        self.nodes += [node for node in record.walk() if node is not record]
        self._numbers = {id(node): number for number, node in enumerate(self.nodes)}

    def begin(self, root: bytes) -> None:
        """Take the declarations of ``root``, the start tag of the root element."""
        self.root_declarations = root.count(b"xmlns")
        for name, uri in attributes_in(root):
            if declares_namespace(name):
                self._declared[name.partition(":")[2] or None] = uri

    def child(self, number: int, name: str) -> int:
        """The number of elements called ``name`` inside those of ``number``."""
        if number == DOCUMENT:
            self._root_tag = self._tag(name)
        segments = self.nodes[number].segments
        if name not in segments:
            name = next((segment for segment in segments if self.means(segment, name)), "")
        return self._numbers[id(segments[name])] if name else NOWHERE

    def means(self, segment: str, name: str) -> bool:
        """Whether ``segment`` stands for ``name``, which is written otherwise."""
        if local_name(name) != local_name(segment):
            return False
        self.by_namespace = True
        return self._matcher.fits(self._tag(name), segment, self._declared, self._root_tag)

    def _tag(self, name: str) -> str:
        """``name`` in Clark notation; as it is if its prefix is not declared."""
        prefix, _, local = name.rpartition(":")
        uri = self._declared.get(prefix or None)
        return name if uri is None else f"{{{uri}}}{local}"
