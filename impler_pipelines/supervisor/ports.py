"""Ports and sockets of this machine: free, taken, answering. It listens on none."""

from __future__ import annotations

import http.client
import socket
from pathlib import Path

from impler_pipelines.errors import StateConflict

LOOPBACK = "127.0.0.1"
_EVERY_ADDRESS = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared with, never bound


def free_port() -> int:
    """A port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def require_free(host: str, port: int, variable: str) -> None:
    """Raise ``StateConflict`` naming ``variable`` when nobody else can listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise StateConflict(
                f"{variable}={port} can't be used on {host} ({error.strerror}):"
                f" set {variable} to a free port"
            ) from error


def reachable(host: str) -> str:
    """Where a client on this machine finds a server that listens on ``host``."""
    return LOOPBACK if host in _EVERY_ADDRESS else host


def accepts_connections(port: int) -> bool:
    """Whether something listens on that port of 127.0.0.1."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=2).close()
    except OSError:
        return False
    return True


def listens(path: Path) -> bool:
    """Whether something listens on the Unix socket at ``path``."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(2)
        return probe.connect_ex(str(path)) == 0


def answers(host: str, port: int, path: str) -> bool:
    """Whether ``GET path`` there is answered with 200."""
    connection = http.client.HTTPConnection(reachable(host), port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
