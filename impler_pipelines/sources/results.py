"""What a fetch came to, and what of it is to be known at the next one. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

from impler_pipelines.model import FeedState
from impler_pipelines.sources.freshness import Freshness

NOT_MODIFIED = 304


@dataclass(frozen=True)
class FetchResult:
    """What came back. ``url`` is the final one, fit to show; ``bytes`` and ``body_hash`` (SHA-256,
    hex) are of the body after Content-Encoding, 0 and None for ``304 Not Modified``.

    ``moved_to`` is the full URL that permanent redirects lead to, now or as they did before;
    ``freshness`` None means that the server is to be asked each time. ``seconds`` are without
    those that were ``waited`` for a turn.
    """

    status: int
    unchanged: bool
    url: str
    content_type: str | None
    etag: str | None
    last_modified: str | None
    body_hash: str | None
    bytes: int
    seconds: float
    moved_to: str | None = None
    freshness: Freshness | None = None
    waited: float = 0.0

    def read(self, known: FeedState) -> FeedState:
        """What has now been read, where ``known`` had been; the fingerprint stays.

        ``304 Not Modified`` brings what is new about a feed that stays (RFC 9111, 4.3.4), save
        freshness: one that does not say how long it lasts is taken to last no longer.
        """
        same = self.status == NOT_MODIFIED
        return FeedState(
            etag=self.etag or (known.etag if same else None),
            last_modified=self.last_modified or (known.last_modified if same else None),
            body_hash=self.body_hash or known.body_hash,
            fresh_since=self.freshness.since if self.freshness else None,
            fresh_until=self.freshness.until if self.freshness else None,
            moved_to=self.moved_to,
            fingerprint=known.fingerprint,
        )
