"""Finds the elements of a block that hold a text, as ``values`` says. It reads none."""

from __future__ import annotations

import numpy as np

from impler_pipelines.extraction.block_values import BlockValues
from impler_pipelines.extraction.stretches import Flags, Positions
from impler_pipelines.extraction.tag_index import TagIndex


def text_holders(
    index: TagIndex, values: BlockValues, tags: Positions, bare: Flags, between: Flags
) -> Positions:
    """Those of ``tags`` whose elements hold a text: leaves, and elements of mixed content.

    ``bare`` are those of ``tags`` that hold even an empty text. ``between`` are the tags of the
    block after which text of the elements may stand. All leaves must be whole in the block.
    """
    filled = ~index.empty[tags]
    following = tags + filled
    leaf = ~filled | index.closing[following]
    starts = index.ends[tags] + 1
    stops = np.where(filled, index.begins[following], starts)
    leaves = np.flatnonzero(leaf)
    holds = values.filled(starts[leaves], stops[leaves]) | bare[leaves]
    others = between.copy()
    others[tags[leaf & filled]] = False
    return np.union1d(tags[leaves[holds]], _mixed(index, values, np.flatnonzero(others)))


def _mixed(index: TagIndex, values: BlockValues, before: Positions) -> Positions:
    """The elements around the texts that follow the tags ``before``, where there is such a text."""
    before = before[values.filled(index.ends[before] + 1, index.begins[before + 1])]
    opening = ~(index.closing[before] | index.empty[before])
    found = [before[opening]]
    beside = before[~opening]
    for level in np.unique(index.level[beside]).tolist():
        parents = np.flatnonzero((index.level == level - 1) & ~index.closing & ~index.empty)
        at = np.searchsorted(parents, beside[index.level[beside] == level]) - 1
        found.append(parents[at[at >= 0]])
    return np.unique(np.concatenate(found))
