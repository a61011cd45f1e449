"""Finds the elements at one record path. Namesakes elsewhere in the document are left out."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from impler_pipelines.extraction.document import Document
from impler_pipelines.extraction.matching import NameMatcher
from impler_pipelines.extraction.parsing import ElementStream
from impler_pipelines.extraction.paths import Segments


class RecordElements:
    """The records of one reading. ``parent_seen``: the element around the records was there."""

    def __init__(self, document: Document, path: Segments, matcher: NameMatcher) -> None:
        self.parent_seen = False
        self._matcher = matcher
        self._path = path
        self._parent_path = path[:-1]
        self._container: etree._Element | None = None
        self.stream = ElementStream(document, [path], also=[path[:-1]] if path[:-1] else [])

    def batches(self) -> Iterator[list[etree._Element]]:
        """Lists of complete records; they are gone when the next list is asked for."""
        for events in self.stream.batches():
            if not self.parent_seen and self._parent_path:
                self.parent_seen = any(self._matcher.is_at(e, self._parent_path) for _, e in events)
            records = [el for kind, el in events if kind == "end" and self._is_record(el)]
            if records:
                yield records
            self._container = None  # it must not outlive what the stream drops

    def _is_record(self, element: etree._Element) -> bool:
        parent = element.getparent()
        if parent is None or parent is not self._container:
            if not self._matcher.is_at(element, self._path):
                return False
            self._container = parent
            return True
        return self._matcher.is_named(element, self._path[-1])
