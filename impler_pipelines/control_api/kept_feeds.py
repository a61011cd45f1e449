"""Feeds that were fetched for a person, kept for a while: a mapping is previewed as it is made.

It fetches nothing. A kept feed is found by who asks for it: another project, or one that sends
another auth header, has none of it.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from impler_pipelines.control_api.feed_files import FeedFile
from impler_pipelines.model import SourceAuth

_SECONDS = 300.0
_MOST_BYTES = 1024**3
_MOST_FEEDS = 32


@dataclass(frozen=True)
class FeedSource:
    """A feed as a project asks for it: the URL without userinfo, the header that is sent."""

    project_id: str
    url: str
    auth: SourceAuth | None

    @property
    def digest(self) -> bytes:
        """SHA-256 of all of it."""
        auth = self.auth and [self.auth.header_name.lower(), self.auth.header_value]
        return hashlib.sha256(json.dumps([self.project_id, self.url, auth]).encode()).digest()


@dataclass
class _Kept:
    file: FeedFile
    used_at: float


class KeptFeeds:
    """At most ``most_feeds`` and ``most_bytes`` together, each ``seconds`` after its last use.

    The one that was used longest ago goes first. Any thread may call any of it.
    """

    def __init__(
        self,
        *,
        seconds: float = _SECONDS,
        most_bytes: int = _MOST_BYTES,
        most_feeds: int = _MOST_FEEDS,
    ) -> None:
        self._seconds, self._most_bytes, self._most_feeds = seconds, most_bytes, most_feeds
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()  # the last used one last
        self._bytes = 0
        self._timer: threading.Timer | None = None
        self._closed = False
        self._lock = threading.Lock()

    def keep(self, source: FeedSource, file: FeedFile) -> None:
        """Keep what was fetched from ``source`` in place of what was kept of it before."""
        digest = source.digest
        with self._lock:
            if digest in self._kept:
                self._drop(digest)
            if self._closed or file.bytes > self._most_bytes:
                return
            self._kept[digest] = _Kept(file.copy(), time.monotonic())
            self._bytes += file.bytes
            while len(self._kept) > self._most_feeds or self._bytes > self._most_bytes:
                self._drop(next(iter(self._kept)))
            self._set_timer()

    def find(self, source: FeedSource) -> FeedFile | None:
        """What is kept of ``source``, for the caller to close; None if nothing is."""
        digest = source.digest
        with self._lock:
            self._drop_expired()
            found = self._kept.get(digest)
            if found is None:
                return None
            found.used_at = time.monotonic()
            self._kept.move_to_end(digest)
            return found.file.copy()

    def close(self) -> None:
        """Drop everything, and keep nothing any more."""
        with self._lock:
            self._closed = True
            for digest in list(self._kept):
                self._drop(digest)
            if self._timer is not None:
                self._timer.cancel()

    def _drop(self, digest: bytes) -> None:
        dropped = self._kept.pop(digest)
        self._bytes -= dropped.file.bytes
        dropped.file.close()

    def _drop_expired(self) -> None:
        before = time.monotonic() - self._seconds
        while self._kept and next(iter(self._kept.values())).used_at <= before:
            self._drop(next(iter(self._kept)))

    def _set_timer(self) -> None:
        """So that a feed goes in time also when nobody asks."""
        if self._timer is None and self._kept:
            wait = next(iter(self._kept.values())).used_at + self._seconds - time.monotonic()
            self._timer = threading.Timer(max(0.0, wait), self._on_time)
            self._timer.daemon = True
            self._timer.start()

    def _on_time(self) -> None:
        with self._lock:
            self._timer = None
            self._drop_expired()
            self._set_timer()
