"""Finds attributes of tags by a block's bytes, thousands at a time. Like ``tag_index``.

Where a tag has double quotation marks only, every second one opens a value, and the name stands
right before it. Tags that are written otherwise are read one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from impler_pipelines.extraction.name_table import NameTable
from impler_pipelines.extraction.stretches import Flags, Numbers, Positions, after_blank, is_blank
from impler_pipelines.extraction.tag_index import TagIndex
from impler_pipelines.extraction.tag_text import ATTRIBUTE, declares_namespace


@dataclass(frozen=True)
class AttributeIndex:
    """Attributes in order: the tag that each stands in, its name, where its value begins and ends.

    Namespace declarations are none.
    """

    owners: Positions
    names: Numbers
    starts: Positions
    stops: Positions


def index_attributes(index: TagIndex, tags: Positions, table: NameTable) -> AttributeIndex:
    """The attributes of ``tags``, positions in ``index`` in order. Raises ``Unusual``."""
    tags = tags[index.name_ends[tags] < index.ends[tags] - 1]
    regular, oddly = _regular(index, tags)
    odd = _read_one_by_one(index, tags[oddly])
    owners, begins, starts, stops = np.concatenate([regular, odd], axis=1)
    order = np.argsort(starts)
    names, _ = table.numbers_at(index.padded, begins[order])
    declaring = [n for n, name in enumerate(table.names) if declares_namespace(name)]
    kept = order[~np.isin(names, declaring)]
    names = names[~np.isin(names, declaring)]
    return AttributeIndex(owners[kept], names, starts[kept], stops[kept])


def _regular(index: TagIndex, tags: Positions) -> tuple[NDArray[np.intp], Flags]:
    """Owner, name's begin, value's begin and end of all attributes of tags with double quotes only,
    in rows; and which of ``tags`` are not of that kind."""
    at = index.bytes
    double, single = index.quotes
    first = np.searchsorted(double, index.begins[tags])
    count = np.searchsorted(double, index.ends[tags]) - first
    singles = np.searchsorted(single, index.ends[tags]) - np.searchsorted(
        single, index.begins[tags]
    )
    oddly = (singles > 0) | (count % 2 > 0)
    count[oddly] = 0
    pairs = count // 2
    owner_numbers = np.repeat(np.arange(len(tags)), pairs)
    nth = np.arange(len(owner_numbers)) - np.repeat(np.cumsum(pairs) - pairs, pairs)
    opening = first[owner_numbers] + 2 * nth
    starts, stops = double[opening] + 1, double[opening + 1]
    before = index.name_ends[tags[owner_numbers]]
    after_another = np.flatnonzero(nth > 0)
    before[after_another] = stops[after_another - 1] + 1
    begins = after_blank(at, before)
    irregular = at[starts - 2] != ord("=")
    irregular |= is_blank(at[starts - 3])
    oddly[owner_numbers[irregular]] = True
    kept = ~oddly[owner_numbers]
    found = np.stack([tags[owner_numbers], begins, starts, stops])
    return found[:, kept], oddly


def _read_one_by_one(index: TagIndex, tags: Positions) -> NDArray[np.intp]:
    found: list[tuple[int, int, int, int]] = []
    for tag in tags.tolist():
        inside = int(index.name_ends[tag]), int(index.ends[tag])
        for match in ATTRIBUTE.finditer(index.padded, *inside):
            group = "double" if match["double"] is not None else "single"
            found.append((tag, match.start("name"), *match.span(group)))
    return np.array(found, np.intp).reshape(-1, 4).T
