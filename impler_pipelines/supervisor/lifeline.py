"""Why and when the supervisor stops: signals, and the end of whoever started it.

It stops nothing itself.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from types import FrameType, TracebackType
from typing import Any

import psutil

_SIGNALS = {
    signal.SIGINT: "Ctrl-C",
    signal.SIGTERM: "SIGTERM",
    signal.SIGHUP: "the terminal is gone",
}
_SHELLS = frozenset({"sh", "dash", "bash", "ash", "zsh"})
_MAKES = frozenset({"make", "gmake", "gnumake"})
# A terminal and a wrapper may both pass on the same Ctrl-C: those come together.
_SECOND_PRESS_AFTER_SECONDS = 0.7


def _name(process: psutil.Process | None) -> str:
    try:
        return process.name() if process is not None else ""
    except psutil.Error:
        return ""


def ancestors_to_watch() -> list[psutil.Process]:
    """The processes whose end is ours: the parent, and through make whoever ran make.

    make survives the script that started it in the background, so make's parent counts too; a
    shell that make put between itself and us is passed over. Process 1 never ends.
    """
    watched: list[psutil.Process] = []
    for process in psutil.Process().parents():
        if process.pid <= 1:
            break
        watched.append(process)
        name = _name(process)
        between = name in _SHELLS and _name(process.parent()) in _MAKES
        if name not in _MAKES and not between:
            break
    return watched


def _has_ended(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return True


class Lifeline:
    """Within ``with``: handlers for SIGINT, SIGTERM and SIGHUP, even if they came in ignored.

    ``reason`` says why to stop, or is None. ``forced`` is set by a second Ctrl-C.
    """

    def __init__(self) -> None:
        self.reason: str | None = None
        self.forced = False
        self._first_interrupt = 0.0
        self._ancestors = ancestors_to_watch()
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Lifeline:
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        for number in _SIGNALS:
            self._before[number] = signal.signal(number, self._on_signal)
        # An end of a child wakes us up too; the default action would not write to the pipe.
        self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        self._old_wakeup = signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        signal.set_wakeup_fd(self._old_wakeup)
        for number, before in self._before.items():
            signal.signal(number, signal.SIG_DFL if before is None else before)
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        now = time.monotonic()
        if number == signal.SIGINT:
            if self._first_interrupt and now - self._first_interrupt > _SECOND_PRESS_AFTER_SECONDS:
                self.forced = True
            self._first_interrupt = self._first_interrupt or now
        self.reason = self.reason or _SIGNALS[signal.Signals(number)]

    def wait(self, seconds: float) -> bool:
        """Wait that long, less if a signal comes; True when it is time to stop."""
        if self.reason is None and any(_has_ended(process) for process in self._ancestors):
            self.reason = "the process that started this has ended"
        if self.reason is not None:
            return True
        self.pause(seconds)
        return self.reason is not None

    def pause(self, seconds: float) -> None:
        """Wait that long, less if a signal comes, a child's end included."""
        with contextlib.suppress(InterruptedError):
            select.select([self._wake_read], [], [], max(seconds, 0.0))
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_read, 4096)
