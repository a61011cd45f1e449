"""Finds every tag of a block of well-formed XML by its bytes, thousands at a time.

It believes what it is given: libxml2 has read the same bytes and found them well-formed. That
leaves little to look for (XML 1.0):

* ``<`` begins a tag, a CDATA section, a comment or a processing instruction, and stands nowhere
  else outside the last three;
* a tag ends at its first ``>`` outside a quoted attribute value;
* what is in no tag, comment or instruction is text.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from impler_pipelines.extraction.name_table import PADDING, NameTable
from impler_pipelines.extraction.stretches import Bytes, Flags, Numbers, Positions
from impler_pipelines.extraction.tag_text import START_TAG
from impler_pipelines.extraction.unusual import Unusual

_NEVER = np.iinfo(np.intp).max
_MOST_UNCLOSED = 100_000
_DEEPEST = 2048  # with any setting; what is done level by level would take for ever


@dataclass(frozen=True)
class TagIndex:
    """The tags of one block, in order. Positions count bytes of ``padded``.

    ``begins`` and ``ends`` of a tag are where its ``<`` and its ``>`` stand. ``level`` is that of
    its element, 1 for the root. ``names`` are numbers of a ``NameTable``, -1 for closing tags;
    ``name_ends`` likewise. ``passages`` are CDATA sections, comments and processing instructions:
    where each ``<`` and its ``>`` stand. ``quotes`` are all double and all single quotation marks
    of the block. ``complete`` is how far the block could be read.
    """

    padded: bytes
    begins: Positions
    ends: Positions
    closing: Flags
    empty: Flags
    level: Numbers
    names: Numbers
    name_ends: Positions
    passages: tuple[Positions, Positions]
    quotes: tuple[Positions, Positions]
    complete: int

    @property
    def bytes(self) -> Bytes:
        """The block as numbers."""
        return np.frombuffer(self.padded, np.uint8)

    def until(self, tag: int) -> TagIndex:
        """The same without ``tag`` and all after it."""
        if tag == len(self.begins):
            return self
        end = int(self.begins[tag])
        passages = int(np.searchsorted(self.passages[0], end))
        return TagIndex(
            self.padded,
            self.begins[:tag],
            self.ends[:tag],
            self.closing[:tag],
            self.empty[:tag],
            self.level[:tag],
            self.names[:tag],
            self.name_ends[:tag],
            (self.passages[0][:passages], self.passages[1][:passages]),
            self.quotes,
            end,
        )


def index_tags(block: bytes, depth: int, table: NameTable) -> TagIndex:
    """The tags of ``block``, which begins outside of all tags, inside ``depth`` open elements.

    What the block's end cuts off is left out. Raises ``Unusual``.
    """
    padded = block + bytes(PADDING)
    at = np.frombuffer(padded, np.uint8)
    begins, closers = np.flatnonzero(at == ord("<")), np.flatnonzero(at == ord(">"))
    if len(begins) > 2 * len(closers) + _MOST_UNCLOSED:
        raise Unusual("tags that do not end")
    begins, passages, complete = _without_passages(at, begins, closers, len(block))
    found = np.searchsorted(closers, begins)
    whole = int(np.searchsorted(found, len(closers)))
    if whole < len(begins):
        complete, begins, found = int(begins[whole]), begins[:whole], found[:whole]
    ends = closers[found]
    closing = at[begins + 1] == ord("/")
    opening = np.flatnonzero(~closing)
    names = np.full(len(begins), -1, np.int32)
    name_ends = np.full(len(begins), -1, np.intp)
    names[opening], name_ends[opening] = table.numbers_at(padded, begins[opening] + 1)
    quotes = np.flatnonzero(at == ord('"')), np.flatnonzero(at == ord("'"))
    attributed = opening[name_ends[opening] < ends[opening] - 1]
    whole = _mend_quoted(padded, quotes, attributed, begins, ends)
    if whole < len(begins):
        complete = int(begins[whole])
    empty = (at[ends - 1] == ord("/")) & ~closing
    steps = np.where(closing, -1, 1)
    steps[empty] = 0
    level = depth + np.cumsum(steps) + (closing | empty)
    if level.min(initial=1) < 1:
        raise Unusual("more ends than beginnings")
    if level.max(initial=1) > _DEEPEST:
        raise Unusual("nesting that libxml2 never takes")
    whole_index = TagIndex(
        padded,
        begins,
        ends,
        closing,
        empty,
        level.astype(np.int32),
        names,
        name_ends,
        passages,
        quotes,
        complete,
    )
    return whole_index.until(whole)


def _without_passages(
    at: Bytes, begins: Positions, closers: Positions, length: int
) -> tuple[Positions, tuple[Positions, Positions], int]:
    """``begins`` of tags alone; where the other things begin and end; how far that is complete."""
    second = at[begins + 1]
    starts = begins[(second == ord("!")) | (second == ord("?"))]
    if not len(starts):
        return begins, (starts, starts), length
    ends = _passage_ends(at, starts, closers)
    inside = starts[1:] <= np.maximum.accumulate(ends)[:-1]
    if inside.any():
        kept = _outermost(starts, ends)
        starts, ends = starts[kept], ends[kept]
    complete = length
    if ends[-1] == _NEVER:
        complete = int(starts[-1])
        starts, ends = starts[:-1], ends[:-1]
        begins = begins[: np.searchsorted(begins, complete)]
    if not len(starts):
        return begins, (starts, starts), complete
    before = np.searchsorted(starts, begins, "right") - 1
    outside = (before < 0) | (begins > ends[before])
    return begins[outside], (starts, ends), complete


def _passage_ends(at: Bytes, starts: Positions, closers: Positions) -> Positions:
    """Where the first ``]]>``, ``-->`` or ``?>`` after each start ends; _NEVER without one."""
    second, third = at[starts + 1], at[starts + 2]
    before, before_that = at[closers - 1], at[closers - 2]
    instruction = second == ord("?")
    comment = ~instruction & (third == ord("-"))
    section = ~instruction & (third == ord("["))
    ends = np.full(len(starts), _NEVER)
    for which, shortest, fitting in (
        (instruction, len("<??>"), before == ord("?")),
        (comment, len("<!---->"), (before == ord("-")) & (before_that == ord("-"))),
        (section, len("<![CDATA[]]>"), (before == ord("]")) & (before_that == ord("]"))),
    ):
        if which.any():
            candidates = np.append(closers[fitting], _NEVER)
            ends[which] = candidates[np.searchsorted(candidates, starts[which] + shortest - 1)]
    return ends


def _outermost(starts: Positions, ends: Positions) -> list[int]:
    """The passages that do not begin inside another one: what looks like one in there is text."""
    kept, last = [], -1
    for number, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        if start > last:
            kept.append(number)
            last = end
    return kept


def _mend_quoted(
    padded: bytes,
    quotes: tuple[Positions, Positions],
    attributed: Positions,
    begins: Positions,
    ends: Positions,
) -> int:
    """Move ``ends`` that stand inside an attribute's value; return how many tags are complete.

    Where a tag has quotation marks of one kind only, and an even number of them, its ``>`` is
    outside of them. All others are read again from left to right.
    """
    spans = begins[attributed], ends[attributed]
    doubles, singles = (np.searchsorted(q, spans[1]) - np.searchsorted(q, spans[0]) for q in quotes)
    plain = ((doubles == 0) | (singles == 0)) & ((doubles + singles) % 2 == 0)
    for tag in attributed[~plain].tolist():
        found = START_TAG.match(padded, int(begins[tag]))
        if found is None:
            return int(tag)
        ends[tag] = found.end() - 1
    return len(begins)
