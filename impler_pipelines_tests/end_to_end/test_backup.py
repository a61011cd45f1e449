"""Backup and restore by the very commands that ``docs/operations.md`` tells."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from impler_pipelines.store.migrations import migrate
from impler_pipelines.supervisor.embedded_postgres import EmbeddedPostgres
from impler_pipelines.supervisor.ports import free_port
from impler_pipelines_tests.end_to_end.crashes import (
    NEXT_FEED,
    NEXT_ROWS,
    Victim,
    hanging,
    loaded_rows,
    store,
)
from impler_pipelines_tests.end_to_end.running_stack import (
    CLI,
    RunningStack,
    stack_in_a_temporary_home,
    until,
)
from impler_pipelines_tests.end_to_end.shop import EVERY_MINUTE, FEED, ROWS, Shop
from impler_pipelines_tests.end_to_end.stories import TICK_LIMIT_SECONDS
from impler_pipelines_tests.feed_server import Handler
from impler_pipelines_tests.operations_guide import Operator

_UNDISTURBED = dt.timedelta(seconds=20)  # is enough for a dump


class Guarded:
    """A route that gives its feed to those alone who have the key."""

    NAME, KEY = "X-Feed-Key", "a key to be sealed"

    def __init__(self) -> None:
        self.feed, self.etag = FEED, '"v1"'

    def __call__(self, handler: Handler) -> None:
        if handler.headers.get(self.NAME) != self.KEY:
            handler.answer(401, {}, "who are you?")
            return
        handler.answer(200, {"ETag": self.etag}, self.feed)


@pytest.fixture
def stack() -> Iterator[RunningStack]:
    """A stack that is not started yet, and loads into its own database."""
    with stack_in_a_temporary_home(free_port(), free_port(), rows_in_store=True) as stack:
        yield stack


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_an_installation_is_lost_and_restored_elsewhere(shop: Shop) -> None:
    stack, guarded = shop.stack, Guarded()
    operator = Operator(stack.home.parent / "checkout", stack.environment)
    shop.feeds.routes["/guarded.xml"] = guarded
    stack.start()
    sealed = {"authHeaderName": Guarded.NAME, "authHeaderValue": Guarded.KEY}
    job_id = shop.import_job("guarded", host="localhost", interval=EVERY_MINUTE, **sealed)["_id"]
    under_way = Victim(shop, "under_way")
    until(lambda: stack.ended(job_id, "SCHEDULE"), "a scheduled run", TICK_LIMIT_SECONDS)

    with hanging(under_way):  # it has half of its feed when the dump is made, and at the end
        until(lambda: nothing_is_due(stack, job_id), "a moment between runs", TICK_LIMIT_SECONDS)
        history = {run["_id"] for run in stack.runs(job_id)}
        operator.backs_up()
        guarded.feed, guarded.etag = NEXT_FEED, '"v2"'
        until(
            lambda: loaded_rows(stack, "guarded") == NEXT_ROWS,
            "a load that the dump does not have",
            TICK_LIMIT_SECONDS,
        )
        stack.kill()
    is_destroyed(stack.home)

    stack.home = stack.home.with_name("another")
    for environment in (stack.environment, operator.environment):
        environment["IMPLER_HOME"] = str(stack.home)
    operator.prepares()
    assert operator.database == ".venv/bin/impler-pipelines run --only database\n"
    stack.start(only="database")
    operator.restores()
    assert loaded_rows(stack, "guarded") == ROWS
    assert len([*(stack.home / "artifacts").glob("kept-*/*.feed")]) == 2  # for their rejects
    missed = next_run(stack, job_id)
    stack.stop()
    until(lambda: dt.datetime.now(dt.UTC) > missed, "a due time that nobody sees", 65)

    started = dt.datetime.now(dt.UTC)
    stack.start()
    until(lambda: len(begun_after(stack, job_id, started)) > 1, "two runs", 2 * TICK_LIMIT_SECONDS)
    *_, then, first = begun_after(stack, job_id, started)
    assert moment(first["dueAt"]) == missed
    assert moment(then["dueAt"]) > started
    assert (first["status"], then["status"]) == ("SUCCESS", "UNCHANGED")  # its secret opens
    assert loaded_rows(stack, "guarded") == NEXT_ROWS
    due = [run["dueAt"] for run in stack.runs(job_id) if run["trigger"] == "SCHEDULE"]
    assert len(set(due)) == len(due)
    assert history <= {run["_id"] for run in stack.runs(job_id)}
    under_way.settles(attempts=2)
    stack.stop()


def nothing_is_due(stack: RunningStack, job_id: str) -> bool:
    """None of its runs is queued or under way, and the next is far enough ahead."""
    ahead = moment(stack.read(job_id)["nextRun"]) - dt.datetime.now(dt.UTC)
    return ahead > _UNDISTURBED and all(run["endedAt"] for run in stack.runs(job_id))


def begun_after(stack: RunningStack, job_id: str, start: dt.datetime) -> list[dict[str, Any]]:
    """Its scheduled runs since then that are over, newest first."""
    return [run for run in stack.ended(job_id, "SCHEDULE") if moment(run["startedAt"]) > start]


def next_run(stack: RunningStack, job_id: str) -> dt.datetime:
    """What the restored database says."""
    with store(stack) as connection:
        query = "SELECT next_run FROM impler.import_jobs WHERE id = %s"
        (found,) = connection.execute(query, [job_id]).fetchone() or (None,)
    assert isinstance(found, dt.datetime)
    return found


def moment(told: str) -> dt.datetime:
    return dt.datetime.fromisoformat(told)


def is_destroyed(home: Path) -> None:
    """Processes that were just killed may still have made a file."""

    def gone() -> bool:
        shutil.rmtree(home, ignore_errors=True)
        return not home.exists()

    until(gone, "the end of the home", 30)


class TestServerOfYourOwn:
    """The same commands where ``IMPLER_DATABASE_URL`` names the server."""

    @pytest.fixture
    def operator(
        self, postgres_server: EmbeddedPostgres, store_url: str, tmp_path: Path
    ) -> Operator:
        """With programs of the server's version in PATH."""
        home = tmp_path / "home"
        for name in ("upload-1", "65f0"):
            (home / "artifacts" / name).mkdir(parents=True)
            (home / "artifacts" / name / "file").write_text("sku;title\n")
        (home / "secret-key").write_text("a key")
        ours = {k: v for k, v in os.environ.items() if not k.startswith(("IMPLER_", "PG"))}
        return Operator(
            tmp_path / "checkout",
            ours
            | {
                "PATH": f"{postgres_server.cluster.binaries}:{ours['PATH']}",
                "IMPLER_HOME": str(home),
                "IMPLER_DATABASE_URL": store_url,
            },
        )

    @pytest.mark.parametrize("used_before", [False, True], ids=["empty", "used_before"])
    def test_into_another_database(
        self,
        operator: Operator,
        store_url: str,
        database_url: str,
        tmp_path: Path,
        used_before: bool,
    ) -> None:
        run(store_url, "INSERT INTO impler.projects (id, name) VALUES ('1', 'shop')")
        run(store_url, "CREATE TABLE imports.products AS SELECT 42 AS price")
        operator.backs_up()

        url, home = database_url.replace("://", "+psycopg://"), tmp_path / "another"
        if used_before:
            migrate(url)
            run(url, "INSERT INTO impler.projects (id, name) VALUES ('2', 'other')")
        operator.environment |= {"IMPLER_DATABASE_URL": url, "IMPLER_HOME": str(home)}
        operator.prepares()
        operator.restores()

        migrate(url)  # it is a store like any
        assert run(url, "SELECT id, name FROM impler.projects") == [("1", "shop")]
        assert run(url, "SELECT price FROM imports.products") == [(42,)]
        assert (home / "secret-key").read_text() == "a key"
        assert [*(home / "artifacts").rglob("*")] == [
            home / "artifacts" / "upload-1",
            home / "artifacts" / "upload-1" / "file",
        ]


def test_a_program_that_is_not_there_is_one_line(store_url: str) -> None:
    done = subprocess.run(
        [CLI, "postgres", "pg_nothing"],
        env={**os.environ, "IMPLER_DATABASE_URL": store_url},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: pg_nothing can't be started: No such file or directory\n"


def run(url: str, statement: str) -> list[tuple[Any, ...]]:
    """One statement on a database; its rows."""
    with create_engine(url, poolclass=NullPool).begin() as connection:
        result = connection.execute(text(statement))
        return [tuple(row) for row in result] if result.returns_rows else []
