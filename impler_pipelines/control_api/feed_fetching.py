"""Gets the bytes of a feed for a person who waits: fetched under the settings' caps, or kept.

It reads nothing of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from impler_pipelines.control_api.feed_files import FeedFile, feed_file
from impler_pipelines.control_api.feed_progress import Progress
from impler_pipelines.control_api.kept_feeds import FeedSource, KeptFeeds
from impler_pipelines.orchestration.limits import fetch_policy
from impler_pipelines.settings import Settings
from impler_pipelines.sources import FetchResult, fetch
from impler_pipelines.store.host_turns import HostTurns

_LONGEST_WAIT_SECONDS = 30.0  # for a turn at a host: a person is waiting


class _KeptMeanwhile(Exception):
    """What was to be fetched has been, by the one who had the turn at its host before."""

    def __init__(self, file: FeedFile) -> None:
        self.file = file


class FeedFetcher:
    """Whoever is given a file has to close it. Each host has its turn first."""

    def __init__(self, settings: Settings, kept: KeptFeeds) -> None:
        self._policy = fetch_policy(settings)
        self._turns = HostTurns(settings.store_url)
        self._kept = kept

    def fetched(self, source: FeedSource, progress: Progress) -> FeedFile:
        """The feed as it is now. Raises what ``fetch`` raises.

        ``HostBusy``: another request to its host takes longer than a person waits.
        """
        return self._fetched(source, progress, unless_kept=False)

    def fetched_and_kept(self, source: FeedSource, progress: Progress) -> FeedFile:
        """The same; it is kept for ``kept_or_fetched``."""
        file = self.fetched(source, progress)
        self._kept.keep(source, file)
        return file

    def kept_or_fetched(self, source: FeedSource, progress: Progress) -> FeedFile:
        """The feed as it is kept; where it is not, as ``fetched_and_kept``."""
        found = self._kept.find(source)
        if found is not None:
            return found
        try:
            file = self._fetched(source, progress, unless_kept=True)
        except _KeptMeanwhile as kept:
            return kept.file
        self._kept.keep(source, file)
        return file

    def close(self) -> None:
        """Let go of all that is kept."""
        self._kept.close()

    def _fetched(self, source: FeedSource, progress: Progress, *, unless_kept: bool) -> FeedFile:
        @contextmanager
        def turn(host: str, seconds: float) -> Iterator[None]:
            longest = min(seconds, _LONGEST_WAIT_SECONDS)
            with self._turns.turn(host, longest, interruption=progress.interruption):
                if unless_kept and (found := self._kept.find(source)):
                    raise _KeptMeanwhile(found)
                yield

        def fetched_into(file: BinaryIO) -> FetchResult:
            return fetch(
                source.url,
                file,
                policy=self._policy,
                auth=source.auth,
                turn=turn,
                on_progress=progress.fetched,
                interruption=progress.interruption,
            )

        return feed_file(fetched_into)
