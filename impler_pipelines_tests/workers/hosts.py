"""Workers on hosts of their own: what they have in common with the API is what they are given.

A host is a home, a working directory and an environment; the kernel is one.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from impler_pipelines.settings import Settings
from impler_pipelines.supervisor.ports import free_port
from impler_pipelines.supervisor.spawn import spawn
from impler_pipelines_tests.end_to_end.running_stack import (
    CLI,
    RunningStack,
    stack_in_a_temporary_home,
    until,
)
from impler_pipelines_tests.supervisor.waiting import family, kill
from impler_pipelines_tests.workers.redis_server import RedisServer, redis_server

STOP_LIMIT_SECONDS = 60.0


class WorkerHost:
    """``impler-pipelines worker`` with an environment of its own."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self.log = directory / "log"
        self._directory = directory
        self._environment = environment | {"IMPLER_HOME": str(directory / "home")}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, **more: str) -> None:
        """Start it, with more variables in its environment."""
        command = [CLI, "worker", "--concurrency", "1"]
        self._process = spawn(
            command,
            log=self.log,
            environment=self._environment | more,
            directory=self._directory,
        )

    def stop(self) -> None:
        """SIGTERM; asserts that it ends well."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        self.ends()

    def ends(self, status: int = 0) -> None:
        """Return when it has ended by itself, with that status."""
        assert self._process is not None
        assert self._process.wait(STOP_LIMIT_SECONDS) == status, self.said()

    def kill(self) -> None:
        """SIGKILL of all of it."""
        if self._process is not None and self._process.poll() is None:
            kill(family(self._process.pid))
            self._process.wait(10)

    def said(self) -> str:
        """What it has logged."""
        return self.log.read_text() if self.log.exists() else ""


class Installation:
    """A stack whose workers are elsewhere, and its broker."""

    def __init__(self, stack: RunningStack, redis: RedisServer, hosts: ExitStack) -> None:
        self.stack, self.redis = stack, redis
        self.shared = {
            "IMPLER_BROKER_URL": redis.url,
            "IMPLER_SECRET_KEY": "of the whole installation",
            "IMPLER_ALLOW_PRIVATE_ADDRESSES": "1",
        }
        self._hosts = hosts

    def start(self, **more: str) -> None:
        """Start all but workers, with more variables that all hosts share."""
        self.shared |= more
        self.stack.environment |= self.shared
        self.stack.start()
        self.shared["IMPLER_DATABASE_URL"] = Settings(home=self.stack.home).plain_store_url

    def host(self, name: str) -> WorkerHost:
        """A host for a worker that is not started yet."""
        directory = self.stack.home.parent / name
        directory.mkdir()
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("IMPLER_")}
        host = WorkerHost(directory, inherited | self.shared)
        self._hosts.callback(host.kill)
        return host


@contextmanager
def installation() -> Iterator[Installation]:
    """One that is not started yet; whatever still runs at the end is killed."""
    with (
        tempfile.TemporaryDirectory(prefix="impler-redis-") as place,
        redis_server(Path(place)) as redis,
        stack_in_a_temporary_home(free_port(), free_port(), rows_in_store=True) as stack,
        ExitStack() as hosts,
    ):
        yield Installation(stack, redis, hosts)


def ends(stack: RunningStack, job_id: str, run_id: str, seconds: float) -> dict[str, object]:
    """The Run, once it is over."""
    path = f"/v1/import-jobs/{job_id}/runs/{run_id}"
    until(lambda: stack.call("GET", path)["endedAt"], f"the end of run {run_id}", seconds)
    return dict(stack.call("GET", path))
