"""The control API on one core with 1,000 import jobs, asked by many at once from elsewhere."""

from __future__ import annotations

import http.client
import json
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from benchmarks.many import add_import_jobs, percentile, pinned
from benchmarks.results import Result
from benchmarks.stack import shop
from impler_pipelines_tests.measured_run import ROOT

_JOBS = 1_000
_CLIENTS = 4
_SECONDS = 30.0
_COMMAND = "python -m benchmarks api"


@dataclass
class Client:
    """One connection that lists, pauses and resumes in turn, each as soon as it has an answer."""

    url: str
    access_key: str
    job_ids: list[str]
    seconds: dict[str, list[float]] = field(
        default_factory=lambda: {"list": [], "pause": [], "resume": []}
    )
    errors: int = 0

    def ask(self, until: float) -> None:
        """Ask until then (monotonic)."""
        connection = http.client.HTTPConnection(str(urlsplit(self.url).netloc), timeout=30)
        while time.monotonic() < until:
            job_id = random.choice(self.job_ids)
            path = f"/v1/import-jobs/user/{job_id}"
            self._time(connection, "list", "GET", "/v1/import-jobs/user/ann")
            self._time(connection, "pause", "PUT", f"{path}/pause")
            self._time(connection, "resume", "PUT", f"{path}/resume")
        connection.close()

    def _time(
        self, connection: http.client.HTTPConnection, what: str, method: str, path: str
    ) -> None:
        began = time.perf_counter()
        connection.request(method, path, headers={"accesskey": self.access_key})
        answer = connection.getresponse()
        answer.read()
        self.seconds[what].append(time.perf_counter() - began)
        self.errors += answer.status != 200


def results(megabytes: int, runs: int) -> list[Result]:  # noqa: ARG001 - half a minute
    """p50 and p99 of list, pause and resume; requests a second."""
    with shop(only="database,api", rows_in_store=True) as one:
        stack = one.stack
        stack.stop()
        stack.environment["IMPLER_MAX_REQUESTS_PER_MINUTE"] = ""
        stack.start(only="database,api")
        ids = [job.id for job in add_import_jobs(stack, _JOBS)]
        pinned(stack.processes("api"), 0)
        given = json.dumps({"url": stack.api_url, "key": stack.access_key, "ids": ids})
        command = [sys.executable, "-m", "benchmarks.api_load"]
        answer = subprocess.run(
            command, input=given, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
        )
    found = json.loads(answer.stdout)

    def told(what: str, value: float, unit: str, reference: float | None = None) -> Result:
        name = f"the control API with {_JOBS:,} import jobs on one core: {what}"
        return Result(name, value, unit, reference, _COMMAND)

    asked = sum(map(len, found["seconds"].values()))
    return [
        told("requests", asked / _SECONDS, "/s"),
        told("errors, against requests", found["errors"], "requests", asked),
        *(
            told(f"{what}, p{percent}", percentile(seconds, percent) * 1000, "ms")
            for what, seconds in found["seconds"].items()
            for percent in (50, 99)
        ),
    ]


def main() -> None:
    """In a child: ask what standard input says, and print what it took as JSON."""
    given = json.load(sys.stdin)
    ids = given["ids"]
    # Each has import jobs of its own: a pause of a paused one would answer, a resume would not.
    clients = [Client(given["url"], given["key"], ids[n::_CLIENTS]) for n in range(_CLIENTS)]
    until = time.monotonic() + _SECONDS
    with ThreadPoolExecutor(_CLIENTS) as pool:
        for done in [pool.submit(client.ask, until) for client in clients]:
            done.result()
    seconds = {
        what: [one for client in clients for one in client.seconds[what]]
        for what in ("list", "pause", "resume")
    }
    print(json.dumps({"seconds": seconds, "errors": sum(client.errors for client in clients)}))


if __name__ == "__main__":
    main()
