"""Places for what takes long and few can have at a time. It does nothing in them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Hashable


class Places:
    """So ``many`` at a time, and no more than ``of_one`` of them for one user. For any thread."""

    def __init__(self, many: int, of_one: int) -> None:
        self.many, self.of_one = many, of_one
        self._taken: Counter[Hashable] = Counter()
        self._lock = threading.Lock()

    def take(self, user: Hashable | None) -> int | None:
        """Take a place; a ``user`` of None may have all. Where none is free: the limit that is met.

        None if a place was taken.
        """
        with self._lock:
            if self._taken.total() >= self.many:
                return self.many
            if user is not None and self._taken[user] >= self.of_one:
                return self.of_one
            self._taken[user] += 1
            return None

    def give_back(self, user: Hashable | None) -> None:
        """Give back a place that this user has taken."""
        with self._lock:
            self._taken[user] -= 1
            if not self._taken[user]:
                del self._taken[user]
