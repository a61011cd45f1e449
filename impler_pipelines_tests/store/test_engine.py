from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import Connection, text

from impler_pipelines.errors import NotFound, StoreUnavailable
from impler_pipelines.store import projects
from impler_pipelines.store.engine import open_store, transaction
from impler_pipelines_tests.store.shop import Shop


class TestTransaction:
    def test_an_exception_undoes_everything(self, shop: Shop) -> None:
        keys: list[str] = []

        def make_and_fail(connection: Connection) -> None:
            keys.append(projects.create_access_key(connection, "new"))
            raise NotFound("thing", "1")

        with pytest.raises(NotFound):
            shop.do(make_and_fail)
        assert shop.do(projects.project_of_key, keys[0]) is None

    def test_no_server(self) -> None:
        engine = open_store("postgresql+psycopg://nobody:secret@127.0.0.1:1/none")
        with pytest.raises(StoreUnavailable, match="can't be reached"), transaction(engine):
            pass

    def test_a_connection_that_is_cut(self, shop: Shop) -> None:
        def cut(connection: Connection) -> None:
            pid = connection.scalar(text("SELECT pg_backend_pid()"))
            ended = text("SELECT pg_terminate_backend(:pid, 10000)")  # milliseconds to wait
            assert shop.do(lambda other: other.scalar(ended, {"pid": pid}))
            connection.execute(text("SELECT 1"))

        with pytest.raises(StoreUnavailable):
            shop.do(cut)
        assert shop.do(projects.has_access_keys)

    def test_a_statement_that_takes_too_long(self, shop: Shop) -> None:
        def wait(connection: Connection) -> None:
            connection.execute(text("SET LOCAL statement_timeout = 1"))
            connection.execute(text("SELECT pg_sleep(5)"))

        with pytest.raises(StoreUnavailable, match="busy"):
            shop.do(wait)

    def test_a_deadlock(self, shop: Shop) -> None:
        crossed = Barrier(2, timeout=20)
        lock = text("SELECT pg_advisory_xact_lock(:key)")

        def cross(keys: tuple[int, int]) -> str:
            try:
                with shop.transaction() as connection:
                    connection.execute(lock, {"key": keys[0]})
                    crossed.wait()
                    connection.execute(lock, {"key": keys[1]})
            except StoreUnavailable as error:
                return str(error)
            return "got both"

        with ThreadPoolExecutor(2) as pool:
            outcomes = sorted(pool.map(cross, [(1, 2), (2, 1)]))
        assert outcomes == ["The store's database is busy: try again.", "got both"]
