"""The text of an uploaded file: its encoding decided, its bytes decoded in flat memory.

Order of belief: byte order mark, the charset it was sent with, UTF-8, what the text looks like
(``guessed_encoding``), Windows-1252.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable, Iterator

from impler_pipelines.errors import FeedUnreadable
from impler_pipelines.extraction.encodings import UTF_8, WINDOWS_1252, codec_named, http_charset
from impler_pipelines.extraction.guessed_encoding import TextSample

Chunks = Callable[[], Iterator[bytes]]

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def codec_of(again: Chunks, content_type: str | None, warn: Callable[[str], None]) -> str:
    """The codec that decodes all of the file. Raises ``FeedUnreadable`` where none does."""
    head = next(again(), b"")
    for mark, codec in _MARKS:
        if head.startswith(mark):
            return codec
    if wide := _wide(head):
        return wide
    label = http_charset(content_type)
    labelled = codec_named(label) if label else None
    for codec in filter(None, (labelled, UTF_8)):
        if _decodes(again, codec):
            return codec
    sample = TextSample()
    for chunk in again():
        sample.add(chunk)
    guess = sample.guess()
    for codec in filter(None, (codec_named(guess) if guess else None, WINDOWS_1252)):
        if _decodes(again, codec):
            warn(f"The file is not UTF-8: it was read as {codec.replace('cp125', 'windows-125')}.")
            return codec
    raise FeedUnreadable(
        "The file's bytes are text in no encoding that is known: save it as UTF-8."
    )


def text_of(again: Chunks, codec: str) -> io.TextIOWrapper:
    """The file's text, line ends as they are."""
    return io.TextIOWrapper(io.BufferedReader(_Raw(again())), encoding=codec, newline="")


class _Raw(io.RawIOBase):
    """Chunks as a stream."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = chunk
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def _wide(head: bytes) -> str | None:
    """UTF-16 without a mark: every second byte of a text's first words is a NUL."""
    sample = head[:64]
    if len(sample) < 4 or sample.count(0) * 3 < len(sample):
        return None
    return "utf-16-le" if sample[1::2].count(0) >= sample[::2].count(0) else "utf-16-be"


def _decodes(again: Chunks, codec: str) -> bool:
    decoder = codecs.getincrementaldecoder(codec)("strict")
    try:
        for chunk in again():
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except (UnicodeError, ValueError):
        return False
    return True
