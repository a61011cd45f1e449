"""The caps that bound what a hostile document can cost, and what is said where one is hit.

It checks nothing. Each can be moved by a setting; the defaults lie where no honest feed comes near.
"""

from __future__ import annotations

from dataclasses import dataclass

from impler_pipelines.errors import LimitExceeded

MIB = 1024**2


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, after decompression and as UTF-8."""

    max_bytes: int = 2 * 1024 * MIB
    max_depth: int = 256
    max_prolog_bytes: int = MIB
    max_entity_expansion_bytes: int = 10 * MIB
    max_record_bytes: int = 64 * MIB
    max_record_elements: int = 500_000
    max_attributes: int = 50_000
    max_name_bytes: int = MIB // 8  # in the part of a feed that is looked at, see ``tag_guard``
    max_elements: int = 100_000_000
    max_paths: int = 20_000
    max_headings: int = 10_000
    max_compression_layers: int = 3

    def exceeded(self, limit: str) -> LimitExceeded:
        """The error for the limit of that name."""
        what, unit = _TOLD[limit]
        return LimitExceeded(what, f"{getattr(self, limit)} {unit}", setting=setting_of(limit))


def setting_of(limit: str) -> str:
    """The environment variable that moves the limit of that name."""
    return "IMPLER_MAX_FEED_BYTES" if limit == "max_bytes" else f"IMPLER_{limit.upper()}"


_TOLD = {
    "max_bytes": ("The feed is too large", "bytes"),
    "max_depth": ("The feed's elements are nested too deeply", "levels"),
    "max_prolog_bytes": ("What stands before the feed's first element is too large", "bytes"),
    "max_entity_expansion_bytes": ("The feed's entities expand too far", "bytes"),
    "max_record_bytes": ("One element of the feed is too large", "bytes"),
    "max_record_elements": ("One element of the feed holds too many others", "elements"),
    "max_attributes": ("An element has too many attributes", "attributes"),
    "max_name_bytes": (
        "The feed has too many different element and attribute names",
        "bytes of them in a part of it",
    ),
    "max_elements": ("The feed has too many elements", "elements"),
    "max_paths": ("The feed has too many different element and attribute paths", "paths"),
    "max_headings": ("The feed's records have too many different fields", "headings"),
    "max_compression_layers": ("The feed is compressed over and over", "layers"),
}


def defaults_too_long(most: int) -> LimitExceeded:
    """What a DOCTYPE's default attributes add is bound by the limit of its entities."""
    return LimitExceeded(
        "The default attributes of the feed's DOCTYPE add too much to it",
        f"{most} bytes",
        setting=setting_of("max_entity_expansion_bytes"),
    )


def name_too_long() -> LimitExceeded:
    """libxml2's own limit."""
    return LimitExceeded("A name in the feed is too long", "50000 bytes")


def value_too_large() -> LimitExceeded:
    """libxml2's own limit."""
    return LimitExceeded("One value of the feed is too large", "10000000 bytes")
