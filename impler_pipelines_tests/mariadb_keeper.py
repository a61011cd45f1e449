"""Keeps one MariaDB running for a whole test session, shared by its workers.

A program of its own: ``python -m impler_pipelines_tests.mariadb_keeper HOME PID``. It stops the
server on SIGTERM, or when the process ``PID`` (pytest's controller) has ended, however it ended;
Linux stops it should the keeper itself be killed.

The server has hostile defaults, as an administrator may have set them: no strict mode, no
backslash escapes, Latin-1, MyISAM, short keys, the strictest isolation, another time zone. What
loads need otherwise they have to say themselves.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil

from impler_pipelines.supervisor.spawn import spawn

ROLE = "impler"  # owns the databases called test_…, and may do nothing else
_START_LIMIT_SECONDS = 60.0
_STOP_LIMIT_SECONDS = 15.0
_PORT_ATTEMPTS = 5
_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin:/usr/local/sbin"

_SMALL = (
    "--innodb-buffer-pool-size=32M",
    "--innodb-log-file-size=16M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-flush-method=nosync",
    "--innodb-doublewrite=0",
    "--performance-schema=OFF",
    "--skip-log-bin",
)
_HOSTILE = (
    "--sql-mode=NO_BACKSLASH_ESCAPES,ANSI_QUOTES",
    "--character-set-server=latin1",
    "--default-storage-engine=MyISAM",
    "--innodb-default-row-format=compact",
    "--transaction-isolation=SERIALIZABLE",
    "--default-time-zone=+05:30",
    "--skip-innodb-strict-mode",
)


def find_program(name: str) -> str | None:
    """The path of a MariaDB program; servers lie where only root's PATH looks."""
    return shutil.which(name, path=_PATH)


def server_url(home: Path, database: str) -> str:
    """``mariadb://…`` of a database on the session's running server, as the role ``impler``."""
    port, password = (home / "mariadb.access").read_text().split()
    return f"mariadb://{ROLE}:{password}@127.0.0.1:{port}/{database}"


def keep(home: Path, controller: psutil.Process) -> None:
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stopped.set())
    server = _start(home)
    try:
        (home / "mariadb.ready").touch()
        while not stopped.wait(0.5) and controller.is_running():
            pass
    finally:
        server.terminate()
        try:
            server.wait(_STOP_LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        if not stopped.is_set():  # the controller was killed: nobody else removes it
            shutil.rmtree(home, ignore_errors=True)


def _start(home: Path) -> subprocess.Popen[bytes]:
    directory = home / "mariadb"
    directory.mkdir(mode=0o700)
    as_root = ["--user=root"] if os.geteuid() == 0 else []
    common = ["--no-defaults", f"--datadir={directory / 'data'}", *as_root]
    install = [str(find_program("mariadb-install-db")), *common, "--skip-test-db"]
    subprocess.run([*install, "--skip-name-resolve", *_SMALL], check=True)
    password = secrets.token_hex(16)
    (directory / "init.sql").write_text(
        f"CREATE USER IF NOT EXISTS {ROLE}@'127.0.0.1' IDENTIFIED BY '{password}';\n"
        f"GRANT ALL ON `test\\_%`.* TO {ROLE}@'127.0.0.1';\n"
    )
    for _ in range(_PORT_ATTEMPTS):
        port = _free_port()
        command = [
            str(find_program("mariadbd")),
            *common,
            f"--port={port}",
            "--bind-address=127.0.0.1",
            f"--socket={directory / 'socket'}",
            f"--pid-file={directory / 'pid'}",
            f"--init-file={directory / 'init.sql'}",
            "--skip-name-resolve",
            *_SMALL,
            *_HOSTILE,
        ]
        server = spawn(command, log=directory / "server.log")
        if _listens(server, directory):
            access = f"{port} {password}"
            (home / "mariadb.access").write_text(access)
            return server
        server.wait()  # somebody else took the port first
    raise RuntimeError((directory / "server.log").read_text(errors="replace")[-3000:])


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _listens(server: subprocess.Popen[bytes], directory: Path) -> bool:
    """True when the server takes connections; False when it ended."""
    deadline = time.monotonic() + _START_LIMIT_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            # The pid file is written last, when the init file has run.
            if (directory / "pid").exists():
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(str(directory / "socket"))
                return True
        except OSError:
            pass
        time.sleep(0.05)
    if server.poll() is None:
        server.kill()
    return False


if __name__ == "__main__":
    keep(Path(sys.argv[1]), psutil.Process(int(sys.argv[2])))
