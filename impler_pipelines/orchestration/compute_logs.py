"""What a Dagster run prints: kept in its two files, and shown where its process prints to.

Dagster's manager starts a ``tail`` and a Python to watch over it for each of both: on a warm worker
a third of what a run costs that finds nothing new. Here a thread does it. Dagster has no public
name for what this builds on, which was read in 1.13.27.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import IO, Any, Self

from dagster import StringSource
from dagster._core.execution.compute_logs import redirect_to_file
from dagster._core.storage.compute_log_manager import CapturedLogContext, ComputeIOType
from dagster._core.storage.local_compute_log_manager import (
    IO_TYPE_EXTENSION,
    LocalComputeLogManager,
)
from dagster._serdes import ConfigurableClassData

_SHOWN_AFTER_SECONDS = 0.2


class ComputeLogs(LocalComputeLogManager):
    """The ``compute_logs`` of ``dagster.yaml``: in ``storage`` below ``home``, as Dagster's own."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """``home`` is Dagster's."""
        return {"home": StringSource}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """As Dagster makes it."""
        return cls(str(Path(config_value["home"]) / "storage"), inst_data=inst_data)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Iterator[CapturedLogContext]:
        """Until the context ends, what this process prints is that run's."""
        out, err = (
            Path(self.get_captured_local_path(log_key, IO_TYPE_EXTENSION[kind]))
            for kind in (ComputeIOType.STDOUT, ComputeIOType.STDERR)
        )
        with _kept(sys.stdout, out), _kept(sys.stderr, err):
            yield CapturedLogContext(log_key)
        Path(self.get_captured_local_path(log_key, "complete")).touch()


@contextmanager
def _kept(stream: IO[str], path: Path) -> Iterator[None]:
    """What is printed to ``stream``, by whatever, goes to the file, and from there to where it did.

    So what a process says that dies is in the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as printed, os.fdopen(os.dup(stream.fileno()), "wb", 0) as before:
        printed.seek(0, os.SEEK_END)
        ended = Event()
        shows = Thread(target=_show, args=(printed, before, ended), daemon=True)
        shows.start()
        try:
            with redirect_to_file(stream, str(path)):
                yield
        finally:
            ended.set()
            shows.join()


def _show(printed: IO[bytes], before: IO[bytes], ended: Event) -> None:
    has_ended = False
    while not has_ended:
        has_ended = ended.wait(_SHOWN_AFTER_SECONDS)
        with suppress(OSError):  # where nobody reads it any more, it stays in the file
            shutil.copyfileobj(printed, before)
