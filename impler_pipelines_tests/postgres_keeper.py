"""Keeps one embedded PostgreSQL running for a whole test session, shared by its workers.

A program of its own: ``python -m impler_pipelines_tests.postgres_keeper HOME PID``. It stops the
server on SIGTERM, or when the process ``PID`` (pytest's controller) has ended, however it ended.
"""

from __future__ import annotations

import shutil
import signal
import sys
import threading
from pathlib import Path

import psutil

from impler_pipelines.settings import Settings
from impler_pipelines.supervisor.embedded_postgres import EmbeddedPostgres


def test_server(home: Path) -> EmbeddedPostgres:
    """The session's server on ``home``; whatever the environment says about databases."""
    return EmbeddedPostgres(Settings.load(home=home, database_url=""), durable=False)


def keep(home: Path, controller: psutil.Process) -> None:
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stopped.set())
    server = test_server(home)
    server.start()
    try:
        (home / "postgres.ready").touch()
        while not stopped.wait(0.5) and controller.is_running():
            pass
    finally:
        server.stop()
        if not stopped.is_set():  # the controller was killed: nobody else removes it
            shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    keep(Path(sys.argv[1]), psutil.Process(int(sys.argv[2])))
