"""``make demo``: the product shown working, in a temporary place, from an empty store to rows.

It goes the way a host app goes: the control API for everything, Dagster's daemon for the run, SQL
for the rows. It leaves nothing behind but, after a failure, the logs.
"""

from __future__ import annotations

import datetime as dt
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from sqlalchemy import MetaData, Row, create_engine, select
from sqlalchemy import Table as SqlTable

from impler_pipelines.errors import PipelineError, StateConflict
from impler_pipelines.settings import Settings
from impler_pipelines.store.engine import open_store, transaction
from impler_pipelines.store.projects import create_access_key
from impler_pipelines.supervisor.lifeline import Lifeline
from impler_pipelines.supervisor.parts import Parts, explicit_environment, inherited
from impler_pipelines.supervisor.ports import free_port
from impler_pipelines.supervisor.sample.import_job import (
    ControlApi,
    ensure_sample_job,
    sample_template,
)
from impler_pipelines.supervisor.sample.server import feed_url
from impler_pipelines.supervisor.spawn import spawn

START_LIMIT_SECONDS = 180.0
RUN_LIMIT_SECONDS = 180.0
_STOP_LIMIT_SECONDS = 40.0
_INTERRUPTED = 130
_DESTINATION_SCHEMA = "imports"
_FINAL = frozenset({"SUCCESS", "UNCHANGED", "FAILED", "CANCELLED"})


class _Interrupted(Exception):
    """Ctrl-C, SIGTERM, or the end of whoever started this."""


def run_demo() -> int:
    """Show it. Returns 0 when the rows arrived, 1 with the reason printed, 130 when interrupted.

    Everything it started has ended by then. Must be called in the main thread.
    """
    console = Console()
    home = Path(tempfile.mkdtemp(prefix="impler-demo-"))
    home.chmod(0o711)  # as root, PostgreSQL's own user must pass through
    with Lifeline() as lifeline:
        try:
            _Demo(home, lifeline, console).show()
        except _Interrupted:
            console.print(f"stopped ({lifeline.reason})")
            status = _INTERRUPTED
        except PipelineError as error:
            console.print(f"[red]The demo failed:[/] {error}", highlight=False, soft_wrap=True)
            console.print(f"Logs: {home / 'state' / 'logs'}", highlight=False, soft_wrap=True)
            return 1
        else:
            status = 0
    shutil.rmtree(home, ignore_errors=True)
    return status


