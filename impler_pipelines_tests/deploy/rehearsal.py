"""``compose.yaml`` without containers: each service of ours a process, started as Compose would.

What is started with what, after whom, and when it counts as healthy is read from the file. Names of
services and their ports become ports of loopback, the image's places folders. PostgreSQL is the
tests' own; Redis is started by the file's command.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO

import psutil

from impler_pipelines.supervisor.ports import LOOPBACK, free_port
from impler_pipelines_tests.deploy.files import (
    DEPLOY,
    compose,
    image_environment,
    interpolate,
    words,
)
from impler_pipelines_tests.supervisor.waiting import until

_HEALTHY_SECONDS = 180.0
_STOP_SECONDS = 60.0
_NOT_INHERITED = re.compile("IMPLER_|DAGSTER_")


def redis_server() -> str | None:
    """Where Redis is, if it is installed."""
    beside = Path(sys.executable).with_name("redis-server")
    return str(beside) if beside.exists() else shutil.which("redis-server")


class Rehearsal:
    """All services of the file but the database, in ``directory``; leave it and all are stopped."""

    def __init__(self, directory: Path, database_url: str, **settings: str) -> None:
        self.directory, self.settings = directory, settings
        self.services = compose()["services"]
        self.ports = {port: str(free_port()) for port in ("3000", "4000", "6379", "8000")}
        self._stands_for = {
            "postgresql://impler:given@database/impler": database_url,
            "@redis/": f"@{LOOPBACK}:{self.ports['6379']}/",
            "redis-cli": f"redis-cli -p {self.ports['6379']}",
            "http://webserver:": f"http://{LOOPBACK}:",
            "host: code-server": f"host: {LOOPBACK}",
            "0.0.0.0": LOOPBACK,
            **{f"{place}/": f"{directory}{place}/" for place in ("/opt/dagster", "/var/lib")},
        }
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._logs: list[IO[bytes]] = []

    def local(self, text: str) -> str:
        """A text of the file as it reads here."""
        text = re.sub(r"\b[3-8]\d{3}\b", lambda port: self.ports.get(port[0], port[0]), text)
        for there, here in self._stands_for.items():
            text = text.replace(there, here)
        return text

    def __enter__(self) -> Rehearsal:
        image = image_environment()
        for place in (image["IMPLER_HOME"], f"{image['DAGSTER_HOME']}/storage"):
            Path(f"{self.directory}{place}").mkdir(parents=True)
        files = compose()["configs"]
        for placed in self.services["daemon"]["configs"]:
            source = DEPLOY / "compose" / files[placed["source"]]["file"]
            Path(self.local(placed["target"])).write_text(self.local(source.read_text()))
        try:
            for name in self._in_order():
                self._start(name)
        except BaseException:
            self._stop_all()
            raise
        return self

    def _in_order(self) -> list[str]:
        """The services after those that they depend on."""
        order = ["database"]
        while left := set(self.services) - set(order):
            ready = {n for n in left if set(self.services[n].get("depends_on", ())) <= set(order)}
            order += sorted(ready)
        return order[1:]

    def environment(self, name: str) -> dict[str, str]:
        """What a service's process finds in its environment."""
        service, image = self.services[name], image_environment()
        beside = Path(sys.executable).parent
        inherited = {n: v for n, v in os.environ.items() if not _NOT_INHERITED.match(n)}
        return {
            **inherited,
            **{n: self.local(f"{v}/").rstrip("/") for n, v in image.items()},
            **self.settings,  # settings.env
            "IMPLER_API_PORT": self.ports["8000"],
            **{n: self.local(interpolate(v)) for n, v in service["environment"].items()},
            "PATH": f"{beside}{os.pathsep}{os.environ['PATH']}",
            "HOSTNAME": socket.gethostname(),
        }

    def _start(self, name: str) -> None:
        service = self.services[name]
        command = [self.local(word) for word in words(service["command"])]
        if name == "redis":
            place = ["--port", self.ports["6379"], "--bind", LOOPBACK, "--dir", str(self.directory)]
            command = [str(redis_server()), *command[1:], *place]
        log = (self.directory / f"{name}.log").open("ab")
        self._logs.append(log)
        process = subprocess.Popen(
            command,
            env=self.environment(name),
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        self._running[name] = process
        if "healthcheck" in service:
            until(lambda: self._healthy(name), f"healthy {name}", _HEALTHY_SECONDS)
        else:
            assert process.wait(_HEALTHY_SECONDS) == 0, self.said(name)

    def _healthy(self, name: str) -> bool:
        assert self._running[name].poll() is None, self.said(name)
        form, *test = [
            self.local(interpolate(w)) for w in self.services[name]["healthcheck"]["test"]
        ]
        command = test if form == "CMD" else ["sh", "-c", *test]
        asked = subprocess.run(command, env=self.environment(name), capture_output=True, timeout=60)
        return asked.returncode == 0

    def run(self, name: str, *command: str) -> str:
        """``docker compose exec NAME COMMAND``: what it says."""
        done = subprocess.run(
            command, env=self.environment(name), capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def said(self, name: str) -> str:
        """The end of what a service has written."""
        return (self.directory / f"{name}.log").read_text()[-4000:]

    def stop(self, name: str) -> int:
        """``docker compose stop NAME``: SIGTERM, and how the process ended."""
        process = self._running.pop(name)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        return process.wait(_STOP_SECONDS)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop_all()

    def _stop_all(self) -> None:
        left = []
        for process in self._running.values():
            if process.poll() is None:
                parent = psutil.Process(process.pid)
                left += [parent, *parent.children(recursive=True)]
        try:
            for name in [*self._running][::-1]:
                self.stop(name)
        finally:
            for member in left:
                with suppress(psutil.NoSuchProcess):  # it has ended as it should
                    member.kill()
            for log in self._logs:
                log.close()
