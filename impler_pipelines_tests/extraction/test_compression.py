from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from impler_pipelines.errors import FeedUnreadable, LimitExceeded
from impler_pipelines.extraction import Limits
from impler_pipelines.extraction.compression import decompressed

COMPRESSORS = [
    pytest.param(gzip.compress, id="gzip"),
    pytest.param(zlib.compress, id="zlib"),
    pytest.param(zstandard.compress, id="zstd"),
    pytest.param(bz2.compress, id="bzip2"),
    pytest.param(lzma.compress, id="xz"),
]
Compress = Callable[[bytes], bytes]
DOCUMENT = b"<r>" + b"<a>text</a>" * 20_000 + b"</r>"


def sliced(data: bytes, size: int = 1000) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def whole(data: bytes, limits: Limits = Limits(), size: int = 1000) -> bytes:  # noqa: B008
    return b"".join(decompressed(sliced(data, size), limits))


class TestDecompressed:
    @pytest.mark.parametrize("compress", COMPRESSORS)
    @pytest.mark.parametrize("size", [1, 7, 1000, 10**6])
    def test_opens_a_layer_at_any_chunk_size(self, compress: Compress, size: int) -> None:
        assert whole(compress(DOCUMENT[:5000]), size=size) == DOCUMENT[:5000]

    def test_plain_bytes_pass(self) -> None:
        assert whole(DOCUMENT) == DOCUMENT

    def test_several_members_are_one_document(self) -> None:
        data = gzip.compress(DOCUMENT[:100]) + gzip.compress(DOCUMENT[100:]) + b"\0" * 600
        assert whole(data) == DOCUMENT

    def test_layers_around_each_other(self) -> None:
        assert whole(gzip.compress(zstandard.compress(gzip.compress(DOCUMENT)))) == DOCUMENT

    def test_too_many_layers_are_refused(self) -> None:
        data = DOCUMENT
        for _ in range(4):
            data = gzip.compress(data)
        with pytest.raises(LimitExceeded, match="3 layers"):
            whole(data)

    @pytest.mark.parametrize("compress", COMPRESSORS)
    def test_truncated_data_is_refused(self, compress: Compress) -> None:
        with pytest.raises(FeedUnreadable, match="truncated"):
            whole(compress(DOCUMENT)[:-12])

    def test_damaged_data_is_refused(self) -> None:
        data = bytearray(gzip.compress(DOCUMENT))
        data[len(data) // 2] ^= 0xFF
        with pytest.raises(FeedUnreadable, match="gzip data"):
            whole(bytes(data))

    def test_something_else_behind_the_data_is_refused(self) -> None:
        with pytest.raises(FeedUnreadable, match="followed by something else"):
            whole(gzip.compress(DOCUMENT) + b"<more/>")

    @pytest.mark.parametrize("compress", COMPRESSORS)
    def test_a_bomb_stops_at_the_limit(self, compress: Compress) -> None:
        bomb = compress(bytes(20 * 1024**2))
        seen = 0
        with pytest.raises(LimitExceeded, match="IMPLER_MAX_FEED_BYTES"):  # noqa: PT012
            for chunk in decompressed(sliced(bomb), Limits(max_bytes=100_000)):
                seen += len(chunk)
        assert seen <= 100_000

    def test_members_without_content_stop(self) -> None:
        with pytest.raises(FeedUnreadable, match="holds nothing"):
            whole(gzip.compress(b"") * 5000)

    @given(
        st.binary(max_size=300), st.sampled_from([b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"x\x9c"])
    )
    def test_arbitrary_bytes_never_raise_anything_else(self, data: bytes, start: bytes) -> None:
        try:
            whole(start + data)
        except (FeedUnreadable, LimitExceeded):
            return
