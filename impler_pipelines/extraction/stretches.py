"""Places in a block's bytes, thousands at a time: the array types, and what stands at them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.intp]
Numbers = NDArray[np.int32]
Flags = NDArray[np.bool_]
Bytes = NDArray[np.uint8]


def is_blank(characters: Bytes) -> Flags:
    """Which of ``characters`` are white space; XML has none of vertical tab and form feed."""
    blank: Flags = (characters == ord(" ")) | (
        (characters >= ord("\t")) & (characters <= ord("\r"))
    )
    return blank


def after_blank(at: Bytes, positions: Positions) -> Positions:
    """The first place from each of ``positions`` on where no white space stands."""
    found = positions.copy()
    blank = np.flatnonzero(is_blank(at[found]))
    while len(blank):
        found[blank] += 1
        blank = blank[is_blank(at[found[blank]])]
    return found


def holding(characters: Positions, starts: Positions, stops: Positions) -> Flags:
    """Which of the stretches from ``starts`` to ``stops`` hold one of ``characters``."""
    found: Flags = np.searchsorted(characters, stops) > np.searchsorted(characters, starts)
    return found
