"""What is MySQL's and MariaDB's own: defaults, limits, locks, faults. The server is a MariaDB."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from impler_pipelines.destinations.description import count_rows
from impler_pipelines.destinations.faults import translated
from impler_pipelines.destinations.sql import address_check, open_destination, table_exists
from impler_pipelines.errors import DestinationRefused, DestinationUnavailable, PipelineError
from impler_pipelines.model import Column, LoadCounts, LoadMode
from impler_pipelines_tests.destinations.conftest import url_of
from impler_pipelines_tests.destinations.tables_at_hand import (
    COLUMNS,
    NOVEMBER,
    execute,
    load,
    read,
    row,
)

WAIT = 60  # seconds
ALL_VALUES = {"price": 0.1, "stock": 2**63 - 1, "published": NOVEMBER}


@pytest.fixture
def impatient(mariadb_url: str) -> Iterator[sa.Engine]:
    """An engine whose sessions wait a second for the server's locks."""
    engine = open_destination(mariadb_url)

    @sa.event.listens_for(engine, "connect")
    def set_patience(driver: Any, _: Any) -> None:
        with driver.cursor() as cursor:
            cursor.execute("SET SESSION lock_wait_timeout = 1, innodb_lock_wait_timeout = 1")

    yield engine
    engine.dispose()


def _rows(engine: sa.Engine, statement: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(found) for found in connection.exec_driver_sql(statement)]


class TestBothSpellings:
    @pytest.mark.parametrize("kind", ["mysql", "mariadb"])
    @pytest.mark.parametrize(
        ("mode", "again"),
        [
            (LoadMode.UPSERT, LoadCounts(inserted=1, updated=1, unchanged=1)),
            (LoadMode.APPEND, LoadCounts(inserted=3)),
            (LoadMode.MIRROR, LoadCounts(inserted=1, updated=1, unchanged=1, deleted=1)),
        ],
    )
    def test_load_and_load_again(
        self,
        kind: str,
        mode: LoadMode,
        again: LoadCounts,
        mariadb_url: str,
        request: pytest.FixtureRequest,
        tmp_path: Any,
    ) -> None:
        engine = open_destination(url_of(kind, request, tmp_path))
        try:
            assert engine.dialect.name == kind
            first = [row("a", "Lamp 🧑‍🚀", **ALL_VALUES), row("b", "x"), row("c", None)]
            assert load(engine, first, mode=mode) == LoadCounts(inserted=3)
            second = [row("a", "Lamp 🧑‍🚀", **ALL_VALUES), row("b", "x "), row("d", "")]
            assert load(engine, second, mode=mode, run="run2") == again
            assert ("a", "Lamp 🧑‍🚀", 0.1, 2**63 - 1) in read(
                engine, "_row_key", "title", "price", "stock"
            )
        finally:
            engine.dispose()


class TestDefaultsOfTheServer:
    def test_are_not_what_a_load_needs(self, mariadb: sa.Engine) -> None:
        """Else the tests here, and all that run on this server, show nothing."""
        names = ("sql_mode", "character_set_server", "default_storage_engine", "time_zone")
        ((*found, isolation),) = _rows(
            mariadb,
            f"SELECT {', '.join('@@GLOBAL.' + name for name in names)}, @@GLOBAL.tx_isolation",
        )
        assert "STRICT" not in found[0]
        assert "NO_BACKSLASH_ESCAPES" in found[0]
        assert (*found[1:], isolation) == ("latin1", "MyISAM", "+05:30", "SERIALIZABLE")

    def test_do_not_make_the_table(self, mariadb: sa.Engine) -> None:
        load(mariadb, [])
        assert _rows(
            mariadb,
            "SELECT engine, row_format FROM information_schema.tables"
            " WHERE table_schema = DATABASE() AND table_name = 'products'",
        ) == [("InnoDB", "Dynamic")]

    @pytest.mark.parametrize("mode", LoadMode)
    def test_do_not_cut_a_key_off(self, mariadb: sa.Engine, mode: LoadMode) -> None:
        load(mariadb, [row("k" * 255)], mode=mode)
        with pytest.raises(DestinationRefused, match="Data too long for column '_row_key'"):
            load(mariadb, [row("a"), row("k" * 256)], mode=mode, run="run2")
        assert read(mariadb, "_row_key") == [("k" * 255,)]

    def test_do_not_replace_what_a_column_cannot_hold(self, mariadb: sa.Engine) -> None:
        load(mariadb, [row("a", "Lamp")])
        execute(mariadb, "ALTER TABLE {table} MODIFY title LONGTEXT CHARACTER SET latin1")
        with pytest.raises(DestinationRefused, match="Incorrect string value: for") as caught:
            load(mariadb, [row("a", "Desk"), row("b", "s3cr3t 漢")], run="run2")
        assert "s3cr3t" not in str(caught.value)
        assert read(mariadb, "title") == [("Lamp",)]


