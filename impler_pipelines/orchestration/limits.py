"""The settings' caps in the forms that the fetching and extracting rooms take them in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from impler_pipelines.settings import Settings

if TYPE_CHECKING:
    from impler_pipelines.extraction import Limits
    from impler_pipelines.sources import FetchPolicy


def fetch_policy(settings: Settings) -> FetchPolicy:
    """How much, how long and from where a feed may be fetched."""
    from impler_pipelines.sources import USER_AGENT, FetchPolicy

    return FetchPolicy(
        allow_private_addresses=settings.allow_private_addresses,
        max_bytes=settings.max_feed_bytes,
        max_header_bytes=settings.max_header_bytes,
        timeout_seconds=settings.fetch_timeout_seconds,
        max_redirects=settings.max_redirects,
        user_agent=settings.user_agent or USER_AGENT,
    )


def feed_limits(settings: Settings) -> Limits:
    """How large and how deep a document may be."""
    from impler_pipelines.extraction import Limits

    return Limits(
        max_bytes=settings.max_feed_bytes,
        max_depth=settings.max_depth,
        max_prolog_bytes=settings.max_prolog_bytes,
        max_entity_expansion_bytes=settings.max_entity_expansion_bytes,
        max_record_bytes=settings.max_record_bytes,
        max_record_elements=settings.max_record_elements,
        max_attributes=settings.max_attributes,
        max_name_bytes=settings.max_name_bytes,
        max_elements=settings.max_elements,
        max_paths=settings.max_paths,
        max_headings=settings.max_headings,
        max_compression_layers=settings.max_compression_layers,
    )