class _Demo:
    """One demonstration in ``home``."""

    def __init__(self, home: Path, lifeline: Lifeline, console: Console) -> None:
        self.lifeline = lifeline
        self.console = console
        self.log = home / "stack.log"
        self.settings = Settings.load(
            home=home / "state",
            database_url="",
            destination_url="",
            api_host="127.0.0.1",
            api_port=free_port(),
            dagster_host="127.0.0.1",
            dagster_port=free_port(),
            dagster_url="",
            allow_private_addresses=True,  # the sample feed is on loopback
        )
        self.api_url = f"http://127.0.0.1:{self.settings.api_port}/v1"

    def show(self) -> None:
        """Start, import, show, stop."""
        self._say("Starting PostgreSQL, Dagster and the control API on free ports")
        with self._stack(), self._sample_feed() as url, self._api() as api:
            self._say(f"A shop serves its feed: {url}")
            template = sample_template(api)
            columns = ", ".join(column["name"] for column in template["columns"])
            self._say(f"A template says what the host app wants: {columns}")
            job = ensure_sample_job(api, url)
            every = job.get("scheduleText") or "on a schedule"
            self._say(f"A user's import job maps the feed to it ({every}); its first run is asked")
            run = self._finished_run(api, job)
            rows = self._rows(template, job)
            self._print(template, run, rows, api.call("GET", _rejects_path(job, run)))
            self._say("Stopping everything")
        self._print_what_next()

    def _say(self, line: str) -> None:
        self.console.print(f"[bold cyan]•[/] {line}", highlight=False, soft_wrap=True)

    @contextmanager
    def _stack(self) -> Iterator[None]:
        """The same stack as ``make run``, as a child; stopped at the end."""
        command = [sys.executable, "-m", "impler_pipelines.supervisor"]
        environment = inherited(explicit_environment(self.settings))
        stack = spawn(command, log=self.log, environment=environment, death_signal=signal.SIGTERM)
        try:
            self._wait_until_ready(stack)
            yield
        finally:
            _stop(stack)

    def _wait_until_ready(self, stack: subprocess.Popen[bytes]) -> None:
        """Until the stack says so; its lines are shown as they come."""
        deadline = time.monotonic() + START_LIMIT_SECONDS
        shown = 0
        while True:
            ended = stack.poll() is not None  # asked first, so that its last lines are read
            lines = self.log.read_text(errors="replace").splitlines()
            for line in lines[shown:]:
                if line == "ready":
                    return
                self.console.print(f"  [dim]{line}[/]", highlight=False, soft_wrap=True)
            shown = len(lines)
            if ended or time.monotonic() > deadline:
                raise StateConflict("the stack did not start: see the lines above")
            self._pause()

    @contextmanager
    def _sample_feed(self) -> Iterator[str]:
        port = free_port()
        spec = Parts(self.settings, {}).sample_feed(port)
        server = spec.launch()
        try:
            while not spec.ready():
                self._pause()
            yield feed_url(port)
        finally:
            _stop(server)

    def _api(self) -> ControlApi:
        engine = open_store(self.settings.store_url)
        try:
            with transaction(engine) as connection:
                return ControlApi(self.api_url, create_access_key(connection, "demo"))
        finally:
            engine.dispose()

    def _finished_run(self, api: ControlApi, job: dict[str, Any]) -> dict[str, Any]:
        """The first run, once Dagster's daemon has run it; raises when it failed."""
        began = time.monotonic()
        with self.console.status("") as waiting:
            while True:
                runs = api.call("GET", f"/import-jobs/{job['_id']}/runs")
                state = runs[-1]["status"] if runs else "not there yet"
                seconds = time.monotonic() - began
                if runs and state in _FINAL:
                    break
                if seconds > RUN_LIMIT_SECONDS:
                    raise StateConflict(f"the run was still {state} after {seconds:.0f} s")
                waiting.update(
                    f"waiting for the run that Dagster's daemon makes: {state}, {seconds:.0f} s"
                )
                self._pause()
        run = dict(runs[-1])
        if state != "SUCCESS":
            raise StateConflict(f"the run ended as {state}: {run.get('error')}")
        self._say(f"Dagster's daemon ran it: fetch, extract, map, load, in {seconds:.0f} s")
        return run

    def _rows(self, template: dict[str, Any], job: dict[str, Any]) -> list[Row[Any]]:
        """The loaded rows, read from the database as the host app would."""
        name = template["destinations"][0]["table"]
        keys = [column["key"] for column in template["columns"]]
        engine = create_engine(self.settings.default_destination_url)
        try:
            table = SqlTable(name, MetaData(schema=_DESTINATION_SCHEMA), autoload_with=engine)
            query = select(*(table.c[key] for key in keys)).order_by(table.c[keys[0]])
            with engine.connect() as connection:
                rows = connection.execute(query.where(table.c["_import_job_id"] == job["_id"]))
                return list(rows)
        finally:
            engine.dispose()

    def _print(
        self,
        template: dict[str, Any],
        run: dict[str, Any],
        rows: list[Row[Any]],
        rejects: list[dict[str, Any]],
    ) -> None:
        if not rows or len(rows) != run["valid"]:
            raise StateConflict(f"{len(rows)} rows arrived, and the run counts {run['valid']}")
        name = template["destinations"][0]["table"]
        title = f"{len(rows)} rows in {_DESTINATION_SCHEMA}.{name}"
        header = [column["name"] for column in template["columns"]]
        self.console.print(_table(title, header, [[_cell(value) for value in r] for r in rows]))
        reasons = [
            [str(reject["index"]), error["column"], _cell(error["value"]), error["message"]]
            for reject in rejects
            for error in reject["errors"]
        ]
        title = f"{len(rejects)} of {run['records']} records rejected"
        self.console.print(_table(title, ["record", "column", "value", "why"], reasons))

    def _print_what_next(self) -> None:
        self.console.print(
            "\n[bold]It works.[/] What to try next:\n"
            "  make run DEMO=1   the same, to stay: Dagster's UI on :3000, the API on :8000\n"
            "  .venv/bin/impler-pipelines headings URL   what a feed of yours offers\n"
            "  README.md         the requests of a host app, with curl\n",
            highlight=False,
        )

    def _pause(self) -> None:
        if self.lifeline.wait(0.3):
            raise _Interrupted


def _rejects_path(job: dict[str, Any], run: dict[str, Any]) -> str:
    return f"/import-jobs/{job['_id']}/runs/{run['_id']}/rejects"


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()  # its watcher ends what it leaves
        process.wait()


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, dt.datetime):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, str) and value.startswith("https://"):
        return f"…/{value.rpartition('/')[2]}"
    return "" if value is None else str(value)


def _table(title: str, header: list[str], rows: list[list[str]]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    table.box, table.padding, table.pad_edge = SIMPLE_HEAD, (0, 1, 0, 0), False
    for name in header:
        table.add_column(name, no_wrap=name != "why", overflow="ellipsis")
    for row in rows:
        table.add_row(*row)
    return table
