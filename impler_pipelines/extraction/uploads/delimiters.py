"""Finds the delimiter of a table from the beginning of its text. It splits nothing.

* A first line ``sep=;`` says it, as in Excel.
* Else the header has it, and the rows below have it as often as the header, outside quotes.
* A table whose header has none has one column.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Of two that fit equally well the one that is rarer in text is meant.
_CANDIDATES = "\t|;,"
# A delimiter for tables of one column: no text that was decoded holds a lone surrogate.
NO_DELIMITER = "\ud800"
_NAMED = re.compile(r'"?sep=([^\r\n"])"?[ \t]*(?:\r\n|\r|\n|\Z)', re.IGNORECASE)
_OPENS = r"(?:^|(?<=[,;|\t\r\n]))"
_QUOTED = re.compile(_OPENS + r'"(?:[^"]|"")*+"(?=[,;|\t\r\n]|\Z)')
_UNCLOSED = re.compile(_OPENS + '"')
_LINES = re.compile(r"[^\r\n]+")
_MOST_LINES = 200


@dataclass(frozen=True)
class Delimiter:
    """``character``, and whether the file's first line does nothing but name it."""

    character: str
    named: bool = False


def find_delimiter(sample: str, *, tabs_expected: bool) -> Delimiter:
    """The delimiter of a table that begins with ``sample``.

    ``tabs_expected`` says that the file's name or type calls it tab-separated: it decides where
    the text does not.
    """
    if named := _NAMED.match(sample):
        return Delimiter(named[1], named=True)
    lines = _lines(sample)
    if not lines:
        return Delimiter(_CANDIDATES[-1])
    scores = {}
    for character in _CANDIDATES:
        in_header = lines[0].count(character)
        if in_header:
            agreeing = sum(line.count(character) == in_header for line in lines)
            expected = tabs_expected and character == "\t"
            scores[character] = (agreeing / len(lines), expected, in_header)
    return Delimiter(max(scores, key=lambda c: scores[c]) if scores else NO_DELIMITER)


def _lines(sample: str) -> list[str]:
    """The first lines that hold something, without what is quoted in them."""
    plain = _QUOTED.sub("q", sample)
    if unclosed := _UNCLOSED.search(plain):
        plain = plain[: unclosed.start()]
    lines = [line for line in _LINES.findall(plain) if line.strip(" \t,;|")]
    return lines[:_MOST_LINES]
