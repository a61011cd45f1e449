"""Fixtures of the store's tests: one database a session, emptied after each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from impler_pipelines.store.engine import open_store
from impler_pipelines.store.secrets import SecretBox
from impler_pipelines.store.tables import metadata
from impler_pipelines.supervisor.embedded_postgres import EmbeddedPostgres
from impler_pipelines_tests.conftest import _database, _on_psycopg
from impler_pipelines_tests.store.shop import Shop


@pytest.fixture(scope="session")
def _session_store(postgres_server: EmbeddedPostgres, _store_template: str) -> Iterator[Engine]:
    """A copy of a database costs more than most of these tests: one for all of them."""
    with _database(postgres_server, _store_template) as url:
        engine = open_store(_on_psycopg(url))
        yield engine
        engine.dispose()


@pytest.fixture
def store_engine(_session_store: Engine) -> Iterator[Engine]:
    """An engine on a store with every table and no rows."""
    yield _session_store
    with _session_store.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())


@pytest.fixture
def shop(store_engine: Engine) -> Shop:
    """A project and its template, whose only required column is ``title``."""
    made = Shop(store_engine, SecretBox("a key"), project_id="", template_id="")
    made.project_id = made.add_project("shop")
    made.template_id = made.add_template().id
    return made
