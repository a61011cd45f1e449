"""Owns a set of 128-bit digests in 23 to 46 bytes each; it never forgets one.

Hash tables with open addressing, each in one array and probed for a whole batch at a time: a
Python set of the same digests takes seven times the memory, and a feed of 1 GB has a million of
them. There are several tables since one that grows is in memory twice.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from impler_pipelines.mapping.row_keys import Digests

_TABLES = 8
_FIRST_SLOTS = 128
_FULL = 0.7
_MOVED_AT_ONCE = 65_536


class DigestSet:
    """Digests are rows of an array of shape (n, 2); all zeros, an empty slot, never comes up."""

    def __init__(self) -> None:
        self._tables = [_Table() for _ in range(_TABLES)]

    def __len__(self) -> int:
        return sum(len(table) for table in self._tables)

    def contains(self, digests: Digests) -> npt.NDArray[np.bool_]:
        """Which of the digests are in the set."""
        found = np.zeros(len(digests), dtype=bool)
        for table, rows in self._shares(digests):
            found[rows] = table.contains(digests[rows])
        return found

    def add(self, digests: Digests) -> None:
        """Add digests that are distinct and not yet in the set."""
        for table, rows in self._shares(digests):
            table.add(digests[rows])

    def _shares(self, digests: Digests) -> Iterator[tuple[_Table, npt.NDArray[np.bool_]]]:
        """Each table with the rows that are its own, by bits that no table looks at."""
        numbers = digests[:, 1] % np.uint64(_TABLES)
        for number, table in enumerate(self._tables):
            yield table, numbers == number


class _Table:
    """One of the hash tables."""

    def __init__(self) -> None:
        self._slots: Digests = np.zeros((_FIRST_SLOTS, 2), dtype=np.uint64)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def contains(self, digests: Digests) -> npt.NDArray[np.bool_]:
        """Which of the digests are in the set."""
        found = np.zeros(len(digests), dtype=bool)
        pending = np.arange(len(digests))
        at = self._home(digests)
        while len(pending):
            stored = self._slots[at[pending]]
            same = (stored == digests[pending]).all(axis=1)
            found[pending[same]] = True
            pending = pending[~same & stored.any(axis=1)]
            at[pending] = self._next(at[pending])
        return found

    def add(self, digests: Digests) -> None:
        """Add digests that are distinct and not yet in the set."""
        self._count += len(digests)
        while self._count > _FULL * len(self._slots):
            self._grow()
        self._place(digests)

    def _place(self, digests: Digests) -> None:
        pending = np.arange(len(digests))
        at = self._home(digests)
        while len(pending):
            empty = ~self._slots[at[pending]].any(axis=1)
            hopeful = pending[empty]
            self._slots[at[hopeful]] = digests[hopeful]
            # where several aimed at one slot, the last one written has it
            lost = (self._slots[at[hopeful]] != digests[hopeful]).any(axis=1)
            pending = np.concatenate([pending[~empty], hopeful[lost]])
            at[pending] = self._next(at[pending])

    def _grow(self) -> None:
        before = self._slots
        self._slots = np.zeros((2 * len(before), 2), dtype=np.uint64)
        for start in range(0, len(before), _MOVED_AT_ONCE):  # in pieces, to copy little at once
            piece = before[start : start + _MOVED_AT_ONCE]
            self._place(piece[piece.any(axis=1)])

    def _home(self, digests: Digests) -> npt.NDArray[np.int64]:
        mask = np.uint64(len(self._slots) - 1)
        return (digests[:, 0] & mask).astype(np.int64)

    def _next(self, at: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return (at + 1) & (len(self._slots) - 1)
