"""Numbers names that stand in a block of bytes, thousands at a time. It knows no grammar.

A name is read eight bytes at a time as one integer. Up to eight bytes are the name itself; longer
ones are mixed into one number, and every occurrence is compared with the name that it stands for:
two names that mix alike make the block ``Unusual``, never one name of two.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from impler_pipelines.extraction.stretches import Flags, Numbers, Positions
from impler_pipelines.extraction.unusual import Unusual

Words = NDArray[np.uint64]

PADDING = 128  # bytes that must follow the last position that is asked for
_MOST_WORDS = 12
_LOW, _HIGH = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
_ONE, _SEVEN = np.uint64(1), np.uint64(7)
_MIX = np.uint64(0x9E3779B97F4A7C15)
_ENDS = tuple(np.uint64(ord(c) * 0x0101010101010101) for c in " \t\r\n/>=")


class SortedNumbers:
    """Keys → small numbers, looked up by bisection for whole arrays."""

    def __init__(self) -> None:
        self._keys = np.empty(0, np.uint64)
        self._numbers = np.empty(0, np.int32)

    def find(self, keys: Words) -> tuple[Numbers, Flags]:
        """The number of each key, and which of them are unknown."""
        if not len(self._keys):
            return np.zeros(len(keys), np.int32), np.ones(len(keys), np.bool_)
        at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return self._numbers[at], self._keys[at] != keys

    def add(self, keys: list[int], numbers: list[int]) -> None:
        """Give ``numbers`` to new ``keys``."""
        every = np.concatenate([self._keys, np.array(keys, np.uint64)])
        order = np.argsort(every)
        self._keys = every[order]
        self._numbers = np.concatenate([self._numbers, np.array(numbers, np.int32)])[order]


class NameTable:
    """All names seen so far, by number."""

    def __init__(self, most: int) -> None:
        self.names: list[str] = []
        self._most = most
        self._numbers = SortedNumbers()
        self._words = np.empty((0, _MOST_WORDS), np.uint64)

    def numbers_at(self, padded: bytes, starts: Positions) -> tuple[Numbers, Positions]:
        """The number of the name that begins at each of ``starts``, and where it ends.

        A name ends before white space, ``/``, ``>`` or ``=``. Raises ``Unusual`` for very long
        names, and when there are too many.
        """
        windows: Words = np.ndarray((len(padded) - 7,), "<u8", padded, 0, (1,))
        first, lengths = _cut(windows[starts])
        keys = first
        longer = np.flatnonzero(lengths == 8)
        pieces: list[tuple[Positions, Words]] = [(longer, first[longer])]
        if len(longer):
            keys = first.copy()
        while len(longer):
            if len(pieces) == _MOST_WORDS:
                raise Unusual("a very long name")
            word, more = _cut(windows[starts[longer] + 8 * len(pieces)])
            keys[longer] = (keys[longer] ^ _MIX) * _MIX + word
            lengths[longer] += more
            pieces.append((longer, word))
            longer = longer[more == 8]
        numbers = self._known(padded, starts, keys, lengths)
        for word_number, (which, word) in enumerate(pieces):
            if (self._words[numbers[which], word_number] != word).any():
                raise Unusual("two names that mix alike")
        return numbers, starts + lengths

    def _known(self, padded: bytes, starts: Positions, keys: Words, lengths: Positions) -> Numbers:
        numbers, unknown = self._numbers.find(keys)
        if unknown.any():
            new, at = np.unique(keys[unknown], return_index=True)
            at = np.flatnonzero(unknown)[at]
            self._add(
                new, [padded[s : s + n] for s, n in zip(starts[at], lengths[at], strict=True)]
            )
            numbers, _ = self._numbers.find(keys)
        return numbers

    def _add(self, keys: Words, names: list[bytes]) -> None:
        if len(self.names) + len(names) > self._most:
            raise Unusual("very many names")
        first = len(self.names)
        self.names += [name.decode() for name in names]
        self._numbers.add(keys.tolist(), list(range(first, len(self.names))))
        words = np.zeros((len(names), _MOST_WORDS), np.uint64)
        for row, name in zip(words, names, strict=True):
            padded = name.ljust(8 * _MOST_WORDS, b"\0")
            row[:] = np.frombuffer(padded, "<u8")
        self._words = np.concatenate([self._words, words])


def _cut(words: Words) -> tuple[Words, Positions]:
    """``words`` without what follows the name's end, and how many bytes of it are left (to 8).

    The lowest marked bit of each comparison is exact: it is the first byte that is equal.
    """
    marks = np.zeros_like(words)
    for end in _ENDS:
        differing = words ^ end
        marks |= (differing - _LOW) & ~differing
    marks &= _HIGH
    below = ((marks & (~marks + _ONE)) >> _SEVEN) - _ONE
    # Without a mark the subtraction wraps around: all eight bytes are the name's.
    return words & below, (np.bitwise_count(below) >> np.uint8(3)).astype(np.intp)
