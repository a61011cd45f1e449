"""Processes below ours, and those marked as ours: finding, reaping and ending them.

It knows no child by name. A mark is an environment variable that every process of one stack
inherits, so that they are found even when the supervisor has been killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Callable, Collection, Iterable

import psutil

MARK = "IMPLER_STACK"  # its value is HOME:TOKEN; the token tells one start from the next
_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def become_subreaper() -> None:
    """On Linux: orphans below us become our children, not those of process 1."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap_orphans(known: Collection[int]) -> None:
    """Collect the exit status of ended children that nobody else (``known``) waits for."""
    for process in psutil.Process().children():
        with contextlib.suppress(psutil.Error, ChildProcessError):
            if process.pid not in known and process.status() == psutil.STATUS_ZOMBIE:
                os.waitpid(process.pid, os.WNOHANG)


def descendants(of: int | None = None) -> list[psutil.Process]:
    """Every process below ``of`` (default: this one), without itself."""
    try:
        return list(psutil.Process(of).children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def marked(accepts: Callable[[str], bool]) -> list[psutil.Process]:
    """Every other process whose mark is accepted."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            mark = process.environ().get(MARK)
            if mark is not None and process.pid != os.getpid() and accepts(mark):
                found.append(process)
    return found


def end(processes: Iterable[psutil.Process], patience: float) -> None:
    """Ask every process to end; by force after ``patience`` seconds."""
    alive = list(processes)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, alive = psutil.wait_procs(alive, timeout=patience)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=2)
