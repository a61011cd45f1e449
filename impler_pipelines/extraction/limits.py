"""The caps that bound what a hostile document can cost. It only holds numbers, never checks them.

``max_bytes``, ``max_depth`` and ``max_entity_expansion_bytes`` are moved by settings; the rest
bound memory where no honest feed comes near.
"""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024**2


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, after decompression and as UTF-8."""

    max_bytes: int = 2 * 1024 * MIB
    max_depth: int = 256
    max_entity_expansion_bytes: int = 10 * MIB
    max_record_bytes: int = 64 * MIB
    max_attributes: int = 50_000
    max_name_bytes: int = MIB // 8  # in the part of a feed that is looked at, see ``tag_guard``
    max_elements: int = 100_000_000
    max_paths: int = 20_000
    max_headings: int = 10_000
    max_compression_layers: int = 3


MAX_FEED_BYTES = "IMPLER_MAX_FEED_BYTES"
MAX_DEPTH = "IMPLER_MAX_DEPTH"
MAX_ENTITY_EXPANSION_BYTES = "IMPLER_MAX_ENTITY_EXPANSION_BYTES"
