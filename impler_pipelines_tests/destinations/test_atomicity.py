"""All or nothing: whatever goes wrong on the way, the database is as it was before."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa

from impler_pipelines.destinations.sql import load_rows, open_destination, table_exists
from impler_pipelines.errors import RunCancelled
from impler_pipelines.model import LoadCounts, LoadMode
from impler_pipelines_tests.destinations.conftest import url_of
from impler_pipelines_tests.destinations.tables_at_hand import (
    COLUMNS,
    batches,
    execute,
    identity,
    load,
    read,
    row,
)

# Stages one batch, says so, and waits for ever to be killed.
_CHILD = """
import sys
from impler_pipelines.destinations.sql import load_rows, open_destination
from impler_pipelines.model import LoadMode
from impler_pipelines_tests.destinations.tables_at_hand import COLUMNS, batches, identity, row

def endless():
    yield from batches([row("a", "Half"), row("z")])
    if where == "batches":
        wait()

def wait(*_):
    print("waiting", flush=True)
    sys.stdin.read()

url, where, mode = sys.argv[1:]
finish = wait if where == "finish" else None
load_rows(open_destination(url), "products", LoadMode(mode), COLUMNS, endless(),
          identity=identity("killed"), finish=finish)
"""


def failing(error: Exception) -> Iterator[pa.RecordBatch]:
    yield from batches([row("a", "Half"), row("z")])
    raise error


@pytest.mark.parametrize("mode", LoadMode)
class TestAFailure:
    def test_of_the_batches_leaves_no_table(self, engine: sa.Engine, mode: LoadMode) -> None:
        error = RuntimeError("artifact gone")
        with pytest.raises(RuntimeError, match="artifact gone"):
            load_rows(engine, "products", mode, COLUMNS, failing(error), identity=identity())
        assert not table_exists(engine, "products")
        assert load(engine, [row("a")], mode=mode) == LoadCounts(inserted=1)

    def test_of_the_batches_leaves_the_rows(self, engine: sa.Engine, mode: LoadMode) -> None:
        load(engine, [row("a"), row("b")], mode=mode)
        error = RunCancelled("The import job was deleted")
        with pytest.raises(RunCancelled):
            load_rows(engine, "products", mode, COLUMNS, failing(error), identity=identity("run2"))
        assert read(engine, "_row_key", "title", "_run_id") == [
            ("a", "Lamp", "run1"),
            ("b", "Lamp", "run1"),
        ]

    def test_of_finish_leaves_the_table_and_its_columns(
        self, engine: sa.Engine, mode: LoadMode
    ) -> None:
        load(engine, [row("a"), row("b")], mode=mode, columns=COLUMNS[:1])

        def refuse(connection: sa.Connection, counts: LoadCounts) -> None:
            assert counts.inserted >= 1
            raise RunCancelled("The run was cancelled")

        with pytest.raises(RunCancelled, match="was cancelled"):
            load(engine, [row("a", "Desk"), row("c")], run="run2", mode=mode, finish=refuse)
        assert read(engine, "title", "_run_id") == [("Lamp", "run1"), ("Lamp", "run1")]
        with engine.connect() as connection:
            names = connection.execute(sa.text(_select_all(engine))).keys()
        commits_tables = engine.dialect.name == "mariadb"
        assert ("price" in names) == commits_tables


class TestFinish:
    def test_is_part_of_the_transaction(self, engine: sa.Engine) -> None:
        load(engine, [row("a")])
        kept = " ENGINE=InnoDB" if engine.dialect.name == "mariadb" else ""
        execute(engine, f"CREATE TABLE bookkeeping (run TEXT, inserted INTEGER){kept}")
        insert = sa.text("INSERT INTO bookkeeping VALUES (:run, :inserted)")

        def record(connection: sa.Connection, counts: LoadCounts) -> None:
            connection.execute(insert, {"run": "run2", "inserted": counts.inserted})
            if counts.inserted > 1:
                raise RunCancelled("too many")

        with pytest.raises(RunCancelled):
            load(engine, [row("b"), row("c")], run="run2", finish=record)
        load(engine, [row("b")], run="run2", finish=record)
        with engine.connect() as connection:
            found = connection.execute(sa.text("SELECT run, inserted FROM bookkeeping")).all()
        assert [tuple(f) for f in found] == [("run2", 1)]


class TestAKilledProcess:
    @pytest.mark.parametrize("where", ["batches", "finish"])
    @pytest.mark.parametrize("mode", LoadMode)
    @pytest.mark.parametrize("kind", ["postgresql", "mariadb", "sqlite"])
    def test_leaves_the_rows_and_the_next_load_repeats_it(
        self,
        kind: str,
        mode: LoadMode,
        where: str,
        request: pytest.FixtureRequest,
        tmp_path: Path,
    ) -> None:
        url = url_of(kind, request, tmp_path)
        engine = open_destination(url)
        try:
            load(engine, [row("a"), row("b")], mode=mode)
            _kill_while_loading(url, where, mode)
            assert read(engine, "title", "_run_id") == [("Lamp", "run1"), ("Lamp", "run1")]
            assert load(engine, [row("a", "Half"), row("z")], run="killed", mode=mode).inserted
            again = load(engine, [row("a", "Half"), row("z")], run="killed", mode=mode)
            assert (again.unchanged or again.inserted, again.deleted) == (2, 0)
        finally:
            engine.dispose()


def _kill_while_loading(url: str, where: str, mode: LoadMode) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, url, where, mode.value],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == "waiting\n"
        child.kill()


def _select_all(engine: sa.Engine) -> str:
    return f"select * from {'imports.' if engine.dialect.name == 'postgresql' else ''}products"
