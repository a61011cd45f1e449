"""Guesses the encoding of text that is neither Latin nor UTF-8, by charset-normalizer.

Between Windows-1252 and its neighbours a guess is often wrong: Latin text is never guessed at. In
text of other scripts, bytes beyond ASCII stand in runs, and a guess is nearly always right.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from charset_normalizer import CharsetMatch

_MOST_BYTES = 32_768
_RUNS = re.compile(rb"[\x80-\xff]{2,}")
_HIGH = re.compile(rb"[\x80-\xff]+")
_SHARE_IN_RUNS = 0.75
_LEAST_UNLABELLED = 24
_LEAST_LABELLED = 60
_LESS = 0.1  # of what charset-normalizer calls coherence, a share of 1
_NOT_GUESSED = {"LATIN", ""}
# What the web is written in (WHATWG encoding standard), Latin and other.
_PLAUSIBLE = (
    "cp1250", "cp1252", "cp1254", "cp1257", "cp1258", "iso8859_2", "iso8859_3", "iso8859_4",
    "iso8859_10", "iso8859_13", "iso8859_14", "iso8859_15", "iso8859_16", "mac_roman",
    "big5", "big5hkscs", "cp866", "cp874", "cp932", "cp949", "cp1251", "cp1253", "cp1255",
    "cp1256", "euc_jp", "gb18030", "iso8859_5", "iso8859_6", "iso8859_7", "iso8859_8", "koi8_r",
    "koi8_u", "mac_cyrillic", "shift_jis",
)  # fmt: skip
# The words that Unicode's names of letters begin with.
_ONE_SCRIPT = {"HIRAGANA": "CJK", "KATAKANA": "CJK", "HANGUL": "CJK", "HALFWIDTH": "CJK"}


class TextSample:
    """The texts of a document that have bytes beyond ASCII, up to 32 KB of them."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, chunk: bytes) -> None:
        """Take what is still wanted of ``chunk``."""
        if self._size < _MOST_BYTES:
            texts = (text for text in re.split(rb"[<>]", chunk) if not text.isascii())
            part = b"\n".join(texts)[: _MOST_BYTES - self._size]
            self._parts.append(part)
            self._size += len(part)

    def guess(self) -> str | None:
        """The codec that fits text without a label; None for Latin text and where none does."""
        fitting = self._fitting(_LEAST_UNLABELLED, _PLAUSIBLE)
        return fitting[0].encoding if fitting else None

    def guess_against(self, codec: str) -> str | None:
        """The codec that fits instead of the single-byte ``codec`` of a label, or None.

        A Latin one is told by the script of the text. One of the text's own script has to make no
        sense, or clearly less than the guess.
        """
        fitting = self._fitting(_LEAST_LABELLED, (*_PLAUSIBLE, codec))
        if not fitting:
            return None
        best, text = fitting[0], self._text()
        labelled, guessed = text.decode(codec, "replace"), _decoded(text, best)
        if labelled == guessed:
            return None
        script = _script(labelled)
        if script in _NOT_GUESSED:
            return best.encoding
        if script != _script(guessed):
            return None
        for match in fitting[1:]:
            if _decoded(text, match) == labelled:
                less = best.coherence - match.coherence
                return best.encoding if best.chaos <= match.chaos and less >= _LESS else None
        return best.encoding

    def _text(self) -> bytes:
        return b"\n".join(self._parts)

    def _fitting(self, least: int, codecs: Sequence[str]) -> Sequence[CharsetMatch]:
        """Those of ``codecs`` that fit, the best first; none if the best takes it for Latin."""
        text = self._text()
        high = sum(map(len, _HIGH.findall(text)))
        runs = sum(map(len, _RUNS.findall(text)))
        if high < least or runs < _SHARE_IN_RUNS * high:
            return ()
        from charset_normalizer import from_bytes  # most feeds are UTF-8, and need none of it

        fitting = list(from_bytes(text, cp_isolation=list(codecs)))
        if not fitting or _script(_decoded(text, fitting[0])) in _NOT_GUESSED:
            return ()
        return fitting


def _decoded(text: bytes, match: CharsetMatch) -> str:
    return text.decode(match.encoding, "replace")


def _script(text: str) -> str:
    """The script of most letters beyond ASCII, as Unicode's names have it; empty without any."""
    letters = (char for char in text if not char.isascii() and char.isalpha())
    words = Counter(unicodedata.name(char, "").partition(" ")[0] for char in letters)
    most = words.most_common(1)
    return _ONE_SCRIPT.get(most[0][0], most[0][0]) if most else ""
