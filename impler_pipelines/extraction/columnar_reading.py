"""Reads the mapped columns of a document by its bytes, block by block, while libxml2 checks it.

What this reading does not take is ``Unusual``: names by the thousand or of a hundred bytes, records
of many megabytes, prefixes declared inside where a mapping depends on them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from impler_pipelines.extraction.columns import ColumnReader
from impler_pipelines.extraction.document import Document
from impler_pipelines.extraction.element_paths import ElementPaths
from impler_pipelines.extraction.matching import NameMatcher
from impler_pipelines.extraction.name_table import NameTable, Unusual
from impler_pipelines.extraction.parsing import CheckedChunks
from impler_pipelines.extraction.paths import Segments
from impler_pipelines.extraction.record_blocks import BLOCK_BYTES, record_blocks
from impler_pipelines.extraction.wanted import Wanted
from impler_pipelines.extraction.wanted_paths import WantedPaths
from impler_pipelines.model import Repeated


class ColumnarReading:
    """One reading. ``parent_seen`` and ``warnings`` are right after it."""

    def __init__(
        self,
        document: Document,
        record_path: Segments,
        wanted: Wanted,
        repeated: Mapping[int, Repeated],
        matcher: NameMatcher,
        block_bytes: int = BLOCK_BYTES,
    ) -> None:
        self._paths = WantedPaths(record_path, wanted, matcher)
        self._chunks = CheckedChunks(document)
        self._names = NameTable(document.limits.max_paths)
        self._reader = ColumnReader(self._paths, self._names, repeated)
        self._block_bytes = block_bytes
        self.parent_seen = False

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was recovered while parsing."""
        return self._chunks.warnings

    def blocks(self) -> Iterator[tuple[int, dict[int, pa.Array]]]:
        """Numbers of records and their columns. Raises what parsing raises, and ``Unusual``."""
        paths = ElementPaths(self._names, self._paths.child)
        record, names = self._paths.record, self._names
        declarations = 0
        for block in record_blocks(
            self._chunks, names, paths, record, self._paths.begin, self._block_bytes
        ):
            declarations += block.index.padded.count(b"xmlns")
            if declarations > self._paths.root_declarations and self._paths.by_namespace:
                raise Unusual("prefixes that are declared inside")
            self.parent_seen = self.parent_seen or bool(np.any(block.paths == self._paths.parent))
            yield len(block.first_tags), self._reader.read(block)
