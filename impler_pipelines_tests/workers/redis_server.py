"""A Redis of a test's own on loopback, to be killed and started again with or without its data."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from impler_pipelines.supervisor.ports import free_port
from impler_pipelines.supervisor.spawn import spawn
from impler_pipelines_tests.end_to_end.running_stack import until

_START_LIMIT_SECONDS = 30.0


def find_redis() -> str | None:
    """The path of redis-server: this installation's, or one that is installed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return shutil.which("redis-server", path=path)


class RedisServer:
    """One server process at a time, always on the same port."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        self.directory.mkdir(exist_ok=True)
        program = find_redis()
        assert program is not None
        command = [
            *(program, "--port", str(self.port), "--bind", "127.0.0.1"),
            *("--dir", str(self.directory), "--appendonly", "yes", "--save", ""),
        ]
        self.process = spawn(command, log=self.directory / "log")
        until(self._listens, "a Redis that listens", _START_LIMIT_SECONDS)

    def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(10)

    def _listens(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0


@contextmanager
def redis_server(directory: Path) -> Iterator[RedisServer]:
    """A Redis that runs, and is gone afterwards."""
    server = RedisServer(directory)
    server.start()
    try:
        yield server
    finally:
        server.kill()
