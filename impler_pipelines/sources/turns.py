"""Turns at hosts: whoever fetches may be told to wait until a host is free. It knows no rule.

What a turn is worth, and among whom, is decided by the one that is passed in: ``store`` has one
that holds for the whole installation. A fetch holds one turn at a time, and changes it where a
redirect leads to another host.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from types import TracebackType
from urllib.parse import urlsplit

Turn = Callable[[str, float], AbstractContextManager[None]]
"""Called with a host and the seconds to wait at most; the turn lasts as long as the context."""


def no_turns(_host: str, _seconds: float) -> AbstractContextManager[None]:
    """For whoever fetches alone."""
    return nullcontext()


def host_of(url: str) -> str:
    """The host of ``url`` in one spelling: small letters, ASCII, no dot at its end."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    try:
        return host.encode("idna").decode()
    except UnicodeError:  # no name: an address, or what DNS will not know
        return host


class Turns:
    """The turns of one fetch. ``waited`` is in seconds, over all hosts."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._host: str | None = None
        self._held = ExitStack()
        self.waited = 0.0

    def go_to(self, url: str, *, seconds: float) -> None:
        """Have a turn at the host of ``url``; another one's is given up first."""
        host = host_of(url)
        if host == self._host:
            return
        self.let_go()
        asked = time.monotonic()
        self._held.enter_context(self._turn(host, seconds))
        self.waited += time.monotonic() - asked
        self._host = host

    def let_go(self) -> None:
        """Give the turn up, if there is one."""
        self._host = None
        self._held.close()

    def __enter__(self) -> Turns:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.let_go()
