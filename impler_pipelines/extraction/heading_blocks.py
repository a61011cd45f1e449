"""Counts the headings of whole blocks of records. What holds a value, ``values`` says."""

from __future__ import annotations

import numpy as np

from impler_pipelines.extraction.attribute_index import AttributeIndex, index_attributes
from impler_pipelines.extraction.block_values import BlockValues
from impler_pipelines.extraction.heading_paths import HeadingPaths
from impler_pipelines.extraction.heading_tally import HeadingTally
from impler_pipelines.extraction.name_table import NameTable, SortedNumbers
from impler_pipelines.extraction.record_blocks import RecordBlock
from impler_pipelines.extraction.stretches import Flags, Numbers, Positions
from impler_pipelines.extraction.text_holders import text_holders
from impler_pipelines.extraction.unusual import Unusual
from impler_pipelines.extraction.values import XHTML


class HeadingBlocks:
    """Adds blocks to ``tally``. ``names`` are those of the reading that cuts them."""

    def __init__(self, paths: HeadingPaths, names: NameTable, tally: HeadingTally) -> None:
        self._paths = paths
        self._names = names
        self._tally = tally
        self._numbers = SortedNumbers()

    def add(self, block: RecordBlock) -> None:
        """Count the records of ``block``. Raises ``Unusual``."""
        self._tally.records += len(block.first_tags)
        if not len(block.first_tags):
            return
        if XHTML.encode() in block.index.padded:
            raise Unusual("XHTML, whose elements are values as a whole")
        tags = np.flatnonzero(block.paths >= self._paths.around.record)
        attributes = index_attributes(block.index, tags, self._names)
        values = BlockValues(block.index)
        bare = ~np.isin(tags, attributes.owners) & ~np.isin(tags, block.first_tags)
        texts = text_holders(block.index, values, tags, bare, _inside_records(block))
        holders = np.concatenate([texts, attributes.owners])
        headings = np.concatenate([block.paths[texts], self._headings(block, attributes)])
        places = np.concatenate([block.index.ends[texts], attributes.starts])
        records = np.searchsorted(block.first_tags, holders, "right") - 1

        def read(which: Positions) -> list[str]:
            if which[0] < len(texts):
                found = values.texts(texts[which]).texts
            else:
                at = which - len(texts)
                found = values.attributes(attributes.starts[at], attributes.stops[at])
            return list(found.to_pylist())

        order = np.argsort(places)
        _, first = np.unique(headings[order], return_index=True)
        having, repeated = _counted(headings, records, len(block.first_tags))
        for number in headings[order[np.sort(first)]].tolist():
            heading = self._paths.headings[number]
            wanted = self._tally.wants_samples(heading)
            if wanted:
                which = np.flatnonzero(headings == number)
                steps = np.diff(records[which], prepend=records[which[0]]) > 0
                self._tally.sample(heading, read(which[np.cumsum(steps) < wanted]))
            self._tally.count(heading, having[number], repeated=number in repeated)

    def _headings(self, block: RecordBlock, attributes: AttributeIndex) -> Numbers:
        """The heading of each of ``attributes``."""
        owners = block.paths[attributes.owners].astype(np.uint64)
        keys = owners << np.uint64(32) | attributes.names.astype(np.uint64)
        numbers, unknown = self._numbers.find(keys)
        if unknown.any():
            new = np.unique(keys[unknown]).tolist()
            names = [(key >> 32, self._names.names[key & 0xFFFFFFFF]) for key in new]
            self._numbers.add(new, [self._paths.attribute(owner, name) for owner, name in names])
            numbers, _ = self._numbers.find(keys)
        return numbers


def _counted(headings: Numbers, records: Positions, count: int) -> tuple[dict[int, int], set[int]]:
    """In how many of ``count`` records each heading is found, and which come twice in one."""
    pairs, times = np.unique(headings.astype(np.intp) * count + records, return_counts=True)
    numbers, having = np.unique(pairs // count, return_counts=True)
    repeated = set((pairs[times > 1] // count).tolist())
    return dict(zip(numbers.tolist(), having.tolist(), strict=True)), repeated


def _inside_records(block: RecordBlock) -> Flags:
    """Which tags of ``block`` something of a record follows."""
    steps = np.zeros(len(block.index.begins), np.intp)
    steps[block.first_tags] += 1
    steps[block.last_tags] -= 1
    return np.cumsum(steps) > 0
