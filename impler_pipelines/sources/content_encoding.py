"""Opens HTTP's Content-Encoding (RFC 9110, 8.4) chunk by chunk, in pieces of bounded size.

Codings are opened in reverse order of the header. A body that lacks the signature of the coding
it is labelled with is passed on as it is: servers label plain files ``gzip``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import brotli

from impler_pipelines.errors import FeedRefused, FeedUnavailable, FeedUnreadable
from impler_pipelines.extraction.compression import (
    CHUNK_BYTES,
    DECODERS,
    opened,
    peeked,
    sniffed,
)

_ALIASES = {"x-gzip": "gzip", "zstandard": "zstd"}
_MOST_CODINGS = 3


class _Brotli:
    """Brotli has neither a signature nor data after its end."""

    unused_data = b""

    def __init__(self) -> None:
        self._d = brotli.Decompressor()

    @property
    def eof(self) -> bool:
        return bool(self._d.is_finished())

    def pull(self, data: bytes) -> bytes:
        try:
            return bytes(self._d.process(data, output_buffer_limit=CHUNK_BYTES))
        except brotli.error as error:
            raise FeedUnreadable("The feed's br data is damaged.") from error


def decoded(
    chunks: Iterator[bytes], header: str | None, url: str, check_size: Callable[[int], None]
) -> Iterator[bytes]:
    """``chunks`` with the codings that ``header`` names opened.

    ``check_size`` is told how large the body has become, after each coding, and may raise.

    Raises ``FeedRefused`` for a coding that nobody asked for, and ``FeedUnavailable`` for data
    that is damaged or ends early: the next answer may be whole.
    """
    codings = [c.strip().lower() for c in (header or "").split(",") if c.strip()]
    if len(codings) > _MOST_CODINGS:
        raise FeedRefused(url, f"its Content-Encoding has more than {_MOST_CODINGS} codings")
    for coding in reversed(codings):
        chunks = _counted(_one(chunks, _ALIASES.get(coding, coding), url), check_size)
    return _translated(chunks, url)


def _one(chunks: Iterator[bytes], coding: str, url: str) -> Iterator[bytes]:
    if coding == "identity":
        return chunks
    if coding in {"br", "gzip", "zstd", "deflate"}:
        return _unless_empty(chunks, coding)
    raise FeedRefused(url, f"its Content-Encoding {coding!r} is not supported")


def _unless_empty(chunks: Iterator[bytes], coding: str) -> Iterator[bytes]:
    head, chunks = peeked(chunks)
    if not head:
        return
    kind = sniffed(head)
    if coding == "br":
        yield from opened(chunks, "br", _Brotli)
    elif coding == "deflate":  # meant as zlib (RFC 1950), often sent raw (RFC 1951)
        name = "zlib" if kind == "zlib" else "deflate"
        yield from opened(chunks, name, DECODERS[name])
    elif kind == coding:
        yield from opened(chunks, coding, DECODERS[coding])
    else:
        yield from chunks


def _counted(chunks: Iterator[bytes], check_size: Callable[[int], None]) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        check_size(size)
        yield chunk


def _translated(chunks: Iterator[bytes], url: str) -> Iterator[bytes]:
    try:
        yield from chunks
    except FeedUnreadable as error:
        raise FeedUnavailable(url, f"its compressed body is broken: {error}") from error
