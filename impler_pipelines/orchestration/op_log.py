"""What one op's work on a Run tells: ids on its lines, its retries, how long it took.

It never fails an op: where the store can't be reached, what was to be counted is lost.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Mapping
from typing import Any

from impler_pipelines import logs
from impler_pipelines.errors import StoreUnavailable
from impler_pipelines.model import Run
from impler_pipelines.orchestration.runtime import Runtime
from impler_pipelines.store.runs.telling import ids_of
from impler_pipelines.store.tallies import Tally, add_tallies, observation


class OpLog:
    """From an op's beginning to its end, however it ends; ``begun`` once its Run is known."""

    def __init__(self, runtime: Runtime, op: str) -> None:
        logs.this_is("run")
        self._runtime, self._op = runtime, op
        self._started = time.perf_counter()
        self._before: Mapping[str, Any] | None = None
        self._tallies: list[Tally] = []

    def begun(self, run: Run) -> None:
        """Bind the Run's ids to what is told from now on."""
        self._before = logs.bind(**ids_of(run), op=self._op)

    def retried(self, error: Exception, *, attempt: int, wait_seconds: float) -> None:
        """The op failed for now and is tried again after the wait."""
        logs.note(
            "op.retried",
            level=logging.WARNING,
            op=self._op,
            attempt=attempt,
            wait_seconds=wait_seconds,
            error=str(error),
        )
        self._tallies.append(Tally("op_retries", self._op, 1))

    def ended(self) -> None:
        """Count the op's seconds and retries, and let go of the ids."""
        if self._before is None:
            return
        seconds = time.perf_counter() - self._started
        logs.note("op.ended", level=logging.DEBUG, seconds=seconds)
        logs.rebind(self._before)
        with contextlib.suppress(StoreUnavailable), self._runtime.transaction() as connection:
            add_tallies(
                connection, *self._tallies, *observation("op_duration_seconds", self._op, seconds)
            )
