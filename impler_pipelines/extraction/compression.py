"""Opens the layers of compression around a document, known by their first bytes, never by a label.

* gzip (also of several members), zlib, zstd, bzip2 and xz; up to ``max_compression_layers`` of
  them around each other. Brotli has no signature: HTTP's Content-Encoding is opened elsewhere.
* What comes out is counted while it comes out: a bomb stops at ``max_bytes``.
* Data that ends early or is damaged raises ``FeedUnreadable``.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

import zstandard

from impler_pipelines.errors import FeedUnreadable
from impler_pipelines.extraction.limits import Limits

CHUNK_BYTES = 32 * 1024
_SIGNATURE_BYTES = 10
_MOST_EMPTY_MEMBERS = 1000
_DAMAGE = (zlib.error, lzma.LZMAError, zstandard.ZstdError, OSError, EOFError, ValueError)


class Decoder(Protocol):
    """One member of a compressed stream."""

    @property
    def eof(self) -> bool:
        """Whether the member's end has been read."""

    @property
    def unused_data(self) -> bytes:
        """What followed the member's end."""

    def pull(self, data: bytes) -> bytes:
        """At most a bounded piece of output; ``b""`` asks for what is still held back."""


class _Zlib:
    def __init__(self, wbits: int) -> None:
        self._z = zlib.decompressobj(wbits)

    @property
    def eof(self) -> bool:
        return self._z.eof

    @property
    def unused_data(self) -> bytes:
        return self._z.unused_data

    def pull(self, data: bytes) -> bytes:
        return self._z.decompress(self._z.unconsumed_tail + data, CHUNK_BYTES)


class _Bounded:
    """bz2 and lzma: both keep their input and take a bound on the output."""

    def __init__(self, decompressor: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> None:
        self._d = decompressor

    @property
    def eof(self) -> bool:
        return self._d.eof

    @property
    def unused_data(self) -> bytes:
        return self._d.unused_data

    def pull(self, data: bytes) -> bytes:
        if self._d.eof or (not data and self._d.needs_input):
            return b""
        return self._d.decompress(data, CHUNK_BYTES)


class _Zstd:
    """zstandard's object has no bound on output: input goes in by small pieces instead.

    A piece of input can still hold a block of 128 KiB for every 4 bytes, hence 64 bytes a pull.
    """

    _PIECE = 64

    def __init__(self) -> None:
        self._d = zstandard.ZstdDecompressor(max_window_size=2**27).decompressobj()
        self._held = b""

    @property
    def eof(self) -> bool:
        return bool(self._d.eof)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._d.unused_data) + self._held

    def pull(self, data: bytes) -> bytes:
        held = self._held + data
        out = b""
        taken = 0
        while taken < len(held) and not self._d.eof and len(out) < CHUNK_BYTES:
            out += self._d.decompress(held[taken : taken + self._PIECE])
            taken += self._PIECE
        self._held = held[taken:]
        return out


DECODERS: dict[str, Callable[[], Decoder]] = {
    "gzip": lambda: _Zlib(16 + zlib.MAX_WBITS),
    "zlib": lambda: _Zlib(zlib.MAX_WBITS),
    "deflate": lambda: _Zlib(-zlib.MAX_WBITS),
    "zstd": _Zstd,
    "bzip2": lambda: _Bounded(bz2.BZ2Decompressor()),
    "xz": lambda: _Bounded(lzma.LZMADecompressor(memlimit=2**28)),
}


def sniffed(head: bytes) -> str | None:
    """The kind of compression that ``head`` (10 bytes or more) begins, or None."""
    if head[:3] == b"\x1f\x8b\x08":
        return "gzip"
    if head[:4] == b"\x28\xb5\x2f\xfd":
        return "zstd"
    if head[:3] == b"BZh" and head[4:10] == b"1AY&SY":
        return "bzip2"
    if head[:6] == b"\xfd7zXZ\x00":
        return "xz"
    if len(head) > 1 and head[0] == 0x78 and (head[0] << 8 | head[1]) % 31 == 0:
        return "zlib"
    return None


def decompressed(chunks: Iterator[bytes], limits: Limits) -> Iterator[bytes]:
    """``chunks`` with every layer of compression opened, in pieces of bounded size.

    Raises ``LimitExceeded`` beyond ``max_bytes`` or ``max_compression_layers``.
    """
    for layer in range(limits.max_compression_layers + 1):
        head, chunks = peeked(chunks)
        found = sniffed(head)
        if found is None:
            return _counted(chunks, limits)
        if layer == limits.max_compression_layers:
            break
        chunks = _counted(opened(chunks, found, DECODERS[found]), limits)
    raise limits.exceeded("max_compression_layers")


def peeked(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first 16 bytes or more of ``chunks``, and all of them again."""
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= 16:
            break

    def again() -> Iterator[bytes]:
        if head:
            yield head
        yield from chunks

    return head, again()


def _counted(chunks: Iterator[bytes], limits: Limits) -> Iterator[bytes]:
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > limits.max_bytes:
            raise limits.exceeded("max_bytes")
        yield chunk


def opened(chunks: Iterator[bytes], kind: str, make: Callable[[], Decoder]) -> Iterator[bytes]:
    """``chunks`` of compressed data opened, in pieces of bounded size; members may follow.

    Raises ``FeedUnreadable`` for data that is damaged or ends early.
    """
    decoder = make()
    data = b""
    empty = 0
    try:
        while True:
            piece = decoder.pull(data)
            data = b""
            if piece:
                empty = 0
                yield piece
            elif decoder.eof:
                empty += 1
                if empty > _MOST_EMPTY_MEMBERS:
                    raise FeedUnreadable(f"The feed's {kind} data holds nothing, over and over.")
                # gzip and its kin may hold several members; zero padding after the last is usual.
                rest = decoder.unused_data.lstrip(b"\0") or _next_filled(chunks)
                if not rest:
                    return
                while len(rest) < _SIGNATURE_BYTES and (more := next(chunks, b"")):
                    rest += more
                found = sniffed(rest)
                if found != kind:
                    raise FeedUnreadable(f"The feed's {kind} data is followed by something else.")
                decoder, data = make(), rest
            else:
                data = next(chunks, b"")
                if not data:
                    raise FeedUnreadable(f"The feed's {kind} data ends early: it is truncated.")
    except _DAMAGE as error:
        raise FeedUnreadable(f"The feed's {kind} data is damaged: {error}") from error


def _next_filled(chunks: Iterator[bytes]) -> bytes:
    for chunk in chunks:
        if stripped := chunk.lstrip(b"\0"):
            return stripped
    return b""
