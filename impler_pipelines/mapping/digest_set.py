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
        self._stored: Digests = np.zeros((slots, 2), dtype=np.uint64)

    @property
    def room(self) -> int:
        """How many digests it may still take."""
        return int(_FULL * self.slots) - self.count

    def contains(self, digests: Digests) -> npt.NDArray[np.bool_]:
        """Which of the digests are in the table."""
        found = np.zeros(len(digests), dtype=bool)
        pending = np.arange(len(digests))
        at = self._home(digests)
        while len(pending):
            stored = self._stored[at[pending]]
            same = (stored == digests[pending]).all(axis=1)
            found[pending[same]] = True
            pending = pending[~same & stored.any(axis=1)]
            at[pending] = self._next(at[pending])
        return found

    def add(self, digests: Digests) -> None:
        """Add digests that there is room for."""
        self.count += len(digests)
        pending = np.arange(len(digests))
        at = self._home(digests)
        while len(pending):
            empty = ~self._stored[at[pending]].any(axis=1)
            hopeful = pending[empty]
            self._stored[at[hopeful]] = digests[hopeful]
            # where several aimed at one slot, the last one written has it
            lost = (self._stored[at[hopeful]] != digests[hopeful]).any(axis=1)
            pending = np.concatenate([pending[~empty], hopeful[lost]])
            at[pending] = self._next(at[pending])

    def _home(self, digests: Digests) -> npt.NDArray[np.int64]:
        return (digests[:, 0] & np.uint64(self.slots - 1)).astype(np.int64)

    def _next(self, at: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return (at + 1) & (self.slots - 1)
