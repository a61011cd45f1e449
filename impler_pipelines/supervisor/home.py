"""The directory ``IMPLER_HOME`` as the stack uses it: locks, logs, Dagster's home. No processes."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import impler_pipelines
from impler_pipelines.errors import StateConflict
from impler_pipelines.settings import Settings

LOCATION_NAME = "impler_pipelines"
_LARGE_LOG_BYTES = 10 * 1024**2


@contextmanager
def locked_parts(settings: Settings, parts: Iterable[str]) -> Iterator[None]:
    """Hold each part of this home for ourselves; the kernel lets go however we end.

    Raises ``StateConflict`` that names the process which holds one.
    """
    private_directory(settings.home)
    with ExitStack() as stack:
        for part in parts:
            stack.enter_context(_locked(settings, part))
        yield


@contextmanager
def _locked(settings: Settings, part: str) -> Iterator[None]:
    directory = private_directory(settings.home / "locks")
    with (directory / part).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise StateConflict(
                f"IMPLER_HOME={settings.home} is in use: process {file.read().strip()} runs its"
                f" {part}. Stop that one, or set IMPLER_HOME to another directory"
            ) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def private_directory(path: Path) -> Path:
    """Make ``path``, for its owner's eyes only, unless it is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def log_file(settings: Settings, name: str) -> Path:
    """Where the child of that name logs; a large log is put aside first."""
    path = private_directory(settings.home / "logs") / f"{name}.log"
    put_aside_if_large(path)
    return path


def put_aside_if_large(log: Path) -> None:
    """Copy a log of more than 10 MiB to ``NAME.log.1`` and empty it, under whoever appends to it.

    What is written between the two is lost: a line or two, of some hundred thousand.
    """
    if not log.exists() or log.stat().st_size <= _LARGE_LOG_BYTES:
        return
    former = log.with_name(f"{log.name}.1")
    with log.open("rb") as present, open(former, "wb", opener=private_file) as kept:
        shutil.copyfileobj(present, kept)
    os.truncate(log, 0)


def private_file(path: str, flags: int) -> int:
    """An opener of files for their owner's eyes only, such as logs, which may quote data."""
    return os.open(path, flags, 0o600)


def prepare_dagster_home(settings: Settings, code_server_port: int | None = None) -> Path:
    """Make ``DAGSTER_HOME`` with the project's ``dagster.yaml``, as it stands now.

    Where there is a broker it is the one that launches runs on warm workers. With a port also a
    ``workspace.yaml`` that points there; returns that file's path.
    """
    place = "deploy/celery" if settings.broker_url else "."
    instance = Path(impler_pipelines.__file__).parents[1] / place / "dagster.yaml"
    if not instance.exists():
        raise StateConflict(f"{instance} is missing: run from a checkout of the project")
    directory = private_directory(settings.dagster_home)
    shutil.copyfile(instance, directory / instance.name)
    workspace = directory / "workspace.yaml"
    if code_server_port is not None:
        workspace.write_text(
            "# Written at each start.\n"
            "load_from:\n"
            "  - grpc_server:\n"
            "      host: 127.0.0.1\n"
            f"      port: {code_server_port}\n"
            f"      location_name: {LOCATION_NAME}\n"
        )
    return workspace
