"""A program that ends a stack's processes after the supervisor itself was killed.

``python -m impler_pipelines.supervisor.watcher PARENT MARK DATA``: waits for the end of its parent,
the supervisor, then ends everything that carries ``MARK``, and the PostgreSQL server on ``DATA``
unless that is ``-``. While the supervisor lives it does nothing.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

import psutil

from impler_pipelines.supervisor.descendants import end, marked
from impler_pipelines.supervisor.postgres_cluster import running_postmaster

_POLL_SECONDS = 0.5
_PATIENCE_SECONDS = 4.0


def watch(parent: int, mark: str, data: str) -> None:
    """Return when the parent has ended and nothing of its stack is left."""
    while os.getppid() == parent:
        time.sleep(_POLL_SECONDS)
    while left := marked(lambda found: found == mark):  # again: one may just have started another
        end(left, _PATIENCE_SECONDS)
    postmaster = None if data == "-" else running_postmaster(Path(data))
    if postmaster is not None:
        with contextlib.suppress(psutil.Error):
            postmaster.send_signal(signal.SIGINT)


if __name__ == "__main__":
    watch(int(sys.argv[1]), *sys.argv[2:])
