"""Owns the words of a name as people and feeds write it: ``pubDate``, ``image_link``, ``Größe``.

It knows no language and no meaning: case, accents, punctuation and a plural's s go, words stay.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

# Letters that Unicode does not decompose into a base letter and an accent.
_LETTERS = str.maketrans(
    {"ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "ı": "i", "æ": "ae", "Æ": "Ae"}
    | {"œ": "oe", "Œ": "Oe", "þ": "th", "ð": "d"}
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\dA-Za-z_]+|\d+")
_LITTLE = frozenset({
    "a", "an", "and", "das", "de", "del", "der", "di", "die", "do", "du", "el", "en", "et", "het",
    "la", "le", "les", "of", "the", "van",
})  # fmt: skip

# An address has one name in words that are compared, whichever standard named it.
_ADDRESSES = {"href": "url", "uri": "url", "urls": "url"}
_UMLAUT = re.compile("([aou])e")
_LONGEST_NAME = 200
_SHORTEST_PLURAL = 4


@dataclass(frozen=True)
class Name:
    """A name to compare. ``plain`` is all its letters and digits, ``stem`` its singular words."""

    plain: str
    stem: str
    words: tuple[str, ...]


def name_of(text: str) -> Name:
    """The words of ``text``; little words such as "of" count in ``plain`` alone."""
    return _read(text[:_LONGEST_NAME])


@lru_cache(maxsize=4096)
def _read(text: str) -> Name:
    decomposed = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    bare = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    found = [word.casefold() for word in _WORD.findall(bare.replace("ß", "ss"))]
    telling = [word for word in found if word not in _LITTLE] or found
    words = tuple(_ADDRESSES.get(word) or _singular(word) for word in telling)
    return Name("".join(found), stem_of(words), words)


def stem_of(words: Iterable[str]) -> str:
    """One word of many. Umlauts are the same with and without the e that can stand for them."""
    return _UMLAUT.sub(r"\1", "".join(words))


def _singular(word: str) -> str:
    if len(word) < _SHORTEST_PLURAL or word == "news" or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    return word.removesuffix("s")
