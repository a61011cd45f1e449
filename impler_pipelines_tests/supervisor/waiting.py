"""Waiting for what other processes do: with a deadline, never by a fixed pause."""

from __future__ import annotations

import time
from collections.abc import Callable
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


def alive(pids: set[int]) -> set[int]:
    """Those that still run; a zombie has ended."""
    running = set()
    for pid in pids:
        try:
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                running.add(pid)
        except psutil.NoSuchProcess:
            continue
    return running


def family(pid: int) -> set[int]:
    """``pid`` and everything below it."""
    return {pid} | {process.pid for process in psutil.Process(pid).children(recursive=True)}
