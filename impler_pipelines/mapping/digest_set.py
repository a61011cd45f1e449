"""Owns a set of 128-bit digests in 23 to 46 bytes each; it never forgets one.

Hash tables with open addressing, probed for a whole batch at a time: a Python set of the same
digests takes several times the memory, and a feed of 1 GB has a million of them. A table that is
full stays as it is and is followed by one of twice the size: nothing is ever in memory twice.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from impler_pipelines.mapping.row_keys import Digests

_FIRST_SLOTS = 2**14
_FULL = 0.7


class DigestSet:
    """Digests are rows of an array of shape (n, 2); all zeros, an empty slot, never comes up."""

    def __init__(self, first_slots: int = _FIRST_SLOTS) -> None:
        self._tables = [_Table(first_slots)]

    def __len__(self) -> int:
        return sum(table.count for table in self._tables)

    def contains(self, digests: Digests) -> npt.NDArray[np.bool_]:
        """Which of the digests are in the set."""
        found = np.zeros(len(digests), dtype=bool)
        for table in self._tables:
            found |= table.contains(digests)
        return found

    def add(self, digests: Digests) -> None:
        """Add digests that are distinct and not yet in the set."""
        while len(digests):
            room = self._tables[-1].room
            self._tables[-1].add(digests[:room])
            digests = digests[room:]
            if len(digests):
                self._tables.append(_Table(2 * self._tables[-1].slots))


class _Table:
    """One hash table of a fixed number of slots, a power of two."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.count = 0
        # A digest's two words apart: a whole batch is compared a word at a time.
        self._first = np.zeros(slots, dtype=np.uint64)
        self._second = np.zeros(slots, dtype=np.uint64)

    @property
    def room(self) -> int:
        """How many digests it may still take."""
        return int(_FULL * self.slots) - self.count

    def contains(self, digests: Digests) -> npt.NDArray[np.bool_]:
        """Which of the digests are in the table."""
        first, second = digests[:, 0], digests[:, 1]
        found = np.zeros(len(digests), dtype=bool)
        pending = np.arange(len(digests))
        at = self._home(first)
        while len(pending):
            one, two = self._first[at], self._second[at]
            same = (one == first[pending]) & (two == second[pending])
            found[pending[same]] = True
            going_on = ~same & ((one != 0) | (two != 0))
            pending, at = pending[going_on], self._next(at[going_on])
        return found

    def add(self, digests: Digests) -> None:
        """Add digests that there is room for."""
        first, second = digests[:, 0], digests[:, 1]
        self.count += len(digests)
        pending = np.arange(len(digests))
        at = self._home(first)
        while len(pending):
            empty = (self._first[at] == 0) & (self._second[at] == 0)
            hopeful, slots = pending[empty], at[empty]
            self._first[slots] = first[hopeful]
            self._second[slots] = second[hopeful]
            # where several aimed at one slot, the last one written has it
            lost = (self._first[slots] != first[hopeful]) | (self._second[slots] != second[hopeful])
            pending = np.concatenate([pending[~empty], hopeful[lost]])
            at = self._next(np.concatenate([at[~empty], slots[lost]]))

    def _home(self, first: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        return (first & np.uint64(self.slots - 1)).astype(np.int64)

    def _next(self, at: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return (at + 1) & (self.slots - 1)
