from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import NullPool, create_engine

from impler_pipelines.errors import HostBusy, Interrupted
from impler_pipelines.sources.interruption import Interruption
from impler_pipelines.store.host_turns import HostTurns, is_busy
from impler_pipelines_tests.supervisor.waiting import until


def test_one_at_a_time_has_a_turn_at_a_host(store_url: str) -> None:
    inside, most, lock = 0, 0, threading.Lock()
    passing = threading.Event()

    def visit(turns: HostTurns) -> None:
        nonlocal inside, most
        with turns.turn("shop.example", 30):
            with lock:
                inside += 1
                most = max(most, inside)
            passing.wait(0.02)
            with lock:
                inside -= 1

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(visit, [HostTurns(store_url) for _ in range(8)]))
    assert (inside, most) == (0, 1)


def test_hosts_do_not_wait_for_each_other(store_url: str) -> None:
    turns = HostTurns(store_url)
    waited: list[str] = []
    with (
        turns.turn("a.example", 1, waiting=waited.append),
        turns.turn("b.example", 1, waiting=waited.append),
    ):
        pass
    assert waited == []


def test_whoever_waits_too_long_is_told_so(store_url: str) -> None:
    turns = HostTurns(store_url)
    waited: list[str] = []
    with (
        turns.turn("shop.example", 1),
        pytest.raises(HostBusy, match=r"shop\.example .*within 0 s"),
        turns.turn("shop.example", 0.1, waiting=waited.append),
    ):
        pass
    assert waited == ["shop.example"]
    with turns.turn("shop.example", 0.1):
        pass


def test_whoever_waits_can_be_interrupted(store_url: str) -> None:
    turns, interruption = HostTurns(store_url), Interruption()

    def interrupt(_host: str) -> None:
        threading.Thread(target=_once_it_waits, args=(store_url, interruption)).start()

    with (
        turns.turn("shop.example", 1),
        pytest.raises(Interrupted),
        turns.turn("shop.example", 60, waiting=interrupt, interruption=interruption),
    ):
        pytest.fail("it had a turn")
    with turns.turn("shop.example", 0.1):
        pass


def _once_it_waits(store_url: str, interruption: Interruption) -> None:
    engine = create_engine(store_url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    waiting = (
        "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database"
        " WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()"
    )
    with engine.connect() as connection:
        until(lambda: connection.exec_driver_sql(waiting).scalar(), "somebody waits")
    interruption.interrupt()


def test_a_turn_ends_with_an_error_inside(store_url: str) -> None:
    turns = HostTurns(store_url)
    with pytest.raises(KeyError), turns.turn("shop.example", 1):
        raise KeyError
    with turns.turn("shop.example", 0.1):
        pass


def test_others_see_that_a_host_is_busy(store_url: str) -> None:
    engine = create_engine(store_url, poolclass=NullPool)
    with engine.connect() as connection:
        assert not is_busy(connection, "shop.example")
        with HostTurns(store_url).turn("shop.example", 1):
            assert is_busy(connection, "shop.example")
            assert not is_busy(connection, "other.example")
        assert not is_busy(connection, "shop.example")
