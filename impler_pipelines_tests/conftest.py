"""Fixtures for every room: one embedded PostgreSQL a session, one database a test, a feed server.

The server starts when the first test asks for it and is shared by all workers. pytest's controller
stops it at the end; should the controller be killed, the keeper notices and stops it. The same for
a MariaDB, where its server is installed, and for the stack that the browser tests share.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import NullPool

from impler_pipelines.store.engine import open_store
from impler_pipelines.store.migrations import migrate
from impler_pipelines.supervisor.embedded_postgres import ROLE, EmbeddedPostgres
from impler_pipelines_tests import mariadb_keeper, stack_keeper
from impler_pipelines_tests.end_to_end.running_stack import RunningStack
from impler_pipelines_tests.feed_server import FeedServer
from impler_pipelines_tests.postgres_keeper import test_server as build_server

_HOME = "PYTEST_IMPLER_HOME"  # the controller makes it; workers inherit it
_CONTROLLER = "PYTEST_IMPLER_CONTROLLER"
_START_LIMIT_SECONDS = 180.0
_STOP_LIMIT_SECONDS = 60.0
_LONG_SECONDS = 600.0
_KEEPERS = ("stack", "postgres", "mariadb")


def pytest_configure(config: pytest.Config) -> None:
    """In the controller: make the session's home, outside pytest's own (its modes change)."""
    if hasattr(config, "workerinput"):
        return
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A script's background job ignores Ctrl-C, Dagster copies that to SIGTERM when a test runs
        # a job in this process, and a make started afterwards would ignore SIGTERM.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for inherited in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):  # tests run make as a person would
        os.environ.pop(inherited, None)
    home = Path(tempfile.mkdtemp(prefix="impler-tests-"))
    home.chmod(0o711)
    os.environ[_HOME] = str(home)
    os.environ[_CONTROLLER] = str(os.getpid())


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Twice as many workers as cores: those that run whole stacks mostly wait for them."""
    return (os.cpu_count() or 1) * 2


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the tests of the most patience, dealt out to the workers: nobody then waits for
    one of them in the end. xdist gives each worker a piece of the list, of even size."""
    workers: int = getattr(config, "workerinput", {}).get("workercount", 1)
    long = sorted((item for item in items if _patience(item) >= _LONG_SECONDS), key=_patience)
    short = [item for item in items if _patience(item) < _LONG_SECONDS]
    ordered: list[pytest.Item] = []
    for number in range(workers):
        share = long[::-1][number::workers]
        size = (len(items) - len(ordered)) // (workers - number) - len(share)
        ordered += share + short[:size]
        del short[:size]
    items[:] = ordered


def _patience(item: pytest.Item) -> float:
    """The timeout in seconds that a test has of its own."""
    marker = item.get_closest_marker("timeout")
    return float(marker.args[0]) if marker and marker.args else 0.0


def pytest_unconfigure(config: pytest.Config) -> None:
    """In the controller: stop the server, if any test started it, and remove its data."""
    if hasattr(config, "workerinput") or os.environ.get(_CONTROLLER) != str(os.getpid()):
        return
    home = Path(os.environ.pop(_HOME))
    for name in _KEEPERS:
        with _locked(home / f"{name}.lock"):
            _stop_keeper(home, name)
    shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _stop_keeper(home: Path, name: str) -> None:
    try:
        keeper = psutil.Process(int((home / f"{name}.pid").read_text()))
        keeper.terminate()
        keeper.wait(_STOP_LIMIT_SECONDS)
    except (FileNotFoundError, psutil.NoSuchProcess):
        return
    except psutil.TimeoutExpired:
        keeper.kill()


def _start_keeper(home: Path, name: str) -> None:
    """Start the keeper of that name unless another worker has; the caller holds its lock."""
    ready = home / f"{name}.ready"
    if ready.exists():
        return
    with (home / f"{name}.log").open("wb") as log:
        keeper = subprocess.Popen(
            [
                sys.executable,
                "-m",
                f"impler_pipelines_tests.{name}_keeper",
                str(home),
                os.environ[_CONTROLLER],
            ],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    (home / f"{name}.pid").write_text(str(keeper.pid))
    deadline = time.monotonic() + _START_LIMIT_SECONDS
    while not ready.exists():
        if keeper.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"The {name} server did not start:\n{(home / f'{name}.log').read_text()}")
        time.sleep(0.05)
    keeper.returncode = 0  # it outlives this worker: the controller stops it


@pytest.fixture(scope="session")
def postgres_server() -> EmbeddedPostgres:
    """The running server, for its ``url()`` and ``superuser_url()``; never start or stop it."""
    home = Path(os.environ[_HOME])
    with _locked(home / "postgres.lock"):
        _start_keeper(home, "postgres")
    return build_server(home)


@contextmanager
def _database(server: EmbeddedPostgres, template: str = "template1") -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex[:16]}"
    identifier = sql.Identifier(name)
    with psycopg.connect(server.superuser_url(), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                identifier, sql.Identifier(ROLE), sql.Identifier(template)
            )
        )
        yield server.url(name)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))


@pytest.fixture
def database_url(postgres_server: EmbeddedPostgres) -> Iterator[str]:
    """``postgresql://…`` of a new, empty database whose owner, no superuser, it connects as."""
    with _database(postgres_server) as url:
        yield url


