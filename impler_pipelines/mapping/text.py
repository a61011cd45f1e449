"""Owns the text of a cell before it is typed: white space, missing values, digits, quoting.

It never decides whether a text is valid.
"""

from __future__ import annotations

import unicodedata

import pyarrow as pa
import pyarrow.compute as pc

# Unicode's White_Space property, and the two invisible characters that feeds leave at the ends
# of values (zero width space, byte order mark). One set for Arrow and Python, whose own ideas
# of white space differ.
WHITE_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\u200b\ufeff"
)

_SHOWN_CHARACTERS = 80


def strip(text: str) -> str:
    """``text`` without the white space around it."""
    return text.strip(WHITE_SPACE)


def strip_column(texts: pa.Array) -> pa.Array:
    """Every text without the white space around it; what is then empty is missing (null)."""
    stripped = pc.utf8_trim(texts, characters=WHITE_SPACE)
    empty = pc.equal(stripped, "")
    if pc.any(empty).as_py():
        return pc.if_else(empty, pa.scalar(None, pa.string()), stripped)
    return stripped


def western_digits(text: str) -> str:
    """Decimal digits of every script (Unicode category Nd) as 0-9; the rest stays."""
    if text.isascii():
        return text
    return "".join(
        str(unicodedata.decimal(letter)) if letter.isdecimal() else letter for letter in text
    )


def shown(text: str) -> str:
    """The text in quotes, shortened, on one line: for messages that a person reads."""
    if len(text) <= _SHOWN_CHARACTERS and text.isprintable():
        return f'"{text}"'
    line = " ".join(text[: 4 * _SHOWN_CHARACTERS].split())
    if len(line) > _SHOWN_CHARACTERS:
        line = line[: _SHOWN_CHARACTERS - 1] + "…"
    return f'"{line}"'
