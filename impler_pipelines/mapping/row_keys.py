"""Owns the digest that identifies a row: of its unique columns' values, or of all of them.

The digest is a promise to every table ever loaded: changing it makes each row a new one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Digests = npt.NDArray[np.uint64]

DIGEST_BYTES = 16
_PURPOSE = b"impler-row-key-1"


def digest_rows(values: Mapping[str, pa.Array], keys: Iterable[str]) -> Digests:
    """One 128-bit digest a row, as an array of shape (rows, 2).

    The digest is BLAKE2b (16 bytes, person ``impler-row-key-1``) of the columns ``keys`` in the
    order of their names, each written ``;key:octets:value``. A value is written as
    UTF-8 text, decimal integer, the bits of the float as a decimal integer, or microseconds since
    1970 in UTC. Missing values are left out, so that a new column that no record fills changes no
    digest. Batches, order of columns and names shown to people play no part.
    """
    parts = [_written(key, values[key]) for key in sorted(keys)]
    # the part that is never null: Arrow drops rows of which all parts are skipped
    start = pa.repeat(pa.scalar(""), len(parts[0]))
    joined = pc.binary_join_element_wise(start, *parts, ";", null_handling="skip")
    blake2b = hashlib.blake2b
    digests = b"".join(
        [
            blake2b(row, digest_size=DIGEST_BYTES, person=_PURPOSE).digest()
            for row in joined.cast(pa.binary()).to_pylist()
        ]
    )
    return np.frombuffer(digests, dtype=np.uint64).reshape(-1, 2)


def row_keys(digests: Digests) -> pa.Array:
    """The digests as text: 32 hexadecimal digits in lower case."""
    content = digests.tobytes().hex().encode()
    width = 2 * DIGEST_BYTES
    offsets = np.arange(len(digests) + 1, dtype=np.int32) * width
    return pa.StringArray.from_buffers(
        len(digests), pa.py_buffer(offsets.tobytes()), pa.py_buffer(content)
    )


def digests_of(keys: Sequence[str]) -> Digests:
    """The digests that ``row_keys`` has written as text."""
    return np.frombuffer(bytes.fromhex("".join(keys)), dtype=np.uint64).reshape(-1, 2)


def _written(key: str, values: pa.Array) -> pa.Array:
    if pa.types.is_floating(values.type):
        values = values.view(pa.int64())
    elif pa.types.is_timestamp(values.type):
        values = values.cast(pa.int64())
    if not pa.types.is_string(values.type):
        values = values.cast(pa.string())
    octets = pc.binary_length(values).cast(pa.string())
    return pc.binary_join_element_wise(pa.scalar(key), octets, values, ":")
