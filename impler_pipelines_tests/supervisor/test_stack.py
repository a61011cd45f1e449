"""The real stack, as ``make run`` and ``make demo`` run it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from impler_pipelines.supervisor.descendants import MARK
from impler_pipelines.supervisor.ports import answers, free_port
from impler_pipelines_tests.supervisor.waiting import alive, family, kill, until

CLI = str(Path(sys.executable).with_name("impler-pipelines"))
START_LIMIT = 150.0


class RealStack:
    """``impler-pipelines run --demo`` in a temporary home on free ports."""

    def __init__(self, directory: Path) -> None:
        self.home = directory / "state"
        self.output = directory / "output"
        self.api_port, self.dagster_port = free_port(), free_port()
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("IMPLER_")},
            "IMPLER_HOME": str(self.home),
            "IMPLER_API_PORT": str(self.api_port),
            "IMPLER_DAGSTER_PORT": str(self.dagster_port),
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.seen: set[psutil.Process] = set()

    def start(self) -> subprocess.Popen[bytes]:
        with self.output.open("wb") as output:
            self.process = process = subprocess.Popen(
                [CLI, "run", "--demo"],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        until(
            lambda: "import job" in self.said() or process.poll() is not None,
            "the stack",
            START_LIMIT,
        )
        assert process.poll() is None, self.said()
        self.seen |= family(process.pid)
        return process

    def said(self) -> str:
        return self.output.read_text()

    def left(self) -> list[str]:
        """What still runs of everything seen, and whatever carries the home in its mark."""
        own = set(self.seen)
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK, "").startswith(f"{self.home}:"):
                    own.add(process)
            except (psutil.Error, OSError):
                continue
        return [str(process) for process in alive(own)]

    def get(self, path: str, access_key: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.api_port, timeout=30)
        try:
            connection.request("GET", path, headers={"accesskey": access_key})
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def dagster_jobs(self) -> list[str]:
        """The names of the jobs that Dagster's webserver has loaded."""
        query = (
            "{ repositoriesOrError { ... on RepositoryConnection { nodes { jobs { name } } } } }"
        )
        connection = http.client.HTTPConnection("127.0.0.1", self.dagster_port, timeout=30)
        try:
            headers = {"content-type": "application/json"}
            connection.request("POST", "/graphql", json.dumps({"query": query}), headers)
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        nodes = answer["data"]["repositoriesOrError"].get("nodes", [])
        return [job["name"] for node in nodes for job in node["jobs"]]

    def pid_of(self, words: str) -> int:
        assert self.process is not None
        for process in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.Error):  # it has just ended
                if words in " ".join(process.cmdline()):
                    return process.pid
        return 0


@pytest.fixture
def stack() -> Iterator[RealStack]:
    with tempfile.TemporaryDirectory(
        prefix="impler-stack-", ignore_cleanup_errors=True
    ) as directory:
        Path(directory).chmod(0o711)
        stack = RealStack(Path(directory))
        yield stack
        kill(stack.seen)
        if stack.process is not None:
            stack.process.kill()
            stack.process.wait(10)


@pytest.mark.slow
class TestRun:
    @pytest.mark.timeout(600)
    def test_it_survives_what_happens_to_it_and_leaves_nothing(self, stack: RealStack) -> None:
        process = stack.start()
        shown = re.search(r"access key +(\S+)", stack.said())
        assert shown is not None
        access_key = shown[1]
        (job,) = stack.get("/v1/import-jobs/user/demo-user", access_key)

        # A second start on the same home is refused, and says who has it.
        second = subprocess.run(
            [CLI, "run"], env=stack.environment, capture_output=True, text=True, timeout=60
        )
        assert second.returncode != 0
        assert f"process {process.pid} runs its database" in " ".join(second.stderr.split())

        # Killed children come back, the database among them.
        for words in ("control_api", "code-server", "bin/postgres"):
            killed = until(lambda w=words: stack.pid_of(w), words)
            os.kill(killed, signal.SIGKILL)
            until(lambda w=words, k=killed: stack.pid_of(w) not in (0, k), f"another {words}", 60)
        until(lambda: answers("127.0.0.1", stack.api_port, "/readyz"), "the API again", 60)
        name = f"import_{job['_id']}"
        until(lambda: name in stack.dagster_jobs(), f"{name} in Dagster again", 90)
        stack.seen |= family(process.pid)

        process.send_signal(signal.SIGINT)
        assert process.wait(45) == 0
        assert stack.left() == []

        # Started again, everything is as it was, and no second first key is made.
        process = stack.start()
        assert "access key" not in stack.said()
        (again,) = stack.get("/v1/import-jobs/user/demo-user", access_key)
        assert again["_id"] == job["_id"]

        # The supervisor's sudden death takes everything with it.
        process.kill()
        process.wait(10)
        until(lambda: not stack.left(), f"the end of {stack.left()}", 40)


@pytest.mark.slow
class TestDemo:
    @pytest.mark.timeout(600)
    def test_rows_and_rejects_are_shown_and_nothing_stays(self) -> None:
        with tempfile.TemporaryDirectory(prefix="impler-t-") as temporary:
            Path(temporary).chmod(0o711)
            environment = {**os.environ, "TMPDIR": temporary, "IMPLER_API_PORT": "1"}
            shown = subprocess.run(
                [CLI, "demo"], env=environment, capture_output=True, text=True, timeout=400
            )
            assert shown.returncode == 0, shown.stdout + shown.stderr
            assert "10 rows in imports.sample_products" in shown.stdout
            assert re.search(
                r"NL-001 +Trail lantern +34.90 +Light, Camp +…/nl-001.jpg +2026-03-02", shown.stdout
            )
            assert "2 of 12 records rejected" in shown.stdout
            left = [p for p in Path(temporary).iterdir() if p.name.startswith("impler-demo-")]
            assert left == []
