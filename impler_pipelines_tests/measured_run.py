"""One run of an import job in a process of its own, as Dagster launches it, measured op by op.

``python -m impler_pipelines_tests.measured_run IMPORT_JOB_ID`` imports what a run's process imports
and executes the job that the repository builds. A hook after each op reads the process's own CPU
time and peak memory and resets that peak. The last line of its output is JSON.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
IMPORTS, FETCH, EXTRACT, MAP, LOAD, END = LAPS = (
    "imports",
    "fetch_feed",
    "extract_records",
    "map_columns",
    "load_rows",
    "end",
)


@dataclass(frozen=True)
class Lap:
    """What an op, or the time before or after all of them, has taken; ``peak_mb`` is absolute."""

    cpu_seconds: float
    wall_seconds: float
    peak_mb: float


@dataclass(frozen=True)
class MeasuredRun:
    """``laps`` are those of ``LAPS`` that came to pass; ``modules`` all that were imported."""

    success: bool
    laps: dict[str, Lap]
    modules: frozenset[str]

    @property
    def peak_mb(self) -> float:
        """The peak of the whole process, Dagster's imports included."""
        return max(lap.peak_mb for lap in self.laps.values())

    @property
    def cpu_seconds(self) -> float:
        """Of the whole process, from its start to the run's end."""
        return sum(lap.cpu_seconds for lap in self.laps.values())


def measured_run(import_job_id: str, environment: Mapping[str, str]) -> MeasuredRun:
    """Run it once, with the ``IMPLER_`` variables of ``environment``."""
    answer = subprocess.run(
        [sys.executable, "-m", "impler_pipelines_tests.measured_run", import_job_id],
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if not k.startswith("IMPLER_")} | {**environment},
        check=False,
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    laps = {name: Lap(**lap) for name, lap in found["laps"].items()}
    return MeasuredRun(found["success"], laps, frozenset(found["modules"]))


def cpu_seconds() -> float:
    """User and system time of this process and all its threads so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak_mb(pid: int | None = None) -> float:
    """The peak memory of this process, or on Linux of any other.

    Linux keeps ru_maxrss over exec, so that the parent's size would count: ask for our own.
    """
    status = Path(f"/proc/{pid or 'self'}/status")
    if status.exists():
        (line,) = [x for x in status.read_text().splitlines() if x.startswith("VmHWM")]
        return int(line.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _forget_peak() -> None:
    """Let ``peak_mb`` start anew from what is in memory now, where the system can."""
    control = Path("/proc/self/clear_refs")
    if control.exists():
        control.write_text("5")


class _Laps:
    def __init__(self) -> None:
        self.done: dict[str, dict[str, float]] = {}
        self._cpu, self._wall = 0.0, time.monotonic()

    def end(self, name: str) -> None:
        """The lap of that name ends now and the next begins."""
        cpu, wall = cpu_seconds(), time.monotonic()
        self.done[name] = {
            "cpu_seconds": cpu - self._cpu,
            "wall_seconds": wall - self._wall,
            "peak_mb": peak_mb(),
        }
        self._cpu, self._wall = cpu, wall
        _forget_peak()


def main(import_job_id: str) -> None:
    """Run the import job and print what it took."""
    laps = _Laps()

    from dagster import HookContext, success_hook

    from impler_pipelines.definitions import imports
    from impler_pipelines.orchestration.instance import dagster_instance
    from impler_pipelines.orchestration.names import job_name
    from impler_pipelines.settings import Settings

    @success_hook
    def end_lap(context: HookContext) -> None:
        laps.end(context.op.name)

    settings = Settings.load()
    job = imports.get_job(job_name(import_job_id)).with_hooks({end_lap})
    with dagster_instance(settings) as instance:
        laps.end(IMPORTS)
        result = job.execute_in_process(
            instance=instance,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
        )
        laps.end(END)
    answer = {"success": result.success, "laps": laps.done, "modules": sorted(sys.modules)}
    print(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1])
