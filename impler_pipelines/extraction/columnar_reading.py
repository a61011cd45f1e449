"""Reads a document by its bytes, block by block, while libxml2 checks it. It takes no value.

What this reading does not take is ``Unusual``: names by the thousand or of a hundred bytes, records
of many megabytes, prefixes declared inside where a mapping depends on them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from impler_pipelines.extraction.document import Document
from impler_pipelines.extraction.element_paths import Child, ElementPaths
from impler_pipelines.extraction.name_table import NameTable
from impler_pipelines.extraction.parsing import CheckedChunks
from impler_pipelines.extraction.record_blocks import BLOCK_BYTES, RecordBlock, record_blocks
from impler_pipelines.extraction.unusual import Unusual
from impler_pipelines.extraction.wanted_paths import WantedPaths


class ColumnarReading:
    """One reading. ``child`` numbers paths, those of ``paths`` up to the records as they do.

    ``names`` are those of the blocks so far; ``parent_seen`` and ``warnings`` are right at the end.
    """

    def __init__(
        self, document: Document, paths: WantedPaths, child: Child, block_bytes: int = BLOCK_BYTES
    ) -> None:
        self._chunks = CheckedChunks(document)
        self._limits = document.limits
        self._paths = paths
        self._child = child
        self._block_bytes = block_bytes
        self.names = NameTable(document.limits.max_paths)
        self.parent_seen = False

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was recovered while parsing."""
        return self._chunks.warnings

    def blocks(self) -> Iterator[RecordBlock]:
        """The document in blocks of whole records. Raises what parsing raises, and ``Unusual``."""
        names, paths = self.names, self._paths
        numbers = ElementPaths(names, self._child)
        declarations = 0
        for block in record_blocks(
            self._chunks, names, numbers, paths.record, paths.begin, self._block_bytes
        ):
            declarations += block.index.padded.count(b"xmlns")
            if declarations > paths.root_declarations and paths.by_namespace:
                raise Unusual("prefixes that are declared inside")
            self.parent_seen = self.parent_seen or bool(np.any(block.paths == paths.parent))
            self._check(block)
            yield block

    def _check(self, block: RecordBlock) -> None:
        index = block.index
        if index.level.max(initial=0) > self._limits.max_depth:
            raise self._limits.exceeded("max_depth")
        sizes = index.ends[block.last_tags] - index.begins[block.first_tags]
        if sizes.max(initial=0) > self._limits.max_record_bytes:
            raise self._limits.exceeded("max_record_bytes")
        tags = block.last_tags - block.first_tags
        if tags.max(initial=0) > 2 * self._limits.max_record_elements:
            raise self._limits.exceeded("max_record_elements")
