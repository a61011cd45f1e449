"""Cuts a document into blocks of whole records. It reads no values."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from impler_pipelines.extraction.element_paths import ElementPaths, open_at_end
from impler_pipelines.extraction.name_table import NameTable
from impler_pipelines.extraction.stretches import Numbers, Positions
from impler_pipelines.extraction.tag_index import TagIndex, index_tags
from impler_pipelines.extraction.unusual import Unusual

BLOCK_BYTES = 2 * 1024**2
# A record that is larger goes to the parser's tree, which bounds it.
_MOST_HELD_BYTES = 4 * 1024**2


@dataclass(frozen=True)
class RecordBlock:
    """A part of a document in which every record is whole.

    ``paths`` has a number for each tag of ``index``. ``first_tags`` and ``last_tags`` say for each
    record which tags begin and end it; both are the same for an empty element.
    """

    index: TagIndex
    paths: Numbers
    first_tags: Positions
    last_tags: Positions


def record_blocks(
    chunks: Iterable[bytes],
    names: NameTable,
    paths: ElementPaths,
    record: int | None,
    on_root: Callable[[bytes], None],
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[RecordBlock]:
    """The blocks of a well-formed document in UTF-8. Records are the elements of path ``record``.

    Without one, blocks hold no records, and every leaf is whole. ``on_root`` is told the root's
    start tag before any path is asked for. Raises ``Unusual``.
    """
    around: list[int] = []
    held: list[bytes] = []
    size, wanted = 0, block_bytes
    for chunk in with_line_feeds(chunks):
        held.append(chunk)
        size += len(chunk)
        if size < wanted:
            continue
        text = b"".join(held)
        block = _block(text, around, names, paths, record, on_root)
        around = open_at_end(block.index, block.paths, around)
        held = [text[block.index.complete :]]
        size = len(held[0])
        if size >= _MOST_HELD_BYTES:
            raise Unusual("a very large record")
        wanted = max(block_bytes, 2 * size)
        yield block
    text = b"".join(held)
    block = _block(text, around, names, paths, record, on_root)
    if block.index.complete < len(text):
        raise Unusual("an end that can't be read")
    yield block


def _block(
    text: bytes,
    around: list[int],
    names: NameTable,
    paths: ElementPaths,
    record: int | None,
    on_root: Callable[[bytes], None],
) -> RecordBlock:
    _refuse_what_is_no_text(text)
    index = index_tags(text, len(around), names)
    if not around and len(index.begins):
        on_root(text[int(index.begins[0]) : int(index.ends[0]) + 1])
    if record is None:
        ending = np.flatnonzero(index.closing | index.empty)
        index = index.until(int(ending[-1]) + 1 if len(ending) else 0)
        return RecordBlock(index, paths.of(index, around), ending[:0], ending[:0])
    numbers = paths.of(index, around)
    first_tags = np.flatnonzero(numbers == record)
    if not len(first_tags):
        return RecordBlock(index, numbers, first_tags, first_tags)
    last_tags = first_tags.copy()
    filled = ~index.empty[first_tags]
    closers = np.flatnonzero(index.closing & (index.level == index.level[first_tags[0]]))
    found = np.searchsorted(closers, first_tags[filled])
    if len(found) and found[-1] == len(closers):  # only the last one can be open at the end
        cut = int(first_tags[-1])
        index, numbers = index.until(cut), numbers[:cut]
        first_tags, last_tags, filled = first_tags[:-1], last_tags[:-1], filled[:-1]
        found = found[:-1]
    last_tags[filled] = closers[found]
    return RecordBlock(index, numbers, first_tags, last_tags)


def _refuse_what_is_no_text(text: bytes) -> None:
    """What the parser finds at the end of its own buffer, it finds after the chunk has passed."""
    if not text.isascii():
        try:
            codecs.utf_8_decode(text, "strict", False)
        except UnicodeDecodeError as error:
            raise Unusual("bytes that are no UTF-8") from error


def with_line_feeds(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """``chunks`` with every line end as one line feed (XML 1.0, 2.11)."""
    held = b""
    for chunk in chunks:
        if held or b"\r" in chunk:
            chunk = held + chunk
            held = b"\r" if chunk.endswith(b"\r") else b""
            chunk = chunk.removesuffix(b"\r").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        yield chunk
    if held:
        yield b"\n"
