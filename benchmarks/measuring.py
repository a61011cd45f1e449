"""One measurement in a process of its own: CPU seconds, wall seconds, peak memory. No tables."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from impler_pipelines_tests.measured_run import ROOT, cpu_seconds, peak_mb


@dataclass(frozen=True)
class Measured:
    """``peak_mb`` is of the whole process, imports included; the seconds are of the work alone."""

    cpu_seconds: float
    wall_seconds: float
    peak_mb: float
    amount: int


def measure(work: Callable[[], int], *, whole: bool = False) -> None:
    """In a child: do the work, which returns its amount, and print what it took as JSON.

    ``whole``: the CPU seconds are those since the process's start.
    """
    cpu, wall = 0.0 if whole else cpu_seconds(), time.perf_counter()
    amount = work()
    seconds = {"cpu_seconds": cpu_seconds() - cpu, "wall_seconds": time.perf_counter() - wall}
    print(json.dumps({**seconds, "peak_mb": peak_mb(), "amount": amount}))


def measured(
    module: str, *arguments: object, environment: Mapping[str, str] | None = None
) -> Measured:
    """Run ``python -m module arguments``, which calls ``measure``, and return what it printed."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    answer = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE)
    return Measured(**json.loads(answer.stdout.splitlines()[-1]))


def medians(
    variants: Sequence[str], run: Callable[[str], Measured], runs: int
) -> dict[str, Measured]:
    """The medians of ``runs`` runs of each variant, in turns: noise then hits all of them alike."""
    seen: dict[str, list[Measured]] = {variant: [] for variant in variants}
    for _ in range(runs):
        for variant in variants:
            seen[variant].append(run(variant))
    return {variant: _median(found) for variant, found in seen.items()}


def process_cpu_seconds(command: Sequence[str], environment: dict[str, str]) -> float:
    """CPU seconds of a whole process and those it has waited for, from start to end."""
    process = subprocess.Popen(
        command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def _median(found: Sequence[Measured]) -> Measured:
    values: dict[str, Any] = {
        name: statistics.median(getattr(one, name) for one in found)
        for name in ("cpu_seconds", "wall_seconds", "peak_mb")
    }
    return Measured(**values, amount=found[0].amount)
