"""Loading typed rows: our staged merge against the shortest COPY and merge that does the same.

The bare one checks no value, creates no table, counts nothing, takes no lock and records no run.
"""

from __future__ import annotations

import datetime as dt
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from sqlalchemy import Engine

from benchmarks.feeds import COLUMNS, FIELDS, ITEM, feed_of
from benchmarks.measuring import measure
from benchmarks.results import Result
from impler_pipelines.destinations.sql import LoadIdentity, load_rows, open_destination
from impler_pipelines.extraction import extract_records
from impler_pipelines.mapping import map_batches, row_schema
from impler_pipelines.model import LoadMode
from impler_pipelines.settings import Settings
from impler_pipelines.supervisor.embedded_postgres import EmbeddedPostgres

ROWS = 100_000
_MOST_TURNS = 3  # a turn is six loads
_BATCH = 10_000
_IDENTITY = LoadIdentity("0" * 24, "user", "1" * 24, dt.datetime(2027, 1, 1, tzinfo=dt.UTC))
_OWN = ("_import_job_id", "_external_user_id", "_run_id", "_loaded_at")
_KEYS = [column.key for column in COLUMNS]


def rows() -> list[pa.RecordBatch]:
    """Typed rows of the feed with long texts cut, repeated under new keys up to ``ROWS``."""
    with feed_of(10).open("rb") as source:
        batches = list(extract_records(source, record_path=ITEM, fields=FIELDS))
    mapped = [batch.rows for batch in map_batches(batches, columns=COLUMNS)]
    one = pa.Table.from_batches(mapped).combine_chunks()
    at = one.schema.get_field_index("description")
    one = one.set_column(at, "description", pc.utf8_slice_codeunits(one["description"], 0, 60))
    copies = []
    for number in range(-(-ROWS // one.num_rows)):
        copy = one
        for name in ("id", "_row_key"):
            unique = pc.binary_join_element_wise(one[name], str(number), "/")
            copy = copy.set_column(one.schema.get_field_index(name), name, unique)
        copies.append(copy)
    table = pa.concat_tables(copies).slice(0, ROWS).combine_chunks()
    return list(table.to_batches(max_chunksize=_BATCH))


def typed_rows_of(feed: Path) -> Path:
    """The file of the feed's mapped rows, as a run hands them to its load."""
    path = feed.with_suffix(".arrow")
    if not path.exists():
        unfinished = path.with_suffix(".part")
        with (
            feed.open("rb") as source,
            pa.OSFile(str(unfinished), "wb") as file,
            pa.ipc.new_stream(file, row_schema(COLUMNS)) as writer,
        ):
            records = extract_records(source, record_path=ITEM, fields=FIELDS)
            for batch in map_batches(records, columns=COLUMNS):
                writer.write_batch(batch.rows)
        unfinished.rename(path)
    return path


def bare_load_of(path: Path, url: str) -> int:
    """Read the file of rows and load them into a new table."""
    bare_table(url)
    with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as batches:
        bare_load(url, batches)
    return 1


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of an embedded server with its usual durability, in a temporary place."""
    with tempfile.TemporaryDirectory(prefix="impler-bench-") as place:
        Path(place).chmod(0o711)  # as root, PostgreSQL's own user must pass through
        server = EmbeddedPostgres(Settings.load(home=Path(place) / "home", database_url=""))
        server.start()
        try:
            yield server.url("impler")
        finally:
            server.stop()


def load(engine: Engine, batches: list[pa.RecordBatch]) -> Any:
    return load_rows(engine, "ours", LoadMode.UPSERT, COLUMNS, batches, identity=_IDENTITY)


def bare_table(url: str) -> None:
    """A new table with the columns of our own ones, key and types included."""
    types = {"price": "double precision", "published": "timestamptz"}
    columns = ", ".join(f'"{key}" {types.get(key, "text")}' for key in _KEYS)
    with psycopg.connect(url) as connection:
        connection.execute("DROP TABLE IF EXISTS bare")
        connection.execute(
            f"CREATE TABLE bare ({columns}, _row_key text, _import_job_id text,"
            " _external_user_id text, _run_id text, _loaded_at timestamptz,"
            " PRIMARY KEY (_import_job_id, _row_key))"
        )


def bare_load(url: str, batches: Iterable[pa.RecordBatch]) -> None:
    options = pyarrow.csv.WriteOptions(include_header=False)
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        with cursor.copy(f"{bare_stage(cursor)} WITH (FORMAT csv)") as copy:
            for batch in batches:
                out = BytesIO()
                pyarrow.csv.write_csv(batch, out, options)
                copy.write(out.getvalue())
        bare_merge(cursor)


def bare_stage(cursor: psycopg.Cursor[Any]) -> str:
    """Make the temporary table; the COPY into it, without options."""
    names = ", ".join(f'"{key}"' for key in [*_KEYS, "_row_key"])
    cursor.execute(
        f"CREATE TEMPORARY TABLE stage ON COMMIT DROP AS SELECT {names} FROM bare LIMIT 0"
    )
    return f"COPY stage ({names}) FROM STDIN"


def bare_merge(cursor: psycopg.Cursor[Any]) -> None:
    """Merge what was staged."""
    names = ", ".join(f'"{key}"' for key in [*_KEYS, "_row_key"])
    updates = ", ".join(f'"{key}" = excluded."{key}"' for key in [*_KEYS, *_OWN[1:]])
    old, new = (", ".join(f'{side}."{key}"' for key in _KEYS) for side in ("bare", "excluded"))
    cursor.execute(
        f"INSERT INTO bare ({names}, {', '.join(_OWN)}) SELECT {names}, %s, %s, %s, %s"
        f" FROM stage ON CONFLICT (_import_job_id, _row_key) DO UPDATE SET {updates}"
        f" WHERE ({old}) IS DISTINCT FROM ({new})",
        (
            _IDENTITY.import_job_id,
            _IDENTITY.external_user_id,
            _IDENTITY.run_id,
            _IDENTITY.loaded_at,
        ),
    )


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def results(megabytes: int, runs: int) -> list[Result]:  # noqa: ARG001 - always ROWS rows
    """Rows a second of wall time, loaded for the first time and loaded again unchanged."""
    batches = rows()
    found: dict[str, list[float]] = {}

    def note(name: str, work: Callable[[], object]) -> None:
        found.setdefault(name, []).append(ROWS / seconds(work))

    with postgres() as url, tempfile.TemporaryDirectory() as place:
        engine = open_destination(url.replace("postgresql://", "postgresql+psycopg://"))
        for turn in range(min(runs, _MOST_TURNS)):
            with psycopg.connect(url) as connection:
                connection.execute("DROP TABLE IF EXISTS imports.ours")
            bare_table(url)
            sqlite = open_destination(f"sqlite:///{place}/{turn}.db")
            for kind in ("first", "again"):
                note(f"bare {kind}", partial(bare_load, url, batches))
                note(f"ours {kind}", partial(load, engine, batches))
                note(f"sqlite {kind}", partial(load, sqlite, batches))
            sqlite.dispose()
        engine.dispose()
    rate = {name: statistics.median(values) for name, values in found.items()}
    command = "python -m benchmarks loading"
    made = []
    for kind, rest in (("first", "new"), ("again", "unchanged")):
        what = f"load {ROWS:,} {rest} rows into"
        ours = rate[f"ours {kind}"]
        made += [
            Result(
                f"{what} PostgreSQL, against a bare COPY and merge",
                ours,
                "rows/s",
                rate[f"bare {kind}"],
                command,
            ),
            Result(
                f"{what} SQLite, against PostgreSQL",
                rate[f"sqlite {kind}"],
                "rows/s",
                ours,
                command,
            ),
        ]
    return made


if __name__ == "__main__":
    measure(lambda: bare_load_of(Path(sys.argv[1]), sys.argv[2]))
