from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine

from impler_pipelines.errors import StateConflict
from impler_pipelines.store.engine import open_for_locks
from impler_pipelines.store.execution_locks import taken


@pytest.fixture
def locks(store_url: str) -> Iterator[Engine]:
    engine = open_for_locks(store_url)
    yield engine
    engine.dispose()


def fits(_: Connection) -> None:
    """Whatever the tables are."""


def refuses(_: Connection) -> None:
    raise StateConflict("another version")


def test_one_process_at_a_time_executes_a_run(locks: Engine) -> None:
    with taken(locks, "a", if_fit=fits) as first, taken(locks, "a", if_fit=fits) as second:
        assert (first, second) == (True, False)
    with taken(locks, "a", if_fit=fits) as again:
        assert again


def test_runs_have_nothing_to_do_with_each_other(locks: Engine) -> None:
    with taken(locks, "a", if_fit=fits) as first, taken(locks, "b", if_fit=fits) as second:
        assert (first, second) == (True, True)


def test_who_does_not_fit_takes_none(locks: Engine) -> None:
    with pytest.raises(StateConflict), taken(locks, "a", if_fit=refuses):
        pytest.fail("it was taken")
    with taken(locks, "a", if_fit=fits) as ours:
        assert ours
