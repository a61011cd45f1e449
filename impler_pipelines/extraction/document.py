"""One document as clean UTF-8 chunks, readable from its start again and again. It parses nothing.

The first reading is the fast one: UTF-8 is believed, entities are not looked for. When a parser
stumbles, ``repaired`` looks at the whole document and says whether another reading is worth it.
"""

from __future__ import annotations

import codecs
import itertools
import tempfile
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from impler_pipelines.errors import FeedUnreadable, WebPageFound
from impler_pipelines.extraction.compression import CHUNK_BYTES, decompressed
from impler_pipelines.extraction.declared_attributes import DeclaredAttributes
from impler_pipelines.extraction.encodings import (
    Decoding,
    first_decoding,
    recoded,
    second_decoding,
)
from impler_pipelines.extraction.entities import EntityFilter
from impler_pipelines.extraction.kinds import refuse_binary, refuse_text
from impler_pipelines.extraction.limits import Limits
from impler_pipelines.extraction.prolog import Prolog, read_prolog, read_whole_prolog
from impler_pipelines.extraction.well_formed import check_doctype

Source = bytes | Path | BinaryIO


def open_source(source: Source, limits: Limits) -> Callable[[], Iterator[bytes]]:
    """A function that reads ``source`` from its start, decompressed.

    A stream that can't seek is copied to a temporary file first. Raises ``FeedUnreadable`` if the
    file can't be read.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        content = bytes(source)
        return lambda: decompressed(_slices(content), limits)
    if isinstance(source, Path):
        return lambda: decompressed(_file_chunks(source), limits)
    seekable = source.seekable()
    stream = source if seekable else _spooled(source)
    start = stream.tell()

    def again() -> Iterator[bytes]:
        return decompressed(_stream_chunks(stream, start), limits)

    if not seekable:
        weakref.finalize(again, stream.close)  # the copy lives as long as someone may read it
    return again


def _slices(content: bytes) -> Iterator[bytes]:
    for at in range(0, len(content), CHUNK_BYTES):
        yield content[at : at + CHUNK_BYTES]


def _file_chunks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
    except OSError as error:
        raise FeedUnreadable(f"The feed's file can't be read: {error.strerror}") from error


def _stream_chunks(stream: BinaryIO, start: int) -> Iterator[bytes]:
    stream.seek(start)
    at = start
    while True:
        if stream.tell() != at:  # another reading of the same stream is under way
            stream.seek(at)
        chunk = stream.read(CHUNK_BYTES)
        if not chunk:
            return
        at += len(chunk)
        yield chunk


def _spooled(stream: BinaryIO) -> BinaryIO:
    copy = tempfile.TemporaryFile()  # noqa: SIM115  closed by whoever asked
    while chunk := stream.read(CHUNK_BYTES):
        copy.write(chunk)
    copy.seek(0)
    return copy


@dataclass
class _Reach:
    """How far the last reading has come; what a whole one that found no fault has recovered."""

    bytes: int = 0
    recovered: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Document:
    """How to read one source: its bytes, their encoding, its prolog."""

    again: Callable[[], Iterator[bytes]]
    content_type: str | None
    limits: Limits
    decoding: Decoding
    prolog: Prolog
    with_entities: bool
    html_references: tuple[tuple[str, int], ...] = ()
    _reach: _Reach = field(default_factory=_Reach, compare=False)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was recovered in encoding, prolog and entities."""
        named: tuple[str, ...] = ()
        if self.html_references:
            total = sum(count for _, count in self.html_references)
            names = ", ".join(f"&{name};" for name, _ in self.html_references[:5])
            named = (f"{total} HTML entities that XML does not know were read as HTML: {names}.",)
        return (*self.decoding.warnings, *self.prolog.warnings, *named)

    @property
    def recovered(self) -> tuple[str, ...] | None:
        """What a parser that has read it whole had to recover from; None if none has yet."""
        return self._reach.recovered

    def well_formed(self, recovered: tuple[str, ...]) -> None:
        """Note that a parser has read it whole, and what it had to recover from."""
        self._reach.recovered = recovered

    def chunks(self) -> Iterator[bytes]:
        """The document for the parser: UTF-8, without declaration and DOCTYPE."""
        clean = self._without_prolog()
        if self.with_entities:
            clean = self._entity_filter().filtered(clean)
        if self.prolog.attributes:
            clean = self._declared_attributes().applied(clean)
        self._reach.bytes = 0
        for chunk in clean:
            self._reach.bytes += len(chunk)
            yield chunk

    def _entity_filter(self) -> EntityFilter:
        return EntityFilter(self.prolog.entities, self.limits.max_entity_expansion_bytes)

    def _declared_attributes(self) -> DeclaredAttributes:
        with_entities = self._entity_filter().filtered
        return DeclaredAttributes(self.prolog.attributes, with_entities, self.limits)

    def _without_prolog(self) -> Iterator[bytes]:
        chunks = recoded(self.again(), self.decoding)
        yield self.prolog.blanked
        left = self.prolog.length
        for chunk in chunks:
            if left < len(chunk):
                yield chunk[left:] if left else chunk
            left = max(0, left - len(chunk))

    def repaired(self) -> Document | None:
        """Another reading of a document that did not parse, or None if there is none.

        Only what the parser has come to can be the reason: no more than that is looked at first.
        Raises the reason if looking closer shows one: bytes in no encoding, an unknown entity.
        """
        if self.decoding.trusted and not _is_utf8(self._reached(self.again())):
            decoding = second_decoding(next(self.again(), b""), self.content_type, self.again)
            return _document(self.again, self.content_type, self.limits, decoding)
        if self.with_entities or not self._html_references(self._reached(self._without_prolog())):
            return None
        return self.with_entities_replaced()

    def with_entities_replaced(self) -> Document:
        """The same document with its entities replaced, after counting those of HTML."""
        found = self._html_references(self._without_prolog())
        return replace(self, with_entities=True, html_references=found)

    def _html_references(self, chunks: Iterator[bytes]) -> tuple[tuple[str, int], ...]:
        entities = self._entity_filter()
        for _ in entities.filtered(chunks):
            pass
        return tuple(entities.html_references.most_common())

    def _reached(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        left = self._reach.bytes + CHUNK_BYTES  # what was stripped before the parser saw it
        for chunk in chunks:
            yield chunk
            left -= len(chunk)
            if left <= 0:
                return


def read_document(source: Source, content_type: str | None, limits: Limits) -> Document:
    """Open ``source``. Raises ``FeedUnreadable`` and its children, and ``LimitExceeded``."""
    again = open_source(source, limits)
    head = b"".join(itertools.islice(again(), 2))
    refuse_binary(head)
    refuse_text(head.decode(errors="replace"))  # a page is one whatever bytes are in it
    return _document(again, content_type, limits, first_decoding(head, content_type, again))


def _document(
    again: Callable[[], Iterator[bytes]],
    content_type: str | None,
    limits: Limits,
    decoding: Decoding,
) -> Document:
    prolog = _prolog(recoded(again(), decoding), limits)
    if prolog.root.rpartition(":")[2].lower() == "html":
        raise WebPageFound
    if prolog.doctype:
        check_doctype(prolog.doctype)
    document = Document(again, content_type, limits, decoding, prolog, with_entities=False)
    entities = prolog.entities
    if not entities.internal and not entities.external:
        return document
    return document.with_entities_replaced()


def _prolog(chunks: Iterator[bytes], limits: Limits) -> Prolog:
    head = bytearray()
    wanted = 1
    for chunk in chunks:
        head += chunk
        if len(head) < wanted:
            continue
        if wanted == 1:
            refuse_text(head.decode(errors="replace"))
        found = read_prolog(bytes(head), limits)
        if found is not None:
            return found
        wanted = 2 * len(head)  # a long prolog is read a few times, not once for every chunk
    if wanted == 1:
        refuse_text("")
    return read_whole_prolog(bytes(head), limits)


def _is_utf8(chunks: Iterator[bytes]) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for chunk in chunks:
            decoder.decode(chunk)
    except UnicodeDecodeError:
        return False
    return True
