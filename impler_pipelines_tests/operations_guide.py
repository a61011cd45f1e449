"""``docs/operations.md`` as an operator uses it: its sections, and the commands in them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
_FENCED = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LIMIT_SECONDS = 120


def section(title: str) -> str:
    """What stands below a heading, up to the next one of any depth."""
    _, found, after = (ROOT / "docs" / "operations.md").read_text().partition(f"# {title}\n")
    assert found, f"docs/operations.md has no section {title!r}"
    return re.split(r"^#+ ", after, maxsplit=1, flags=re.MULTILINE)[0]


def shell_blocks(title: str) -> list[str]:
    """The shell commands of a section, block by block."""
    return _FENCED.findall(section(title))


class Operator:
    """Does what the guide says, in a directory that has the program where the guide has it."""

    def __init__(self, place: Path, environment: Mapping[str, str]) -> None:
        place.mkdir()
        (place / ".venv").symlink_to(sys.prefix)
        self._place = place
        self.environment = {**environment, "BACKUP": str(place / "backup")}
        (self._back_up,) = shell_blocks("Back up")
        self._prepare, self.database, self._restore, self._read_anew = shell_blocks("Restore")

    def backs_up(self) -> None:
        """Database, key and files."""
        self._does(self._back_up)

    def prepares(self) -> None:
        """The new home, before its database is started."""
        self._does(self._prepare)

    def restores(self) -> None:
        """Database and files, with nothing but the database running."""
        self._does(self._restore)

    def lets_all_feeds_be_read_anew(self) -> None:
        """For rows in another database that were restored by themselves."""
        self._does(self._read_anew)

    def _does(self, commands: str) -> None:
        done = subprocess.run(
            ["/bin/bash", "-e", "-u", "-o", "pipefail", "-c", commands],
            cwd=self._place,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=_LIMIT_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{commands}\n{done.stdout}{done.stderr}"