@pytest.fixture(scope="session")
def mariadb_home() -> Path:
    """The session's home, where a MariaDB server runs now; skips where none is installed."""
    if mariadb_keeper.find_program("mariadbd") is None:
        if os.environ.get("CI"):
            pytest.fail("no MariaDB server is installed: .ci/programs.sh mariadb installs one")
        pytest.skip("install mariadb-server to run these")
    home = Path(os.environ[_HOME])
    with _locked(home / "mariadb.lock"):
        _start_keeper(home, "mariadb")
    return home


@pytest.fixture
def mariadb_url(mariadb_home: Path) -> Iterator[str]:
    """``mariadb://…`` of a new, empty database whose user has no right beyond it."""
    name = f"test_{uuid.uuid4().hex[:16]}"
    engine = create_engine(
        mariadb_keeper.server_url(mariadb_home, "").replace("://", "+pymysql://"),
        poolclass=NullPool,
    )
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield mariadb_keeper.server_url(mariadb_home, name)
    with engine.connect() as connection:
        connection.exec_driver_sql("SET lock_wait_timeout = 30")
        connection.exec_driver_sql(f"DROP DATABASE {name}")


@pytest.fixture(scope="session")
def running_stack() -> RunningStack:
    """The session's stack on real processes, up and ready; never start or stop it."""
    home = Path(os.environ[_HOME])
    with _locked(home / "stack.lock"):
        _start_keeper(home, "stack")
    return stack_keeper.running(home)


@pytest.fixture(scope="session")
def _store_template(postgres_server: EmbeddedPostgres) -> str:
    """A database with all migrations run, made once a session, to copy from."""
    home = Path(os.environ[_HOME])
    name = "store_template"
    with _locked(home / "template.lock"):
        if not (home / "template-ready").exists():
            with psycopg.connect(postgres_server.superuser_url(), autocommit=True) as connection:
                owner = sql.Identifier(ROLE)
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), owner)
                )
            migrate(_on_psycopg(postgres_server.url(name)))
            (home / "template-ready").touch()
    return name


def _on_psycopg(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


@pytest.fixture
def store_url(postgres_server: EmbeddedPostgres, _store_template: str) -> Iterator[str]:
    """``postgresql+psycopg://…`` of a new store with every table and no rows."""
    with _database(postgres_server, _store_template) as url:
        yield _on_psycopg(url)


@pytest.fixture
def store_engine(store_url: str) -> Iterator[Engine]:
    """An engine on ``store_url``."""
    engine = open_store(store_url)
    yield engine
    engine.dispose()


@pytest.fixture
def feed_server() -> Iterator[FeedServer]:
    """A loopback HTTP server: set ``feed_server.routes`` or call ``serve``, read ``requests``."""
    with FeedServer() as server:
        yield server
