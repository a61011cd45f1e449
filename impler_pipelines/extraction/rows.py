"""Reads mapped columns from records in the parser's tree, each in one walk: a row a record.

A path that a record lacks gives None; nothing is ever taken from another record. Values are taken
as in ``values``. An empty one counts only where no other of its path holds text. ``columns`` does
the same faster for documents that hold nothing unusual.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lxml import etree

from impler_pipelines.extraction.matching import NameMatcher
from impler_pipelines.extraction.names import written_name
from impler_pipelines.extraction.values import BLANK, full_text
from impler_pipelines.extraction.wanted import Wanted
from impler_pipelines.model import Repeated

JOINED_BY = ", "

Row = list[str | None]
Gathered = dict[int, list[str]]

# What elements of a tag are for, where it is not the text of a single column.
_NONE = -1
_SEVERAL = -2


@dataclass(slots=True, eq=False)
class _Node:
    """One element below the record that some mapped path leads to or through."""

    wanted: Wanted
    # The column of a node that is nothing but one column's text: the common case.
    single: int = _NONE
    # By tag in Clark notation, learned on the way: a column's number, _NONE or _SEVERAL.
    columns: dict[str, int] = field(default_factory=dict)
    inner: dict[str, _Node] = field(default_factory=dict)


class RowReader:
    """Reads one row from a record; ``repeated`` says for each column below it what to take."""

    def __init__(
        self,
        record: Wanted,
        repeated: Mapping[int, Repeated],
        constants: Row,
        matcher: NameMatcher,
    ) -> None:
        self._constants = constants
        self._matcher = matcher
        self._root = _Node(record)
        self._gathered = {c: how for c, how in repeated.items() if how is not Repeated.FIRST}

    def read(self, records: Sequence[etree._Element], cells: Row) -> None:
        """Append the row of each of ``records`` to ``cells``: the text of each column, or None."""
        root = self._root
        takes_record = bool(root.wanted.attributes or root.wanted.texts)
        for record in records:
            row = self._constants.copy()
            gathered: Gathered = {}
            if takes_record:
                self._take(record, root, row, gathered)
            self._walk(record, root, row, gathered)
            for column, texts in gathered.items():
                row[column] = combined(texts, self._gathered[column])
            cells += row

    def _walk(self, element: etree._Element, node: _Node, row: Row, gathered: Gathered) -> None:
        columns = node.columns
        for child in element:
            try:
                column = columns[child.tag]
            except KeyError:
                column = self._resolve(child, node)
            if column >= 0:
                if not row[column]:
                    text = child.text
                    # The plain case is written out: this line runs once for every value.
                    if text is None or len(child) or not (text := text.strip(BLANK)):
                        text = _text(child)
                    if text is not None:
                        row[column] = text
            elif column == _SEVERAL:
                inner = node.inner[child.tag]
                self._take(child, inner, row, gathered)
                if inner.wanted.segments:
                    self._walk(child, inner, row, gathered)

    def _take(self, element: etree._Element, node: _Node, row: Row, gathered: Gathered) -> None:
        for segment, column in node.wanted.attributes:
            value = self._matcher.attribute(element, segment)
            if value is not None:
                self._put(column, value.strip(BLANK), row, gathered)
        if node.wanted.texts:
            text = _text(element)
            if text is not None:
                for column in node.wanted.texts:
                    self._put(column, text, row, gathered)

    def _put(self, column: int, text: str, row: Row, gathered: Gathered) -> None:
        if column in self._gathered:
            gathered.setdefault(column, []).append(text)
        elif not row[column]:
            row[column] = text

    def _resolve(self, child: etree._Element, node: _Node) -> int:
        """What elements of ``child``'s tag are for; remembered, since a tag means one thing."""
        segments = node.wanted.segments
        fitting = [s for s in segments if self._matcher.is_named(child, s)]
        written = written_name(child.tag, child.prefix)
        fitting.sort(key=lambda segment: segment != written)
        column = _NONE
        if fitting:
            found = self._compiled(segments[fitting[0]])
            node.inner[child.tag] = found
            column = found.single if found.single >= 0 else _SEVERAL
        node.columns[child.tag] = column
        return column

    def _compiled(self, wanted: Wanted) -> _Node:
        alone = not wanted.segments and not wanted.attributes and len(wanted.texts) == 1
        single = alone and wanted.texts[0] not in self._gathered
        return _Node(wanted, wanted.texts[0] if single else _NONE)


def _text(element: etree._Element) -> str | None:
    if len(element):
        return full_text(element)
    text: str | None = element.text
    if text is not None and (stripped := text.strip(BLANK)):
        return stripped
    return None if element.attrib else ""


def combined(texts: Sequence[str], repeated: Repeated) -> str:
    """What becomes of the ``texts`` of one path in one record."""
    if repeated is Repeated.FIRST:
        return next((text for text in texts if text), "")
    if repeated is Repeated.JSON:
        return json.dumps(list(texts), ensure_ascii=False)
    return JOINED_BY.join(text for text in texts if text)
