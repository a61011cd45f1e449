"""The product as its users meet it: the real processes, the control API, Dagster's GraphQL.

It knows no table and no module of the package; scenarios are in the tests.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import psutil
import requests

from impler_pipelines_tests.supervisor.waiting import alive, family, kill

CLI = str(Path(sys.executable).with_name("impler-pipelines"))
T = TypeVar("T")
# What the command lines of a part's own processes hold; a run's process is none of them.
_PARTS = {
    "webserver": "dagster-webserver",
    "daemon": "dagster-daemon",
    "api": "impler_pipelines.control_api",
    "code-server": "impler_pipelines.definitions",
    "database": "bin/postgres -D",
    "redis": "redis-server",
    "workers": "impler_pipelines.workers.app",
}
START_LIMIT_SECONDS = 150.0
STOP_LIMIT_SECONDS = 60.0
ENDED = frozenset({"SUCCESS", "UNCHANGED", "FAILED", "CANCELLED"})
_SELECTOR = {"repositoryLocationName": "impler_pipelines", "repositoryName": "imports"}


class RunningStack:
    """``impler-pipelines run`` in a home of its own.

    Rows go to an SQLite file beside it, or with ``rows_in_store`` to its own database.
    """

    def __init__(
        self, directory: Path, api_port: int, dagster_port: int, *, rows_in_store: bool = False
    ) -> None:
        self.home = directory / "state"
        self.rows_file = directory / "rows.db"
        self.output = directory / "output"
        self.api_url = f"http://127.0.0.1:{api_port}"
        self.graphql_url = f"http://127.0.0.1:{dagster_port}/graphql"
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("IMPLER_")},
            "IMPLER_HOME": str(self.home),
            "IMPLER_API_PORT": str(api_port),
            "IMPLER_DAGSTER_PORT": str(dagster_port),
            "IMPLER_DESTINATION_URL": "" if rows_in_store else f"sqlite:///{self.rows_file}",
            "IMPLER_ALLOW_PRIVATE_ADDRESSES": "1",
        }
        self.access_key = ""
        self.workers = 0  # warm ones, from the next start on
        self.process: subprocess.Popen[bytes] | None = None
        self._seen: set[psutil.Process] = set()

    def start(self, *, only: str | None = None) -> None:
        """Start it, or the parts named in ``only``, and return when it says that it is ready."""
        command = [CLI, "run", *(["--only", only] if only else [])]
        command += ["--workers", str(self.workers)] if self.workers else []
        with self.output.open("wb") as output:
            self.process = process = subprocess.Popen(
                command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        until(
            lambda: "\nready\n" in self.said() or process.poll() is not None,
            "a stack that is ready",
            START_LIMIT_SECONDS,
        )
        assert process.poll() is None, self.said()
        self._seen |= family(process.pid)
        if not self.access_key:
            self.access_key = self.new_access_key("shop")

    def stop(self) -> None:
        """SIGTERM; asserts that it ends well and that nothing of it is left."""
        assert self.process is not None
        self._seen |= family(self.process.pid)
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(STOP_LIMIT_SECONDS) == 0, self.said()
        left = alive(self._seen)
        assert not left, left

    def kill(self) -> None:
        """SIGKILL of whatever still runs, the supervisor first."""
        if self.process is not None and self.process.poll() is None:
            self._seen |= family(self.process.pid)
            self.process.kill()
            self.process.wait(10)
        kill(self._seen)

    def kill_part(self, part: str) -> None:
        """SIGKILL of one part's processes; returns once the supervisor has replaced them."""
        news = f"{part} started again"
        before = self.said().count(news)
        victims = self.processes(part)
        assert victims, f"no process of {part}"
        self._seen |= set(victims)
        kill(set(victims))
        until(lambda: self.said().count(news) > before, news, START_LIMIT_SECONDS)
        until(lambda: self._serves(part), f"{part} that serves again", START_LIMIT_SECONDS)

    def processes(self, part: str) -> list[psutil.Process]:
        """One part's own processes; those of runs are no part's."""
        assert self.process is not None
        words = _PARTS[part]
        below = psutil.Process(self.process.pid).children(recursive=True)
        return [process for process in below if words in " ".join(_command(process))]

    def _serves(self, part: str) -> bool:
        if part in ("daemon", "redis", "workers"):
            return True
        url = f"{self.api_url}/readyz" if part in ("api", "database") else self.graphql_url
        try:
            answer = requests.get(url, params={"query": "{version}"}, timeout=10)
        except requests.RequestException:
            return False
        return answer.ok

    def said(self) -> str:
        """What the supervisor has printed since it was started."""
        return self.output.read_text()

    def new_access_key(self, project: str) -> str:
        """An access key, made on the command line as a person makes one."""
        made = subprocess.run(
            [CLI, "keys", "create", "--project", project, "--json"],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return str(json.loads(made.stdout)["accessKey"])

    def call(
        self, method: str, path: str, body: Any = None, *, status: int = 200, access_key: str = ""
    ) -> Any:
        """One request to the control API, which must answer with ``status``; the decoded body."""
        headers = {"accesskey": access_key or self.access_key}
        answer = _send(method, f"{self.api_url}{path}", body, headers)
        assert answer.status_code == status, f"{method} {path}: {answer.text}"
        return answer.json()

    def read(self, job_id: str) -> dict[str, Any]:
        """The import job as the API shows it."""
        return dict(self.call("GET", f"/v1/import-jobs/{job_id}"))

    def runs(self, job_id: str) -> list[dict[str, Any]]:
        """The import job's history, newest first."""
        return list(self.call("GET", f"/v1/import-jobs/{job_id}/runs"))

    def ended(self, job_id: str, trigger: str) -> list[dict[str, Any]]:
        """Those of its runs that are over and had that trigger, newest first."""
        return [r for r in self.runs(job_id) if r["trigger"] == trigger and r["status"] in ENDED]

    def rows(self, table: str, columns: str) -> list[tuple[Any, ...]]:
        """What a table in the destination holds, in the order of its first column."""
        with closing(sqlite3.connect(self.rows_file)) as connection:
            query = f"SELECT {columns} FROM {table} ORDER BY 1"
            return connection.execute(query).fetchall()

    def dagster(self, document: str, **variables: Any) -> dict[str, Any]:
        """One GraphQL request to Dagster's webserver; its ``data``."""
        body = {"query": document, "variables": variables}
        answer = _send("POST", self.graphql_url, body).json()
        assert "errors" not in answer, answer
        return dict(answer["data"])

    def schedule_status(self, job_id: str) -> str | None:
        """RUNNING or STOPPED as Dagster has it; None while it does not know the schedule."""
        state = self._schedule_state(job_id)
        return state["status"] if state else None

    def start_schedule(self, job_id: str) -> None:
        """Switch the schedule on in Dagster, as a data engineer does in its UI."""
        document = """mutation ($selector: ScheduleSelector!) {
          startSchedule(scheduleSelector: $selector) { ... on ScheduleStateResult {
            scheduleState { status } } } }"""
        selector = {**_SELECTOR, "scheduleName": f"import_{job_id}_schedule"}
        answer = self.dagster(document, selector=selector)
        assert answer["startSchedule"]["scheduleState"]["status"] == "RUNNING"

    def stop_schedule(self, job_id: str) -> None:
        """Switch the schedule off in Dagster, as a data engineer does in its UI."""
        document = """mutation ($id: String!) {
          stopRunningSchedule(id: $id) { ... on ScheduleStateResult {
            scheduleState { status } } } }"""
        state = self._schedule_state(job_id)
        assert state is not None
        answer = self.dagster(document, id=state["id"])
        assert answer["stopRunningSchedule"]["scheduleState"]["status"] == "STOPPED"

    def launch(self, job_id: str) -> str:
        """Launch the Dagster job with no tags of ours, as the UI does; the Dagster run's id."""
        document = """mutation ($params: ExecutionParams!) {
          launchRun(executionParams: $params) {
            __typename ... on LaunchRunSuccess { run { runId } } } }"""
        params = {"selector": {**_SELECTOR, "jobName": f"import_{job_id}"}}
        answer = self.dagster(document, params=params)["launchRun"]
        assert answer["__typename"] == "LaunchRunSuccess"
        return str(answer["run"]["runId"])

    def tags(self, dagster_run_id: str) -> dict[str, str]:
        """The tags of a Dagster run."""
        document = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { tags { key value }}}}"
        run = self.dagster(document, id=dagster_run_id)["runOrError"]
        return {tag["key"]: tag["value"] for tag in run["tags"]}

    def run_status(self, dagster_run_id: str) -> str:
        """The state of a Dagster run, in its own words."""
        document = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status }}}"
        return str(self.dagster(document, id=dagster_run_id)["runOrError"]["status"])

    def job_names(self) -> set[str]:
        """The Dagster jobs of the code location."""
        document = """query ($selector: RepositorySelector!) {
          repositoryOrError(repositorySelector: $selector) { ... on Repository {
            jobs { name } } } }"""
        repository = self.dagster(document, selector=_SELECTOR)["repositoryOrError"]
        return {job["name"] for job in repository["jobs"]}

    def _schedule_state(self, job_id: str) -> dict[str, str] | None:
        document = """query ($selector: ScheduleSelector!) {
          scheduleOrError(scheduleSelector: $selector) { ... on Schedule {
            scheduleState { id status } } } }"""
        selector = {**_SELECTOR, "scheduleName": f"import_{job_id}_schedule"}
        schedule = self.dagster(document, selector=selector)["scheduleOrError"]
        state: dict[str, str] | None = schedule.get("scheduleState")
        return state


def until(probe: Callable[[], T], what: str, seconds: float) -> T:
    """The first truthy answer of ``probe``; fails naming ``what`` when time is up.

    It asks twice a second: on a small machine more would take the stack's time away.
    """
    deadline = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.5)


def _command(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:  # it has just ended
        return []


def _send(
    method: str, url: str, body: Any, headers: Mapping[str, str] | None = None
) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False  # no proxy stands between two processes of one machine
        return session.request(method, url, json=body, headers=headers, timeout=60)


@contextmanager
def stack_in_a_temporary_home(
    api_port: int, dagster_port: int, *, rows_in_store: bool = False
) -> Iterator[RunningStack]:
    """A stack that is not started yet; whatever still runs at the end is killed."""
    with tempfile.TemporaryDirectory(prefix="impler-e2e-", ignore_cleanup_errors=True) as place:
        directory = Path(place)
        directory.chmod(0o711)  # as root, PostgreSQL's own user must pass through
        stack = RunningStack(directory, api_port, dagster_port, rows_in_store=rows_in_store)
        try:
            yield stack
        finally:
            stack.kill()
