"""One supervised process: when it is started again, and how it is stopped. It waits for nothing."""

from __future__ import annotations

import contextlib
import logging
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from impler_pipelines import logs
from impler_pipelines.supervisor.descendants import descendants

LONGEST_BACKOFF_SECONDS = 30.0
STEADY_SECONDS = 60.0  # a life this long makes earlier failures forgotten
Ladder = tuple[tuple[signal.Signals, float], ...]


def backoff(failures: int) -> float:
    """Seconds to wait before the next start: 1, 2, 4, … and never more than 30."""
    return float(min(2.0 ** min(failures, 10), LONGEST_BACKOFF_SECONDS))


@dataclass(frozen=True)
class ChildSpec:
    """What a child is.

    - ``launch`` starts the process and returns at once; ``ready`` asks whether it serves yet.
    - ``stage`` orders the stop: the highest first, children of one stage together.
    - ``stop_signals``: each signal with the seconds it is given before the next one; they go to
      the process alone, unless ``with_descendants``.
    """

    name: str
    launch: Callable[[], subprocess.Popen[bytes]]
    log: Path
    ready: Callable[[], bool] = lambda: True
    start_limit: float = 120.0
    stage: int = 1
    stop_signals: Ladder = ((signal.SIGTERM, 6.5), (signal.SIGKILL, 1.0))
    with_descendants: bool = True


class Child:
    """The present process of a spec, with its history."""

    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec
        self.failures = 0
        self._started = 0.0
        self._retry_at: float | None = None
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, running: subprocess.Popen[bytes] | None = None) -> None:
        """Start a process, or take over one that is ``running``; there must be none yet."""
        again = self.process is not None
        self.process = running or self.spec.launch()
        self._started = time.monotonic()
        self._retry_at = None
        event = "part.restarted" if again else "part.started"
        logs.note(event, part=self.spec.name, part_pid=self.pid)

    @property
    def alive(self) -> bool:
        """Whether a process of this child runs now."""
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int | None:
        """The present or last process's id; None before the first start."""
        return self.process.pid if self.process is not None else None

    def how_it_ended(self) -> str:
        """``exit status 1`` or ``signal SIGKILL``."""
        status = self.process.returncode if self.process is not None else None
        if status is not None and status < 0:
            return f"signal {signal.Signals(-status).name}"
        return f"exit status {status}"

    def revive(self) -> str | None:
        """Notice an end, and start again when the backoff is over; returns what to say, if any."""
        now = time.monotonic()
        if self.alive:
            return None
        if self._retry_at is None:
            self.failures = 0 if now - self._started > STEADY_SECONDS else self.failures
            delay = backoff(self.failures)
            self.failures += 1
            self._retry_at = now + delay
            logs.note(
                "part.exited",
                level=logging.ERROR,
                part=self.spec.name,
                part_pid=self.pid,
                how=self.how_it_ended(),
                lived_seconds=now - self._started,
                restart_in_seconds=delay,
            )
            return (
                f"{self.spec.name} ended ({self.how_it_ended()});"
                f" starting it again in {delay:.0f} s (log: {self.spec.log})"
            )
        if now >= self._retry_at:
            self.start()
            return f"{self.spec.name} started again"
        return None

    def send(self, number: signal.Signals) -> None:
        """Send a signal, to its descendants as well if the spec says so."""
        if self.process is None:
            return
        below = descendants(self.process.pid) if self.spec.with_descendants else []
        self.process.send_signal(number)  # does nothing when it has ended
        for process in below:
            with contextlib.suppress(psutil.Error):
                process.send_signal(number)
