"""Takes the values of elements and attributes out of a block, as Arrow strings. It picks none.

Values are those of ``values``: references replaced, CDATA opened, comments left out, no white
space around them. Most are a stretch of the block's bytes as it stands, and are copied by Arrow
all at once; only the others are looked at one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from impler_pipelines.extraction.stretches import (
    Flags,
    Positions,
    after_blank,
    holding,
    is_blank,
)
from impler_pipelines.extraction.tag_index import TagIndex
from impler_pipelines.extraction.tag_text import (
    NAMED,
    attribute_value,
    attributes_in,
    declares_namespace,
    decoded,
)
from impler_pipelines.extraction.values import BLANK

_CDATA = b"<![CDATA["


@dataclass(frozen=True)
class Texts:
    """The text of some elements, in their order: where ``present`` is False there is no value."""

    texts: pa.StringArray
    present: Flags

    @cached_property
    def filled(self) -> Flags:
        """Which of them are not empty."""
        lengths: NDArray[np.int32] = pc.binary_length(self.texts).to_numpy(zero_copy_only=False)
        return lengths > 0


class BlockValues:
    """Reads values of one block. Elements are given by the positions of their tags, in order."""

    def __init__(self, index: TagIndex) -> None:
        self._index = index
        self._at = index.bytes

    def texts(self, elements: Positions) -> Texts:
        """The text of each of ``elements``; an empty one beside attributes holds no value."""
        index = self._index
        filled = ~index.empty[elements]
        following = elements + filled
        leaf = ~filled | index.closing[following]
        starts = index.ends[elements] + 1
        stops = np.where(filled, index.begins[following], starts)
        single, literal = self._open_sections(starts, stops)
        odd = np.flatnonzero(~(leaf & single))
        starts[odd] = stops[odd]
        texts = _stretches(index.padded, starts, stops)
        referring = np.flatnonzero(~literal & holding(self._ampersands, starts, stops))
        texts = _replaced(texts, referring, _decoded_all(texts, referring))
        odd_texts = [self._whole_text(int(elements[at])) for at in odd]
        texts = pc.utf8_trim(_replaced(texts, odd, pa.array(odd_texts, pa.string())), BLANK)
        found = Texts(texts, np.ones(len(elements), np.bool_))
        for at in np.flatnonzero(leaf & ~found.filled).tolist():
            found.present[at] = not self._has_attributes(int(elements[at]))
        return found

    def attributes(self, starts: Positions, stops: Positions) -> pa.StringArray:
        """The values of attributes that are written from ``starts`` to ``stops``."""
        texts = _stretches(self._index.padded, starts, stops)
        referring = np.flatnonzero(holding(self._ampersands, starts, stops))
        spaced = np.flatnonzero(holding(self._spaces, starts, stops))
        others = np.union1d(referring, spaced)
        written = texts.take(pa.array(others)).to_pylist() if len(others) else []
        values = pa.array([attribute_value(text) for text in written], pa.string())
        return pc.utf8_trim(_replaced(texts, others, values), BLANK)

    def filled(self, starts: Positions, stops: Positions) -> Flags:
        """Which stretches without tags hold a text that is not blank."""
        at = self._at
        first = after_blank(at, starts)  # what follows a stretch is a tag
        filled: Flags = first < stops
        section = (at[first] == ord("<")) & (at[first + 2] == ord("["))
        sectioned = at[first + len(_CDATA)]
        certain = section & ~is_blank(sectioned) & (sectioned != ord("]"))
        certain |= (at[first] == ord("&")) & (at[first + 1] != ord("#"))
        certain |= (at[first] != ord("<")) & (at[first] != ord("&"))
        for one in np.flatnonzero(filled & ~certain).tolist():
            filled[one] = bool(self._text(int(starts[one]), int(stops[one])).strip(BLANK))
        return filled

    def _open_sections(self, starts: Positions, stops: Positions) -> tuple[Flags, Flags]:
        """Narrow stretches that are one CDATA section to what it holds.

        Which stretches are of one piece, and which of those are to be taken literally.
        """
        begins, ends = self._index.passages
        single = np.ones(len(starts), np.bool_)
        literal = np.zeros(len(starts), np.bool_)
        if not len(begins):
            return single, literal
        first = np.searchsorted(begins, starts)
        inside = np.searchsorted(begins, stops) - first
        single[inside > 0] = False
        one = np.flatnonzero(inside == 1)
        passage = first[one]
        is_section = (
            (begins[passage] == starts[one])
            & (ends[passage] == stops[one] - 1)
            & (self._at[begins[passage] + 2] == ord("["))
        )
        one, passage = one[is_section], passage[is_section]
        single[one] = literal[one] = True
        starts[one] += len(_CDATA)
        stops[one] -= len("]]>")
        return single, literal

    @cached_property
    def _ampersands(self) -> Positions:
        return np.flatnonzero(self._at == ord("&"))

    @cached_property
    def _spaces(self) -> Positions:
        """White space that is no blank, and becomes one in attributes."""
        return np.flatnonzero((self._at == ord("\n")) | (self._at == ord("\t")))

    def _whole_text(self, element: int) -> str:
        """All text inside ``element``, in document order."""
        index = self._index
        level = index.level[element]
        pieces: list[str] = []
        tag = element
        while not (index.closing[tag] and index.level[tag] == level):
            pieces.append(self._text(int(index.ends[tag]) + 1, int(index.begins[tag + 1])))
            tag += 1
        return "".join(pieces)

    def _text(self, start: int, stop: int) -> str:
        """The text of a stretch without tags."""
        padded = self._index.padded
        begins, ends = self._index.passages
        pieces: list[str] = []
        for passage in range(*np.searchsorted(begins, (start, stop)).tolist()):
            begin, end = int(begins[passage]), int(ends[passage])
            pieces.append(decoded(padded[start:begin].decode()))
            if padded.startswith(_CDATA, begin):
                pieces.append(padded[begin + len(_CDATA) : end - len("]]")].decode())
            start = end + 1
        pieces.append(decoded(padded[start:stop].decode()))
        return "".join(pieces)

    def _has_attributes(self, element: int) -> bool:
        index = self._index
        inside = index.padded[int(index.name_ends[element]) : int(index.ends[element])]
        return any(not declares_namespace(name) for name, _ in attributes_in(inside))


def _stretches(padded: bytes, starts: Positions, stops: Positions) -> pa.StringArray:
    """The stretches of ``padded``, which are in order and apart, as an array of their own."""
    offsets = np.empty(2 * len(starts), np.int32)
    offsets[0::2], offsets[1::2] = starts, stops
    count = max(len(offsets) - 1, 0)
    every = pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(padded))
    return every.take(pa.array(np.arange(0, count, 2)))


def _decoded_all(texts: pa.StringArray, which: Positions) -> pa.StringArray:
    """Those of ``texts`` with their references replaced."""
    if not len(which):
        return texts.slice(0, 0)
    chosen = texts.take(pa.array(which))
    if pc.any(pc.match_substring(chosen, "&#")).as_py():
        return pa.array([decoded(text) for text in chosen.to_pylist()], pa.string())
    for name, character in reversed(NAMED.items()):  # & itself must be the last
        chosen = pc.replace_substring(chosen, f"&{name};", character)
    return chosen


def _replaced(texts: pa.StringArray, which: Positions, others: pa.StringArray) -> pa.StringArray:
    """``texts`` with ``others`` at the places ``which``."""
    if not len(which):
        return texts
    order = np.arange(len(texts))
    order[which] = len(texts) + np.arange(len(which))
    return pa.concat_arrays([texts, others]).take(pa.array(order))
