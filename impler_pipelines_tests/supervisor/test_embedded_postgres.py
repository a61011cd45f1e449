from __future__ import annotations

import os
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from impler_pipelines.errors import StateConflict
from impler_pipelines.settings import Settings
from impler_pipelines.supervisor.account import postgres_account
from impler_pipelines.supervisor.embedded_postgres import EmbeddedPostgres


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="impler-pg-") as directory:
        Path(directory).chmod(0o711)
        yield Path(directory) / "home"


@pytest.fixture(scope="module")
def settings(home: Path) -> Settings:
    return Settings.load(home=home, database_url="")


@pytest.fixture
def new_settings() -> Iterator[Settings]:
    """Of a home that is not there yet. Not below pytest's own directory: its modes change."""
    with tempfile.TemporaryDirectory(prefix="impler-pg-") as directory:
        Path(directory).chmod(0o711)
        yield Settings.load(home=Path(directory) / "home", database_url="")


@pytest.fixture
def server(settings: Settings) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(settings)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def other_process() -> Iterator[int]:
    """A living process of the server's account that has nothing to do with PostgreSQL."""
    account = postgres_account()
    with subprocess.Popen(["sleep", "600"], user=account.uid if account else None) as process:
        yield process.pid
        process.kill()


def query(url: str, statement: LiteralString) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


class TestStart:
    def test_settings_name_the_url_of_an_unprivileged_owner(
        self, server: EmbeddedPostgres, settings: Settings
    ) -> None:
        assert server.url() == settings.plain_store_url
        role = "SELECT usesuper, usecreatedb FROM pg_user WHERE usename = current_user"
        assert query(settings.plain_store_url, role) == [(False, False)]
        owner = "SELECT datdba::regrole::text, encoding FROM pg_database WHERE datname = 'impler'"
        assert query(settings.plain_store_url, owner) == [("impler", 6)]

    def test_everyone_needs_a_password(self, server: EmbeddedPostgres) -> None:
        for user in ("impler", "postgres"):
            url = f"postgresql://{user}:wrong@/impler?host={server.cluster.socket_dir}"
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                psycopg.connect(url)

    def test_a_connection_costs_no_rounds_of_hashing(self, server: EmbeddedPostgres) -> None:
        verifier = "SELECT rolpassword FROM pg_authid WHERE rolname = 'impler'"
        ((found,),) = query(server.superuser_url(), verifier)
        assert str(found).startswith("SCRAM-SHA-256$1:")

    def test_it_listens_on_no_network_address(self, server: EmbeddedPostgres) -> None:
        assert query(server.url(), "SHOW listen_addresses") == [("",)]

    def test_secrets_and_directories_are_private(
        self, server: EmbeddedPostgres, settings: Settings
    ) -> None:
        modes = {
            settings.postgres_password_file: 0o600,
            server.cluster.superuser_password_file: 0o600,
            server.log: 0o600,
            server.cluster.socket_dir: 0o700,
            server.cluster.data: 0o700,
        }
        assert {path: stat.S_IMODE(path.stat().st_mode) for path in modes} == modes

    def test_a_lost_password_file_is_made_anew(self, settings: Settings) -> None:
        server = EmbeddedPostgres(settings, durable=False)
        server.cluster.prepare()
        settings.postgres_password_file.unlink()
        server.start()
        try:
            assert query(settings.plain_store_url, "SELECT 1") == [(1,)]
        finally:
            server.stop()

    def test_data_of_another_major_version_is_refused(self, new_settings: Settings) -> None:
        settings = new_settings
        server = EmbeddedPostgres(settings)
        server.cluster.prepare()
        (server.cluster.data / "PG_VERSION").write_text("9\n")
        with pytest.raises(StateConflict, match=r"is of PostgreSQL 9, .* is \d+: install") as error:
            server.start()
        assert "\n" not in str(error.value)

    def test_an_interrupted_initialisation_is_begun_again(self, new_settings: Settings) -> None:
        settings = new_settings
        half = settings.postgres_dir / "data.partial" / "base"
        half.mkdir(parents=True)
        cluster = EmbeddedPostgres(settings).cluster
        cluster.prepare()
        assert (cluster.data / "PG_VERSION").exists()


class TestCrash:
    def test_committed_rows_survive_kill_of_the_postmaster(self, server: EmbeddedPostgres) -> None:
        query(server.url(), "CREATE TABLE kept AS SELECT 7 AS n")
        assert server.process is not None
        with psycopg.connect(server.url()):  # a backend that lingers
            server.process.kill()
            server.process.wait()
            server.start()
        assert query(server.url(), "SELECT n FROM kept") == [(7,)]
        query(server.url(), "DROP TABLE kept")

    def test_the_number_of_a_killed_postmaster_may_be_another_process_now(
        self, settings: Settings, other_process: int
    ) -> None:
        """After a loss of power it often is; an unreaped zombie looks the same to PostgreSQL."""
        server = EmbeddedPostgres(settings)
        server.start()
        assert server.process is not None
        server.process.kill()
        server.process.wait()
        socket = settings.postgres_socket_dir / ".s.PGSQL.5432.lock"
        for lock in (settings.postgres_dir / "data" / "postmaster.pid", socket):
            _, rest = lock.read_text().split("\n", 1)
            lock.write_text(f"{other_process}\n{rest}")
        again = EmbeddedPostgres(settings)
        again.start()
        try:
            assert query(again.url(), "SELECT 1") == [(1,)]
        finally:
            again.stop()

    def test_a_server_left_behind_is_taken_over(
        self, server: EmbeddedPostgres, settings: Settings
    ) -> None:
        assert server.process is not None
        successor = EmbeddedPostgres(settings, durable=False)
        successor.start()
        try:
            assert server.process.wait(10) == 0
            assert query(successor.url(), "SELECT 1") == [(1,)]
        finally:
            successor.stop()


class TestStop:
    def test_open_connections_do_not_hold_it_up(self, settings: Settings) -> None:
        server = EmbeddedPostgres(settings, durable=False)
        server.start()
        process = server.process
        assert process is not None
        connection = psycopg.connect(server.url())
        server.stop()
        assert process.returncode == 0
        assert not (server.cluster.data / "postmaster.pid").exists()
        connection.close()

    def test_a_frozen_server_is_stopped_by_force(self, settings: Settings) -> None:
        server = EmbeddedPostgres(settings, durable=False)
        server.start()
        process = server.process
        assert process is not None
        os.kill(process.pid, signal.SIGSTOP)
        server.stop(limit=0.2)
        assert process.returncode is not None
