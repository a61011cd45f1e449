"""Waiting for what other processes do: with a deadline, never by a fixed pause."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import psutil

T = TypeVar("T")


def until(probe: Callable[[], T], what: str, seconds: float = 30) -> T:
    """The first truthy answer of ``probe``; fails naming ``what`` when time is up."""
    deadline = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.05)


def pid_in(file: Path) -> int:
    return until(lambda: file.exists() and int(file.read_text()), f"{file.name}")


def alive(processes: set[psutil.Process]) -> set[psutil.Process]:
    """Those that still run; a zombie has ended, whoever has its number since.

    Numbers come again, for threads too: Linux has 32,768 of them on small machines.
    """
    running = set()
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                running.add(process)
    return running


def kill(processes: set[psutil.Process]) -> None:
    """SIGKILL of those that still run."""
    for process in alive(processes):
        with suppress(psutil.NoSuchProcess):  # one may take others with it
            process.kill()


def family(pid: int) -> set[psutil.Process]:
    """``pid`` and everything below it."""
    process = psutil.Process(pid)
    return {process, *process.children(recursive=True)}
