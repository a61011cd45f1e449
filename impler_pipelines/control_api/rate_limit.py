"""How many requests a minute, for each name: a bucket of tokens. It answers no request.

A bucket holds a minute's tokens and fills up evenly, so a host app may send a minute's requests at
once after a quiet minute. One number is kept for each: when it will be full again (what networks
call GCRA).
"""

from __future__ import annotations

import time
from collections.abc import Callable

_MINUTE = 60.0
_ROUNDING = 1e-6
_MOST_NAMES = 10_000  # the one that asked longest ago is forgotten: its bucket is likely full


class RateLimit:
    """The buckets of one process; ``per_minute`` None: no limit. For one thread, the event loop."""

    def __init__(
        self, per_minute: int | None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.per_minute = per_minute
        self._seconds = _MINUTE / per_minute if per_minute else 0.0  # that a token takes
        self._clock = clock
        self._full_at: dict[object, float] = {}

    def wait(self, name: object) -> float:
        """Seconds until the name's next request may come: 0 if it has a token."""
        missing = self._full_at.get(name, 0.0) - self._clock()  # seconds until it is full
        wait = missing + self._seconds - _MINUTE
        return wait if wait > _ROUNDING else 0.0

    def take(self, name: object) -> None:
        """Take a token of the name's, whether or not it has one."""
        if self.per_minute is None:
            return
        full_at = max(self._full_at.pop(name, 0.0), self._clock())
        self._full_at[name] = full_at + self._seconds
        if len(self._full_at) > _MOST_NAMES:
            del self._full_at[next(iter(self._full_at))]
