"""Reads the mapped columns of a block of records, as Arrow arrays: one value a record, or null.

A path that a record lacks gives null; nothing is ever taken from another record. An empty value
counts only where no other of its path holds text. ``rows`` does the same on the parser's tree.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from impler_pipelines.extraction.attribute_index import index_attributes
from impler_pipelines.extraction.block_values import BlockValues, Texts
from impler_pipelines.extraction.name_table import NameTable
from impler_pipelines.extraction.record_blocks import RecordBlock
from impler_pipelines.extraction.rows import JOINED_BY
from impler_pipelines.extraction.stretches import Positions
from impler_pipelines.extraction.wanted_paths import WantedPaths
from impler_pipelines.model import Repeated


class ColumnReader:
    """Reads blocks. ``repeated`` says for each column what becomes of several values."""

    def __init__(
        self, paths: WantedPaths, names: NameTable, repeated: Mapping[int, Repeated]
    ) -> None:
        self._paths = paths
        self._names = names
        self._repeated = repeated
        self._numbers = [
            number
            for number, node in enumerate(paths.nodes)
            if number >= paths.record and (node.texts or node.attributes)
        ]

    def read(self, block: RecordBlock) -> dict[int, pa.Array]:
        """Column's number → its values, one for each record of ``block``."""
        values = BlockValues(block.index)
        columns: dict[int, pa.Array] = {}
        for number in self._numbers:
            node = self._paths.nodes[number]
            elements = np.flatnonzero(block.paths == number)
            if node.texts:
                texts = values.texts(elements)
                for column in node.texts:
                    columns[column] = self._column(texts, column, elements, block)
            if node.attributes:
                index = index_attributes(block.index, elements, self._names)
                for segment, column in node.attributes:
                    at = np.flatnonzero(np.isin(index.names, self._named(segment[1:])))
                    found = values.attributes(index.starts[at], index.stops[at])
                    texts = Texts(found, np.ones(len(at), np.bool_))
                    columns[column] = self._column(texts, column, index.owners[at], block)
        return columns

    def _column(
        self, texts: Texts, column: int, elements: Positions, block: RecordBlock
    ) -> pa.Array:
        records = np.searchsorted(block.first_tags, elements, "right") - 1
        count = len(block.first_tags)
        how = self._repeated[column]
        if how is Repeated.FIRST:
            chosen = np.full(count, -1)
            # Backwards: where a place is written twice, what is written last stays.
            for which in (texts.present & ~texts.filled, texts.present & texts.filled):
                at = np.flatnonzero(which)[::-1]
                chosen[records[at]] = at
            return texts.texts.take(pa.array(chosen, mask=chosen < 0))
        some = np.zeros(count, np.bool_)
        some[records[texts.present]] = True
        at = np.flatnonzero(texts.present & (texts.filled | (how is Repeated.JSON)))
        offsets = np.searchsorted(records[at], np.arange(count + 1)).astype(np.int32)
        lists = pa.ListArray.from_arrays(pa.array(offsets), texts.texts.take(pa.array(at)))
        if how is Repeated.JOIN:
            return pc.if_else(pa.array(some), pc.binary_join(lists, JOINED_BY), None)
        found = zip(lists.to_pylist(), some.tolist(), strict=True)
        return pa.array(
            [json.dumps(one, ensure_ascii=False) if has else None for one, has in found],
            pa.string(),
        )

    def _named(self, wanted: str) -> list[int]:
        """The numbers of the names that ``wanted`` stands for: itself, or others by namespace."""
        return [
            number
            for number, name in enumerate(self._names.names)
            if name == wanted or (":" in name and ":" in wanted and self._paths.means(wanted, name))
        ]
