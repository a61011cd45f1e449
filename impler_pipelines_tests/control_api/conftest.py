"""A real control API on loopback for all tests of this room; each test has projects of its own."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import Engine

from impler_pipelines.control_api.app import create_app
from impler_pipelines.settings import Settings
from impler_pipelines.store.engine import open_store, transaction
from impler_pipelines.store.projects import create_access_key
from impler_pipelines.supervisor.embedded_postgres import EmbeddedPostgres
from impler_pipelines_tests.conftest import _database, _on_psycopg
from impler_pipelines_tests.control_api.host_app import HostApp

DEAD_DAGSTER = "http://127.0.0.1:1"


@pytest.fixture(scope="session")
def shared_store_url(postgres_server: EmbeddedPostgres, _store_template: str) -> Iterator[str]:
    """One store for the session: projects keep tests apart, as they do tenants."""
    with _database(postgres_server, _store_template) as url:
        yield _on_psycopg(url)


@pytest.fixture(scope="session")
def engine(shared_store_url: str) -> Iterator[Engine]:
    engine = open_store(shared_store_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def settings(shared_store_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return settings_for(shared_store_url, tmp_path_factory.mktemp("home"))


def settings_for(store_url: str, home: Path, **changes: object) -> Settings:
    """Settings of a development installation whose Dagster is down."""
    values: dict[str, object] = {
        "home": home,
        "database_url": store_url,
        "secret_key": "a key for tests",
        "allow_private_addresses": True,
        "dagster_url": DEAD_DAGSTER,
        "fetch_timeout_seconds": 20,
    }
    return Settings.load(**(values | changes))


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serve ``app`` by a real uvicorn; yields its base URL."""
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert thread.is_alive(), "the server ended"
        assert time.monotonic() < deadline, "the server did not start"
        thread.join(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="session")
def base_url(settings: Settings) -> Iterator[str]:
    with serving(create_app(settings)) as url:
        yield url


def new_key(engine: Engine) -> str:
    with transaction(engine) as connection:
        return create_access_key(connection, f"project-{secrets.token_hex(8)}")


@pytest.fixture
def access_key(engine: Engine) -> str:
    return new_key(engine)


@contextmanager
def host_app(base_url: str, access_key: str | None, **headers: str) -> Iterator[HostApp]:
    headers |= {"accesskey": access_key} if access_key else {}
    # Loopback only: no certificates to load.
    with httpx.Client(base_url=base_url, headers=headers, timeout=60, verify=False) as client:
        yield HostApp(client)


@contextmanager
def browser(base_url: str, token: str) -> Iterator[HostApp]:
    """A user's browser with a session's token."""
    with host_app(base_url, None, Authorization=f"Bearer {token}") as client:
        yield client


@pytest.fixture
def app(base_url: str, access_key: str) -> Iterator[HostApp]:
    """A host app with a project of its own."""
    with host_app(base_url, access_key) as client:
        yield client


@pytest.fixture
def other_app(base_url: str, engine: Engine) -> Iterator[HostApp]:
    """Another host app, with another project."""
    with host_app(base_url, new_key(engine)) as client:
        yield client


@pytest.fixture
def stranger(base_url: str) -> Iterator[HostApp]:
    """A client without a key."""
    with host_app(base_url, None) as client:
        yield client
