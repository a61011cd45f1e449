"""Ends from another thread what one thread waits for, when nobody wants its answer any more.

Python can't stop a thread: whoever waits says how its wait is ended, and whoever works on looks
now and then whether it still should.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from impler_pipelines.errors import Interrupted


class Interruption:
    """One piece of work that may be interrupted, once and for good."""

    def __init__(self) -> None:
        self._interrupted = False
        self._ends: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    def interrupt(self) -> None:
        """End every wait that is under way; what comes later raises at once."""
        with self._lock:
            self._interrupted = True
            for end in self._ends:
                end()

    def check(self) -> None:
        """Raise ``Interrupted`` if it was."""
        if self._interrupted:
            raise Interrupted

    @contextmanager
    def ending(self, end: Callable[[], None]) -> Iterator[None]:
        """Within it an interruption calls ``end``, which must not raise.

        What is then raised inside becomes ``Interrupted``.
        """
        with self._lock:
            self.check()
            self._ends.append(end)
        try:
            yield
        except Exception as error:
            if self._interrupted:
                raise Interrupted from error
            raise
        finally:
            with self._lock:
                self._ends.remove(end)
