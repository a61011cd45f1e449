"""Keeps one stack running for a whole test session, shared by the browser tests of its workers.

A program of its own: ``python -m impler_pipelines_tests.stack_keeper HOME PID``. It stops the
stack on SIGTERM, or when the process ``PID`` (pytest's controller) has ended, however it ended;
the stack stops by itself should the keeper be killed.
"""

from __future__ import annotations

import json
import shutil
import signal
import sys
import threading
from pathlib import Path

import psutil

from impler_pipelines.supervisor.ports import free_port
from impler_pipelines_tests.end_to_end.running_stack import RunningStack

_ACCESS = "stack.access"


def running(home: Path) -> RunningStack:
    """The session's running stack, which loads into its own database; never start or stop it."""
    access = json.loads((home / _ACCESS).read_text())
    stack = _stack(home, access["apiPort"], access["dagsterPort"])
    stack.access_key = access["accessKey"]
    return stack


def _stack(home: Path, api_port: int, dagster_port: int) -> RunningStack:
    return RunningStack(home / "stack", api_port, dagster_port, rows_in_store=True)


def keep(home: Path, controller: psutil.Process) -> None:
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stopped.set())
    (home / "stack").mkdir(mode=0o711)  # as root, PostgreSQL's own user must pass through
    ports = free_port(), free_port()
    stack = _stack(home, *ports)
    try:
        stack.start()
        access = {"apiPort": ports[0], "dagsterPort": ports[1], "accessKey": stack.access_key}
        (home / _ACCESS).write_text(json.dumps(access))
        (home / "stack.ready").touch()
        while not stopped.wait(0.5) and controller.is_running():
            pass
        stack.stop()
    finally:
        stack.kill()
        if not stopped.is_set():  # the controller was killed: nobody else removes it
            shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    keep(Path(sys.argv[1]), psutil.Process(int(sys.argv[2])))
