"""``python -m benchmarks.warm_profile``: what a warm worker does in a run that finds nothing new.

A profiler looks at the workers from outside (py-spy; it wants root, or ``ptrace_scope`` 0) while
they do runs as fast as they go. What is shown is shares of a run's time, waiting for PostgreSQL and
the feed's host included, from the task's begin to its end.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.many import add_import_jobs
from benchmarks.punctual import hosts
from benchmarks.stack import shop
from benchmarks.warm import AT_A_TIME, WORKERS, run_all
from impler_pipelines_tests.end_to_end.running_stack import RunningStack, until

_RUNS = 200
_SECONDS = 30  # less than the runs take
_LOOKS_A_SECOND = 200
_TASK = "RunTask.__call__ "
# The first whose function a stack has names what is done; functions as py-spy writes them.
_DOES = {
    "Dagster writes an event of the run": ("EventMethods.handle_new_event ",),
    "Dagster opens its instance: dagster.yaml, storage": ("DagsterInstance.get ",),
    "Dagster reads its run": ("DagsterInstance.get_run_by_id ", "SqlRunStorage.get_run_records "),
    "what the run prints is kept": ("_kept ",),
    "the run is taken, so that no other process executes it": ("taken ",),
    "the store is read and written: begin, signs of life, end": ("Attempt.",),
    "the feed is asked for, and answers 304": ("fetch_to_artifact ",),
    "the rest of Dagster: plan, contexts, steps": ("core_execute_run ", _TASK),
}


def main() -> None:
    with hosts() as urls, shop(rows_in_store=True, workers=WORKERS) as one:
        jobs = add_import_jobs(one.stack, AT_A_TIME, url=lambda number: urls[number % len(urls)])
        until(lambda: len(one.stack.job_names()) > AT_A_TIME, "all Dagster jobs", 120)
        run_all(one.stack, jobs, len(jobs))  # the first runs load, those after them find a 304
        with tempfile.TemporaryDirectory() as folder:
            looks = _look(one.stack, Path(folder))
            run_all(one.stack, jobs, _RUNS)
            shares = _shares(line for file in looks() for line in file.read_text().splitlines())
    table = Table(title="A run on a warm worker whose feed answers 304", title_justify="left")
    table.add_column("what")
    table.add_column("% of its time", justify="right")
    for what, share in shares.items():
        table.add_row(what, f"{share:.0%}".rstrip("%"))
    Console().print(table)
    Console().print("  again: python -m benchmarks.warm_profile", highlight=False)


def _look(stack: RunningStack, folder: Path) -> Callable[[], list[Path]]:
    """Begin to look at each process that executes runs; the result waits for the files."""
    py_spy = Path(sys.executable).with_name("py-spy")
    spies: dict[Path, subprocess.Popen[bytes]] = {}
    for process in stack.processes("workers"):
        if process.children():
            continue
        file = folder / str(process.pid)
        spies[file] = subprocess.Popen(
            [
                *(py_spy, "record", "--pid", str(process.pid), "--output", file),
                *("--format", "raw", "--duration", str(_SECONDS), "--rate", str(_LOOKS_A_SECOND)),
            ],
            stdout=subprocess.DEVNULL,
        )

    def wait() -> list[Path]:
        if any(spy.wait(_SECONDS * 4) for spy in spies.values()):
            raise SystemExit("py-spy could not look at a worker")
        return list(spies)

    return wait


def _shares(stacks: Iterable[str]) -> dict[str, float]:
    """Of stacks with their counts, as py-spy writes them, those of tasks by what they do."""
    found: Counter[str] = Counter()
    for line in stacks:
        stack, _, count = line.rpartition(" ")
        if _TASK in stack:
            what = next(what for what, names in _DOES.items() if any(n in stack for n in names))
            found[what] += int(count)
    return {what: found[what] / found.total() for what in _DOES}


if __name__ == "__main__":
    main()