class TestLimits:
    def test_of_columns(self, mariadb: sa.Engine) -> None:
        """Text takes up to 40 bytes of a row's page, however long it is."""

        def columns(number: int) -> list[Column]:
            return [Column(key=f"c{i}", name=f"c{i}") for i in range(number)]

        for value in ("y" * 39, "ö" * 200):
            rows = [{"_row_key": "a"} | {f"c{i}": value for i in range(190)}]
            assert load(mariadb, rows, columns=columns(190), table=f"t{len(value)}").inserted == 1
        rows = [{"_row_key": "a"} | {f"c{i}": "y" * 39 for i in range(300)}]
        with pytest.raises(DestinationRefused, match=r"Row size too large.*fewer columns"):
            load(mariadb, rows, columns=columns(300))
        assert not table_exists(mariadb, "products")

    @pytest.mark.parametrize("rows", [1, 2])
    def test_of_a_row(self, mariadb: sa.Engine, rows: int) -> None:
        ((packet,),) = _rows(mariadb, "SELECT @@max_allowed_packet")
        fits = [row("a", "'" * (packet // 2 - 1000)), row("b")][:rows]
        assert load(mariadb, fits) == LoadCounts(inserted=rows)
        too_large = [row("a", "'" * (packet // 2 + 1)), row("b")][:rows]
        with pytest.raises(DestinationRefused, match="raise its max_allowed_packet"):
            load(mariadb, too_large, run="run2")
        assert read(mariadb, "_run_id") == [("run1",)] * rows

    def test_of_a_storage_engine_without_transactions(self, mariadb: sa.Engine) -> None:
        load(mariadb, [row("a")])
        key = "VARCHAR(255) CHARACTER SET latin1 COLLATE latin1_bin NOT NULL"
        execute(
            mariadb,
            f"ALTER TABLE {{table}} MODIFY _import_job_id {key}, MODIFY _row_key {key},"
            " ROW_FORMAT=DEFAULT, ENGINE=MyISAM",
        )
        with pytest.raises(DestinationRefused, match="engine MyISAM, which has no transactions"):
            load(mariadb, [row("a", "Desk")], run="run2")
        assert read(mariadb, "title") == [("Lamp",)]

    def test_table_names_that_differ_by_case_are_two_tables(self, mariadb: sa.Engine) -> None:
        for run in ("run1", "run2"):
            for table, columns in (("Products", COLUMNS), ("products", COLUMNS[:1])):
                counts = load(mariadb, [row("a")], table=table, columns=columns, run=run)
                assert counts == LoadCounts(inserted=run == "run1", unchanged=run == "run2")
        counted = [_rows(mariadb, f"SHOW COLUMNS FROM {name}") for name in ("Products", "products")]
        assert [len(columns) for columns in counted] == [9, 6]

    def test_keys_of_one_template_that_differ_by_case(self, mariadb: sa.Engine) -> None:
        columns = (Column(key="title", name="a"), Column(key="Title", name="b"))
        with pytest.raises(DestinationRefused, match="Duplicate column name"):
            load(mariadb, [{"_row_key": "a", "title": "x", "Title": "y"}], columns=columns)
        assert not table_exists(mariadb, "products")


class TestCounting:
    @pytest.mark.parametrize("kind", ["mysql", "mariadb"])
    def test_ends_in_time(
        self, kind: str, mariadb_url: str, request: pytest.FixtureRequest, tmp_path: Any
    ) -> None:
        engine = open_destination(url_of(kind, request, tmp_path))
        load(engine, [row("a"), row("b")])
        assert count_rows(engine, "products") == 2
        execute(engine, "CREATE VIEW slow AS SELECT title FROM {table} WHERE SLEEP(60) = 0")
        with pytest.raises(DestinationUnavailable, match="max_statement_time"):
            count_rows(engine, "slow")
        assert read(engine, "_row_key") == [("a",), ("b",)]
        engine.dispose()


class TestLocks:
    def test_loads_into_one_table_merge_one_after_another(
        self, mariadb: sa.Engine, mariadb_url: str
    ) -> None:
        """One load has merged and waits in ``finish`` until the other one waits for its lock."""
        load(mariadb, [])
        other = open_destination(mariadb_url)
        with ThreadPoolExecutor(1) as pool:
            started: list[Future[LoadCounts]] = []

            def start_the_other(connection: sa.Connection, counts: LoadCounts) -> None:
                assert counts == LoadCounts(inserted=1)
                started.append(pool.submit(load, other, [row("a"), row("b")], run="run2"))
                _until_someone_waits(connection)

            load(mariadb, [row("a")], finish=start_the_other)
            assert started[0].result(WAIT) == LoadCounts(inserted=1, unchanged=1)
        other.dispose()

    @pytest.mark.parametrize("job", ["job1", "job2"])
    def test_a_load_that_goes_on_for_too_long(
        self, mariadb: sa.Engine, impatient: sa.Engine, job: str
    ) -> None:
        def load_the_other(connection: sa.Connection, counts: LoadCounts) -> None:
            assert load(impatient, [row("a")], table="another") == LoadCounts(inserted=1)
            with pytest.raises(DestinationUnavailable, match="did not end within 1 seconds"):
                load(impatient, [row("b")], job=job)

        assert load(mariadb, [row("a")], finish=load_the_other).inserted == 1
        assert load(impatient, [row("b")], job=job).inserted == 1

    def test_are_waited_for_as_long_as_elsewhere(self, mariadb: sa.Engine) -> None:
        ((seconds,),) = _rows(mariadb, "SELECT @@SESSION.lock_wait_timeout")
        assert seconds == 120

    def test_of_a_row_held_too_long(self, mariadb: sa.Engine, impatient: sa.Engine) -> None:
        load(mariadb, [row("a"), row("b")])
        with mariadb.connect() as holder, holder.begin():
            holder.exec_driver_sql("UPDATE products SET title = 'mine' WHERE _row_key = 'b'")
            with pytest.raises(DestinationUnavailable, match="Lock wait timeout"):
                load(impatient, [row("a", "Desk"), row("b", "Desk")], run="run2")
            holder.rollback()
        assert read(mariadb, "title", "_run_id") == [("Lamp", "run1")] * 2

    def test_of_the_table_held_too_long(self, mariadb: sa.Engine, impatient: sa.Engine) -> None:
        """A reader that does not end its transaction keeps a column from being added."""
        load(mariadb, [row("a")], columns=COLUMNS[:1])
        with mariadb.connect() as reader, reader.begin():
            reader.exec_driver_sql("SELECT * FROM products").all()
            with pytest.raises(DestinationUnavailable, match="Lock wait timeout"):
                load(impatient, [row("a", price=1.0)], run="run2")
        assert load(impatient, [row("a", price=1.0)], run="run2") == LoadCounts(updated=1)

    def test_in_a_ring(self, mariadb: sa.Engine) -> None:
        load(mariadb, [row("a"), row("b")])
        barrier = threading.Barrier(2, timeout=WAIT)

        def update(first: str, second: str) -> PipelineError | None:
            statement = (
                "UPDATE products SET title = 'x' WHERE _row_key = %s AND _import_job_id = %s"
            )
            try:
                with translated(mariadb), mariadb.begin() as connection:
                    connection.exec_driver_sql(statement, (first, "job1"))
                    barrier.wait()
                    connection.exec_driver_sql(statement, (second, "job1"))
            except PipelineError as error:
                return error
            return None

        with ThreadPoolExecutor(2) as pool:
            futures = [pool.submit(update, *keys) for keys in ("ab", "ba")]
            (error,) = [e for e in (future.result(WAIT) for future in futures) if e]
        assert isinstance(error, DestinationUnavailable)
        assert "Deadlock" in str(error)


def _until_someone_waits(connection: sa.Connection) -> None:
    waiting = sa.text(
        "SELECT count(*) FROM information_schema.processlist WHERE state = 'User lock'"
    )
    deadline = time.monotonic() + WAIT
    while not connection.execute(waiting).scalar_one():
        assert time.monotonic() < deadline, "nobody waits for a named lock"
        time.sleep(0.01)


class TestAConnection:
    @pytest.mark.parametrize("mode", LoadMode)
    def test_that_the_server_cuts_takes_everything_back(
        self, mariadb: sa.Engine, mode: LoadMode
    ) -> None:
        load(mariadb, [row("a")], mode=mode)

        def cut(connection: sa.Connection, counts: LoadCounts) -> None:
            number = connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar_one()
            execute(mariadb, f"KILL {number}")

        with pytest.raises(DestinationUnavailable):
            load(mariadb, [row("a", "Desk"), row("b")], mode=mode, run="run2", finish=cut)
        assert read(mariadb, "title") == [("Lamp",)]
        again = load(mariadb, [row("a", "Desk"), row("b")], mode=mode, run="run2")
        assert again.inserted + again.updated == 2

    def test_goes_to_the_first_checked_address_that_answers(self, mariadb: sa.Engine) -> None:
        url = mariadb.url.set(host="db.invalid").render_as_string(hide_password=False)
        asked: list[tuple[str, int]] = []

        def check(host: str, port: int) -> list[str]:
            asked.append((host, port))
            return ["127.0.0.2", "127.0.0.1"]  # the server listens on the second one alone

        engine = open_destination(url, check_address=check)
        try:
            assert load(engine, [row("a")]) == LoadCounts(inserted=1)
        finally:
            engine.dispose()
        assert asked[0] == ("db.invalid", mariadb.url.port)
        assert read(mariadb, "title") == [("Lamp",)]

    def test_is_made_where_the_guard_allows_it(self, mariadb_url: str) -> None:
        engine = open_destination(mariadb_url, check_address=address_check(allow_private=True))
        try:
            assert load(engine, [row("a")]) == LoadCounts(inserted=1)
        finally:
            engine.dispose()


MARIADB_FAULTS = [
    pytest.param("KILL CONNECTION_ID()", DestinationUnavailable, "", id="cut"),
    pytest.param(
        "SET STATEMENT max_statement_time = 0.01 FOR SELECT SLEEP(9) FROM products",
        DestinationUnavailable,
        "",
        id="slow",
    ),
    pytest.param("SELECT nothing FROM products", DestinationRefused, "column 'nothing'", id="no"),
    pytest.param(
        "SELECT * FROM mysql.user", DestinationRefused, "Give the destination's user", id="right"
    ),
    pytest.param(
        "CREATE DATABASE mine", DestinationRefused, "Give the destination's user", id="database"
    ),
    pytest.param(
        "UPDATE products SET _row_key = 's3cr3t'", DestinationRefused, "entry for key", id="twice"
    ),
    pytest.param(
        "UPDATE products SET stock = 's3cr3t'", DestinationRefused, "value: for column", id="text"
    ),
    pytest.param(
        "UPDATE products SET stock = 1e30", DestinationRefused, "Out of range", id="range"
    ),
    pytest.param("SELECT 1 's3cr3t' 's3cr3t' x y", DestinationRefused, "syntax", id="syntax"),
    *(
        pytest.param(f"SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = {code}", kind, "", id=str(code))
        for code, kind in [
            (1040, DestinationUnavailable),
            (1114, DestinationUnavailable),
            (1203, DestinationUnavailable),
            (1205, DestinationUnavailable),
            (1213, DestinationUnavailable),
            (1290, DestinationUnavailable),
            (1118, DestinationRefused),
            (1406, DestinationRefused),
            (4025, DestinationRefused),
        ]
    ),
]


class TestFaults:
    @pytest.mark.parametrize(("statement", "kind", "says"), MARIADB_FAULTS)
    def test_are_told_apart(
        self, mariadb: sa.Engine, statement: str, kind: type[PipelineError], says: str
    ) -> None:
        load(mariadb, [row("a"), row("b")])
        with pytest.raises(kind) as caught, translated(mariadb), mariadb.begin() as connection:
            connection.exec_driver_sql(statement)
        assert says in str(caught.value)
        assert str(caught.value).startswith("The destination mariadb://")
        assert "s3cr3t" not in str(caught.value)

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            pytest.param({"username": "nobody"}, "Check user and password", id="user"),
            pytest.param({"password": "s3cr3t"}, "Check user and password", id="password"),
            pytest.param({"database": "test_none"}, "Check the destination's URL", id="database"),
        ],
    )
    def test_of_a_wrong_url(self, mariadb: sa.Engine, change: dict[str, str], says: str) -> None:
        url = mariadb.url.set(**change).render_as_string(hide_password=False)  # type: ignore[arg-type]
        with pytest.raises(DestinationRefused, match=says) as caught:
            load(open_destination(url), [row("a")])
        assert "s3cr3t" not in str(caught.value)

    @pytest.mark.parametrize("kind", ["mysql", "mariadb"])
    def test_of_a_server_that_is_not_there(self, kind: str) -> None:
        engine = open_destination(f"{kind}://ann:s3cr3t@127.0.0.1:1/shop")
        with pytest.raises(DestinationUnavailable, match="can't be reached") as caught:
            table_exists(engine, "products")
        assert not {"s3cr3t", "ann"} & set(str(caught.value).replace("@", " ").split())

    def test_of_a_rule_that_a_person_added(self, mariadb: sa.Engine) -> None:
        load(mariadb, [row("a", price=1.0)])
        execute(mariadb, "ALTER TABLE {table} ADD CHECK (price > 0)")
        with pytest.raises(DestinationRefused, match=r"CONSTRAINT.*Remove that rule") as caught:
            load(mariadb, [row("a", price=2.0), row("b", "s3cr3t", price=-1.0)], run="run2")
        assert "s3cr3t" not in str(caught.value)
        assert read(mariadb, "_row_key", "price") == [("a", 1.0)]
