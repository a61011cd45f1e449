"""The embedded PostgreSQL server as a direct child process: start, readiness, bootstrap, stop.

It listens on a Unix socket only, in a directory of its owner alone, and asks everyone for a
password. It never makes tables: migrations do.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import LiteralString
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from impler_pipelines.errors import StoreUnavailable
from impler_pipelines.settings import Settings
from impler_pipelines.supervisor.postgres_cluster import (
    SUPERUSER,
    PostgresCluster,
    running_postmaster,
)
from impler_pipelines.supervisor.spawn import spawn

ROLE = "impler"
DATABASE = "impler"
START_LIMIT_SECONDS = 60.0
STOP_LIMIT_SECONDS = 15.0
_POLL_SECONDS = 0.05
_LINGERING = "pre-existing shared memory block"


class EmbeddedPostgres:
    """One server on the data under ``settings.home``.

    ``durable=False`` trades safety in a power cut for speed: for tests. Start it from the main
    thread: on Linux the server shuts down when the thread that started it ends.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        log: Path | None = None,
        durable: bool = True,
        say: Callable[[str], None] = print,
    ) -> None:
        self.cluster = PostgresCluster(settings, say)
        self.log = log or settings.postgres_dir / "server.log"
        self.durable = durable
        self.process: subprocess.Popen[bytes] | None = None

    def start(
        self,
        limit: float = START_LIMIT_SECONDS,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Start the server and return when the role ``impler`` can use its database.

        False: ``cancelled`` came true first, and nothing runs.

        Also takes over after a crash: a server left from a dead supervisor is shut down first,
        and backends that linger after their postmaster was killed are waited for. Raises
        ``StoreUnavailable`` after ``limit`` seconds, ``StateConflict`` for data it can't serve.
        """
        deadline = time.monotonic() + limit
        self.cluster.prepare()
        self._stop_leftover(deadline)
        while not self._launch_and_wait(deadline, cancelled):
            if cancelled():
                self.stop()
                return False
            time.sleep(0.2)
        self._bootstrap()
        return True

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the process alone, without waiting. The cluster must be prepared."""
        self.cluster.disown_locks()
        self.process = spawn(
            self._command(),
            log=self.log,
            environment=self.cluster.environment(),
            directory=self.cluster.directory,
            account=self.cluster.account,
            death_signal=signal.SIGINT,  # a fast shutdown
        )
        return self.process

    def _launch_and_wait(self, deadline: float, cancelled: Callable[[], bool]) -> bool:
        """True when ready; False when cancelled, or while backends of a dead server linger."""
        seen = self.log.stat().st_size if self.log.exists() else 0
        self.launch()
        while self._alive() and time.monotonic() < deadline and not cancelled():
            if self.is_ready():
                return True
            time.sleep(_POLL_SECONDS)
        if cancelled():
            return False
        if time.monotonic() > deadline:
            self.stop()
            raise StoreUnavailable(f"PostgreSQL was not ready in time: see {self.log}")
        output = self.log.read_bytes()[seen:].decode(errors="replace")
        if _LINGERING in output:
            return False
        fatal = [line for line in output.splitlines() if "FATAL" in line]
        reason = fatal[-1] if fatal else output[-300:]
        raise StoreUnavailable(f"PostgreSQL did not start: {reason.strip()} (log: {self.log})")

    def stop(self, limit: float = STOP_LIMIT_SECONDS) -> None:
        """Shut down: roll back what is open, write a checkpoint; by force after ``limit`` seconds.

        What was committed survives either way.
        """
        process = self.process
        if process is None:
            return
        for number, patience in (
            (signal.SIGINT, limit),
            (signal.SIGQUIT, 5.0),
            (signal.SIGKILL, 5.0),
        ):
            process.send_signal(number)
            try:
                process.wait(patience)
                break
            except subprocess.TimeoutExpired:
                continue
        self.process = None
        self.cluster.remove_socket_directory()

    def url(self, database: str = DATABASE) -> str:
        """``postgresql://…`` of the role that owns everything and is no superuser."""
        return self._url(ROLE, self.cluster.password_file, database)

    def superuser_url(self, database: str = "postgres") -> str:
        """``postgresql://…`` of the superuser, for bootstrap and tests only."""
        return self._url(SUPERUSER, self.cluster.superuser_password_file, database)

    def _url(self, role: str, password_file: Path, database: str) -> str:
        password = password_file.read_text().strip()
        return (
            f"postgresql://{role}:{password}@/{database}?host={quote(str(self.cluster.socket_dir))}"
        )

    def _command(self) -> list[str]:
        escaped = str(self.cluster.socket_dir).replace('"', '""')
        options = {
            "listen_addresses": "",
            "unix_socket_directories": f'"{escaped}"',
            "unix_socket_permissions": "0700",
            "max_connections": "200",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_connections": "off",
            # Iterations slow down who guesses at people's passwords; ours are 256 random bits. Each
            # takes its time of each connection, and Dagster opens one for almost every query.
            "scram_iterations": "1",
        }
        if not self.durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        command = [str(self.cluster.binaries / "postgres"), "-D", str(self.cluster.data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        return command

    def is_ready(self) -> bool:
        """Whether it accepts connections now."""
        try:
            psycopg.connect(self.superuser_url(), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def _alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def _stop_leftover(self, deadline: float) -> None:
        """End a server that still runs on this data although nobody supervises it any more."""
        postmaster = running_postmaster(self.cluster.data)
        if postmaster is None:
            return
        postmaster.send_signal(signal.SIGINT)
        try:
            postmaster.wait(max(1.0, min(STOP_LIMIT_SECONDS, deadline - time.monotonic())))
        except psutil.TimeoutExpired:
            postmaster.send_signal(signal.SIGQUIT)

    def _bootstrap(self) -> None:
        """Make the role and its database, and set the role's password to the one in the file."""
        password = self.cluster.password_file.read_text().strip()
        with psycopg.connect(self.superuser_url(), autocommit=True) as connection:
            verifier = connection.pgconn.encrypt_password(
                password.encode(), ROLE.encode(), b"scram-sha-256"
            ).decode()
            role = sql.Identifier(ROLE)
            if not _exists(connection, "SELECT FROM pg_roles WHERE rolname = %s", ROLE):
                connection.execute(sql.SQL("CREATE ROLE {}").format(role))
            connection.execute(
                sql.SQL(
                    "ALTER ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {}"
                ).format(role, sql.Literal(verifier))
            )
            if not _exists(connection, "SELECT FROM pg_database WHERE datname = %s", DATABASE):
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), role)
                )


def _exists(
    connection: psycopg.Connection[tuple[object, ...]], query: LiteralString, name: str
) -> bool:
    return connection.execute(query, (name,)).fetchone() is not None
