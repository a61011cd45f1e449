"""Counts the elements of whole blocks by path, like ``survey`` does in the parser's tree.

Two things are a little less exact than there, in documents of many blocks: namespaces are those
that the root element declares, and text right behind a block's last tag is not seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from impler_pipelines.extraction.attribute_index import index_attributes
from impler_pipelines.extraction.block_values import BlockValues
from impler_pipelines.extraction.element_paths import ElementPaths
from impler_pipelines.extraction.name_table import NameTable
from impler_pipelines.extraction.record_blocks import BLOCK_BYTES, RecordBlock, record_blocks
from impler_pipelines.extraction.shapes import TEXTS, AttributeShape, Shape, add_sample
from impler_pipelines.extraction.stretches import Flags, Positions
from impler_pipelines.extraction.tag_index import TagIndex
from impler_pipelines.extraction.tag_text import attributes_in, declares_namespace
from impler_pipelines.extraction.text_holders import text_holders
from impler_pipelines.extraction.unusual import Unusual
from impler_pipelines.extraction.values import XHTML


class ShapeBlocks:
    """The shape of one document, as far as its blocks have come."""

    def __init__(self, most_paths: int) -> None:
        self._most_paths = most_paths
        self._shapes: list[Shape] = [Shape("", None, None)]  # of what stands around the root
        self._names = NameTable(most_paths)
        self._namespaces: dict[str | None, str] = {}
        # By level: how many elements of each path the open element has had so far.
        self._inside: dict[int, dict[int, int]] = {}
        self._attributes = 0

    def grown(self, chunks: Iterable[bytes], block_bytes: int = BLOCK_BYTES) -> Iterator[Shape]:
        """The root's shape, after each block of a well-formed document. Raises ``Unusual``."""
        paths = ElementPaths(self._names, self._child)
        for block in record_blocks(chunks, self._names, paths, None, self._begin, block_bytes):
            if XHTML.encode() in block.index.padded:
                raise Unusual("XHTML, whose elements are values as a whole")
            if len(block.index.begins):
                self._add(block)
            if len(self._shapes) > 1:
                yield self._shapes[1]

    def _begin(self, root: bytes) -> None:
        self._namespaces = {
            name.partition(":")[2] or None: uri
            for name, uri in attributes_in(root)
            if declares_namespace(name)
        }

    def _child(self, number: int, name: str) -> int:
        self._count_path()
        parent = self._shapes[number]
        namespace = self._namespaces.get(name.rpartition(":")[0] or None)
        shape = Shape(name, namespace, parent if number else None)
        parent.children[name] = shape
        self._shapes.append(shape)
        return len(self._shapes) - 1

    def _count_path(self) -> None:
        if len(self._shapes) + self._attributes > self._most_paths:
            raise Unusual("very many paths")

    def _add(self, block: RecordBlock) -> None:
        index, numbers = block.index, block.paths
        tags = np.flatnonzero(~index.closing)
        counts = np.bincount(numbers[tags], minlength=len(self._shapes))
        for number in np.flatnonzero(counts).tolist():
            self._shapes[number].count += int(counts[number])
        self._count_siblings(block, tags)
        values = BlockValues(index)
        owners = self._add_attributes(block, values, tags)
        between = np.ones(len(index.begins), np.bool_)
        between[-1] = False
        holders = text_holders(index, values, tags, ~np.isin(tags, owners), between)
        whole = holders[_closed(index, holders)]
        for number in np.unique(numbers[holders]).tolist():
            shape = self._shapes[number]
            wanted = TEXTS - shape.texts
            shape.texts += min(wanted, int(np.count_nonzero(numbers[holders] == number)))
            if wanted:
                texts = values.texts(whole[numbers[whole] == number][:wanted]).texts
                for text in texts.to_pylist():
                    add_sample(shape.samples, text)

    def _count_siblings(self, block: RecordBlock, tags: Positions) -> None:
        """Note how many of one path the fullest of their parents holds."""
        index, numbers, shapes = block.index, block.paths, len(self._shapes)
        last = len(index.begins) - 1
        depth = int(index.level[last]) - int(index.closing[last] or index.empty[last])
        most = np.array([shape.most_in_parent for shape in self._shapes])
        before, self._inside = self._inside, {}
        above: Positions = tags[index.level[tags] == 1]
        for level in range(2, max(int(index.level.max()), *before, 0) + 1):
            here = tags[index.level[tags] == level]
            parents = np.searchsorted(above, here)  # 0 for the one that was open before the block
            pairs, times = np.unique(parents * shapes + numbers[here], return_counts=True)
            np.maximum.at(most, pairs % shapes, times)
            for open_one in {0, len(above)}:
                own = pairs // shapes == open_one
                found = dict(zip((pairs[own] % shapes).tolist(), times[own].tolist(), strict=True))
                if open_one == 0:
                    for number, count in before.get(level, {}).items():
                        found[number] = found.get(number, 0) + count
                        most[number] = max(most[number], found[number])
                if open_one == len(above) and depth >= level - 1:
                    self._inside[level] = found
            above = here
        for shape, count in zip(self._shapes, most.tolist(), strict=True):
            shape.most_in_parent = count

    def _add_attributes(
        self, block: RecordBlock, values: BlockValues, tags: Positions
    ) -> Positions:
        """Count the attributes; return the tags that have some."""
        found = index_attributes(block.index, tags, self._names)
        pairs = block.paths[found.owners].astype(np.intp) << 32 | found.names
        each, first, counts = np.unique(pairs, return_index=True, return_counts=True)
        for one in np.argsort(first).tolist():
            number, name = int(each[one]) >> 32, self._names.names[int(each[one]) & 0xFFFFFFFF]
            shape = self._shapes[number]
            if name not in shape.attributes:
                self._attributes += 1
                self._count_path()
                shape.attributes[name] = AttributeShape(f"@{name}")
            attribute = shape.attributes[name]
            wanted = TEXTS - attribute.count
            if wanted > 0:
                at = np.flatnonzero(pairs == each[one])[:wanted]
                for text in values.attributes(found.starts[at], found.stops[at]).to_pylist():
                    add_sample(attribute.samples, text)
            attribute.count += int(counts[one])
        return found.owners


def _closed(index: TagIndex, tags: Positions) -> Flags:
    """Which of ``tags`` begin an element that ends in the block."""
    last = np.full(int(index.level.max()) + 1, -1)
    closing = np.flatnonzero(index.closing)
    last[index.level[closing]] = closing  # where a level comes twice, the last one stays
    closed: Flags = index.empty[tags] | (last[index.level[tags]] > tags)
    return closed
