"""Numbers the path of every element of a block, level by level. What a number means, others say."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from impler_pipelines.extraction.name_table import NameTable, SortedNumbers
from impler_pipelines.extraction.stretches import Numbers, Positions
from impler_pipelines.extraction.tag_index import TagIndex

DOCUMENT = 0  # the number of what stands around the root
NOWHERE = -1  # of elements that nobody asked for; what lies below them is nowhere, too

Child = Callable[[int, str], int]


class ElementPaths:
    """Asks ``child`` for the number of a name below a number, once for each such pair."""

    def __init__(self, names: NameTable, child: Child) -> None:
        self._names = names
        self._child = child
        self._numbers = SortedNumbers()

    def of(self, index: TagIndex, around: Sequence[int]) -> Numbers:
        """A number for every tag of ``index``; ``NOWHERE`` for closing ones.

        ``around`` are the numbers of the elements that are open where the block begins, the root's
        first.
        """
        numbers = np.full(len(index.begins), NOWHERE, np.int32)
        opening = np.flatnonzero(~index.closing)
        levels = index.level[opening]
        above = np.empty(0, np.intp)
        open_ones = (DOCUMENT, *around)
        for level in range(int(levels.min()), int(levels.max()) + 1) if len(levels) else ():
            here = opening[levels == level]
            open_one = open_ones[level - 1] if level <= len(open_ones) else NOWHERE
            parents = _parents(here, above, numbers, open_one)
            wanted = here[parents != NOWHERE]
            if len(wanted):
                numbers[wanted] = self._below(parents[parents != NOWHERE], index.names[wanted])
            above = here
        return numbers

    def _below(self, parents: Numbers, names: Numbers) -> Numbers:
        keys = parents.astype(np.uint64) << np.uint64(32) | names.astype(np.uint64)
        numbers, unknown = self._numbers.find(keys)
        if unknown.any():
            found, first = np.unique(keys[unknown], return_index=True)
            new = found[np.argsort(first)].tolist()  # in order of appearance
            pairs = [(key >> 32, self._names.names[key & 0xFFFFFFFF]) for key in new]
            self._numbers.add(new, [self._child(parent, name) for parent, name in pairs])
            numbers, _ = self._numbers.find(keys)
        return numbers


def _parents(here: Positions, above: Positions, numbers: Numbers, open_one: int) -> Numbers:
    """The number of each one's parent: the last element a level above that begins before it."""
    found = np.searchsorted(above, here) - 1
    if not len(above):
        return np.full(len(here), open_one, np.int32)
    parents = numbers[above[np.maximum(found, 0)]]
    parents[found < 0] = open_one
    return parents


def open_at_end(index: TagIndex, numbers: Numbers, around: Sequence[int]) -> list[int]:
    """The numbers of the elements that are open where ``index`` ends, the root's first."""
    if not len(index.begins):
        return list(around)
    last = len(index.begins) - 1
    depth = int(index.level[last]) - bool(index.closing[last] or index.empty[last])
    found = list(around[:depth])
    for level in range(1, depth + 1):
        here = np.flatnonzero((index.level == level) & ~index.closing)
        if len(here):
            found[level - 1 : level] = [int(numbers[here[-1]])]
    return found
