"""The unprivileged system account that PostgreSQL runs as when we are root. It starts nothing else.

PostgreSQL refuses to run as root. Not being root, everything runs as the present user and there is
no account (None).
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from impler_pipelines.errors import StateConflict

ACCOUNT_NAME = "impler_postgres"


@dataclass(frozen=True)
class Account:
    """A system user by its numbers."""

    name: str
    uid: int
    gid: int


def postgres_account() -> Account | None:
    """The account to run PostgreSQL as, made if it is new; None unless we are root.

    Raises ``StateConflict`` where no account can be made.
    """
    if os.geteuid() != 0:
        return None
    found = _look_up()
    if found is None:
        reason = _create()
        found = _look_up()  # also there when another process made it first
        if found is None:
            raise StateConflict(
                f"PostgreSQL does not run as root, and the system user {ACCOUNT_NAME} could not"
                f" be made ({reason}): run as another user, or set IMPLER_DATABASE_URL"
            )
    return found


def _look_up() -> Account | None:
    try:
        entry = pwd.getpwnam(ACCOUNT_NAME)
    except KeyError:
        return None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _create() -> str:
    """Make the account; returns why it failed, or nothing."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    commands = (
        ("useradd", "--system", "--user-group", "--no-create-home", "--shell", "/bin/false"),
        ("adduser", "-S", "-D", "-H", "-s", "/bin/false"),  # BusyBox
    )
    for name, *options in commands:
        program = shutil.which(name, path=path)
        if program is None:
            continue
        made = subprocess.run(  # noqa: S603 - a fixed command
            [program, *options, ACCOUNT_NAME], capture_output=True, text=True, check=False
        )
        return made.stderr.strip()
    return "neither useradd nor adduser is installed"


def grant_traversal(account: Account, targets: Iterable[Path]) -> list[Path]:
    """Let ``account`` pass through every directory above ``targets``; returns those changed.

    Passing through (``o+x``) shows no listing and no file. Raises ``StateConflict`` where a mode
    can't be changed.
    """
    changed: list[Path] = []
    for target in targets:
        for directory in _above(target):
            if not _allows(directory, account, stat.S_IXUSR):
                _add_mode(directory, stat.S_IXOTH)
                changed.append(directory)
    return changed


def grant_reading(account: Account, tree: Path) -> None:
    """Let ``account`` read and run what an installation under a strict umask has kept to root."""
    for directory, _, files in os.walk(tree):
        here = Path(directory)
        if not _allows(here, account, stat.S_IRUSR | stat.S_IXUSR):
            _add_mode(here, stat.S_IROTH | stat.S_IXOTH)
        for file in (here / name for name in files):
            if not file.is_symlink() and not _allows(file, account, stat.S_IRUSR):
                executable = file.stat().st_mode & stat.S_IXUSR
                _add_mode(file, stat.S_IROTH | (stat.S_IXOTH if executable else 0))


def _above(target: Path) -> Iterator[Path]:
    """The directories that lead to ``target``, outermost first, through links as well."""
    written, real = target.absolute(), target.resolve()
    yield from reversed(written.parents)
    if real != written:
        yield from reversed(real.parents)


def _allows(path: Path, account: Account, owner_bits: int) -> bool:
    status = path.stat()
    if status.st_uid == account.uid:
        wanted = owner_bits
    elif status.st_gid == account.gid:
        wanted = owner_bits >> 3
    else:
        wanted = owner_bits >> 6
    return status.st_mode & wanted == wanted


def _add_mode(path: Path, bits: int) -> None:
    try:
        path.chmod(stat.S_IMODE(path.stat().st_mode) | bits)
    except OSError as error:
        raise StateConflict(
            f"The user {ACCOUNT_NAME}, which PostgreSQL runs as, can't pass through {path}, and"
            f" its mode can't be changed ({error.strerror}): set IMPLER_HOME to another place"
        ) from error
