"""``python -m benchmarks [SUITE…]``: a table, also into ``benchmarks/results.json``.

``--megabytes`` (or BENCH_MEGABYTES) sizes the feed; ``extraction`` and ``runs`` also take one of
ten times the size. Only results of the usual size are written, into the docs' tables as well.
The feeds stay in ``benchmarks/.work``.
"""

from __future__ import annotations

import argparse
import importlib
import os
import time
from pathlib import Path

from rich.console import Console

from benchmarks.results import Result, print_table, update_tables, write

SUITES = {
    "extraction": ("extraction", "results"),
    "mapping": ("mapping", "results"),
    "loading": ("loading", "results"),
    "runs": ("running", "results"),
    "launched": ("running", "launched"),
    "latency": ("stack", "latency"),
    "unchanged": ("stack", "unchanged"),
    "api": ("api_load", "results"),
    "pauses": ("punctual", "pauses"),
    "due": ("punctual", "due"),
    "scale-100": ("scale", "hundred"),
    "scale-1000": ("scale", "thousand"),
    "scale-5000": ("scale", "five_thousand"),
    "sync": ("sync", "results"),
    "warm": ("warm", "warm"),
    "warm-due": ("warm", "warm_due"),
}
RESULTS = Path(__file__).parent / "results.json"
DOCUMENT = Path(__file__).parent.parent / "docs" / "benchmarks.md"
_DEFAULT_MEGABYTES = 100


def main() -> None:
    given = _arguments()
    progress = Console(stderr=True)
    began = time.monotonic()
    found: list[Result] = []
    for name in given.suites or SUITES:
        module, function = SUITES[name]
        progress.print(f"[{time.monotonic() - began:4.0f} s] {name}", highlight=False, markup=False)
        suite = importlib.import_module(f"benchmarks.{module}")
        measured: list[Result] = getattr(suite, function)(given.megabytes, given.runs)
        if given.megabytes == _DEFAULT_MEGABYTES:
            _keep(measured, progress)
        found += measured
    if given.megabytes == _DEFAULT_MEGABYTES:
        from benchmarks import bill  # it loads Dagster, which is not to be beside what is measured

        bill.update()
    print_table(found)


def _keep(found: list[Result], progress: Console) -> None:
    """At once: a suite that fails later takes nothing of it away."""
    write(found, RESULTS)
    progress.print(f"written: {RESULTS}", highlight=False, soft_wrap=True)
    for name in update_tables(found, DOCUMENT):
        progress.print(f"no row in {DOCUMENT.name}: {name}", highlight=False, soft_wrap=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=", ".join(SUITES))
    size = int(os.environ.get("BENCH_MEGABYTES", _DEFAULT_MEGABYTES))
    parser.add_argument("--megabytes", type=int, default=size, help=f"{_DEFAULT_MEGABYTES}")
    parser.add_argument("--runs", type=int, default=5, help="medians are of so many runs: 5")
    given = parser.parse_args()
    unknown = set(given.suites) - set(SUITES)
    if unknown:
        parser.error(f"{', '.join(sorted(unknown))}: the suites are {', '.join(SUITES)}")
    return given


if __name__ == "__main__":
    main()
