"""A client in a process of its own, which fetches what a test's server floods it with.

``python -m impler_pipelines_tests.sources.flood URL SECONDS`` fetches it with a cap of 10 MB and
prints what came of it, with the seconds and the peak of memory that it took.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from dataclasses import dataclass

from impler_pipelines_tests.measured_run import ROOT, cpu_seconds, peak_mb


@dataclass(frozen=True)
class Outcome:
    """``came_of``: the error's name and message. ``mb``: beyond what an empty fetch takes."""

    came_of: str
    seconds: float
    cpu_seconds: float
    mb: float


def fetched(url: str, seconds: float = 300) -> Outcome:
    """What came of fetching ``url`` with a time-out of ``seconds``."""
    command = [sys.executable, "-m", "impler_pipelines_tests.sources.flood", url, str(seconds)]
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True, timeout=120
    )
    return Outcome(**json.loads(done.stdout))


def main(url: str, seconds: float) -> None:
    """Fetch ``url``; print what came of it."""
    from impler_pipelines.errors import PipelineError
    from impler_pipelines.sources import FetchPolicy, fetch

    policy = FetchPolicy(
        allow_private_addresses=True, max_bytes=10_000_000, timeout_seconds=seconds
    )
    before, cpu_before, began = peak_mb(), cpu_seconds(), time.monotonic()
    try:
        fetch(url, io.BytesIO(), policy=policy)
        came_of = "fetched"
    except PipelineError as error:
        came_of = f"{type(error).__name__}: {error}"
    print(
        json.dumps(
            {
                "came_of": came_of,
                "seconds": time.monotonic() - began,
                "cpu_seconds": cpu_seconds() - cpu_before,
                "mb": peak_mb() - before,
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
