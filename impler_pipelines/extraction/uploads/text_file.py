"""The decoded text of one uploaded file, line by line. It knows nothing of what the lines mean.

Memory is bounded: no more than one line is held, and none
is longer than a record may be.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

from impler_pipelines.errors import FeedMalformed, FeedUnreadable, FileMalformed
from impler_pipelines.extraction.encodings import UTF_8, Chunks, recoded, text_decoding
from impler_pipelines.extraction.limits import Limits

_SAMPLE_CHARACTERS = 64 * 1024


class TextFile:
    """A file that ``again`` reads from its start; which encoding it is in is decided here."""

    def __init__(
        self, head: bytes, content_type: str | None, again: Chunks, limits: Limits
    ) -> None:
        self.limits = limits
        self._again = again
        try:
            self._decoding = text_decoding(head, content_type, again)
        except FeedMalformed as error:
            if b"\0" in head:
                raise _binary() from error
            raise FileMalformed(error.reason, line=error.line) from error

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was recovered of the encoding."""
        return self._decoding.warnings

    def sample(self) -> str:
        """The beginning: whole lines, unless one of them is very long."""
        pieces, size = [], 0
        for piece in self.pieces(_SAMPLE_CHARACTERS):
            pieces.append(piece)
            size += len(piece)
            if size >= _SAMPLE_CHARACTERS:
                break
        return "".join(pieces)

    def lines(self) -> Iterator[str]:
        """Every line with its end: a line feed, a carriage return, or both."""
        most = self.limits.max_record_bytes
        for line in self.pieces(most + 1):
            if len(line) > most:
                raise self.limits.exceeded("max_record_bytes")
            yield line

    def pieces(self, most: int) -> Iterator[str]:
        """Every line with its end, in pieces of at most that many characters."""
        raw = _Chunks(recoded(self._again(), self._decoding))
        with io.TextIOWrapper(io.BufferedReader(raw), UTF_8, newline="") as text:
            while line := self._line(text, most):
                if "\0" in line:
                    raise _binary()
                yield line

    def _line(self, text: io.TextIOWrapper, most: int) -> str:
        try:
            return text.readline(most)
        except FeedMalformed as error:
            raise FileMalformed(error.reason, line=error.line) from error
        except UnicodeDecodeError as error:  # only if the file was changed after a first look
            raise FileMalformed("its bytes are not valid UTF-8") from error


def _binary() -> FeedUnreadable:
    return FeedUnreadable(
        "The file is not text: it holds NUL bytes. Upload a CSV, XLSX, XML or JSON lines file."
    )


class _Chunks(io.RawIOBase):
    """An iterator of bytes as a file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
