"""What a fresh checkout is built from: the Makefile's targets and the lock files."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ["requirements.lock", "requirements-dev.lock"]


def make(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    program = shutil.which("make")
    assert program is not None
    return subprocess.run(
        [program, *arguments], cwd=cwd, capture_output=True, text=True, timeout=60
    )


class TestMakefile:
    def test_help_names_every_target(self) -> None:
        listed = re.findall(r"^  make (\w+)", make("help").stdout, re.MULTILINE)
        assert set(listed) >= {"demo", "test", "run", "check", "bench", "help"}

    @pytest.mark.parametrize(
        ("arguments", "command"),
        [
            pytest.param(["run"], ".venv/bin/impler-pipelines run", id="run"),
            pytest.param(["run", "DEMO=1"], ".venv/bin/impler-pipelines run --demo", id="demo=1"),
            pytest.param(["demo"], ".venv/bin/impler-pipelines demo", id="demo"),
        ],
    )
    def test_targets_are_thin(self, arguments: list[str], command: str) -> None:
        # -o: taken as up to date, so the environment's own rules stay out of it.
        said = make("-n", "-o", ".venv/.compiled", *arguments).stdout
        assert [line.strip() for line in said.splitlines()] == [command]

    def test_an_old_python_is_refused_in_one_line(self, tmp_path: Path) -> None:
        shutil.copy(ROOT / "Makefile", tmp_path)
        old = tmp_path / "old-python"
        # Answers the version check as Python 3.9 would, by running it under a changed version.
        changed = "import sys; sys.version_info = (3, 9, 2); exec(sys.argv[1])"
        old.write_text(f'#!/bin/sh\nshift\nexec python3 -c "{changed}" "$1"\n')
        old.chmod(0o755)
        made = make(".venv/.made", f"PYTHON={old}", cwd=tmp_path)
        assert made.returncode != 0
        assert "Python 3.11 or newer is needed" in made.stderr
        assert "Traceback" not in made.stderr


class TestLocks:
    @pytest.mark.parametrize("name", LOCKS)
    def test_every_package_is_pinned_with_hashes_and_no_address(self, name: str) -> None:
        text = (ROOT / name).read_text()
        assert "://" not in text
        assert "--index-url" not in text
        entries = re.split(r"\n(?=\S)", text)
        pinned = [entry for entry in entries if not entry.startswith("#")]
        assert pinned
        assert all("==" in entry and "--hash=sha256:" in entry for entry in pinned)

    def test_what_the_project_asks_for_is_locked(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        asked = set(project["dependencies"])
        asked_for_development = asked | set(project["optional-dependencies"]["dev"])
        for name, wanted in zip(LOCKS, (asked, asked_for_development), strict=True):
            locked = set(re.findall(r"^([\w.-]+)==", (ROOT / name).read_text(), re.MULTILINE))
            names = {re.split(r"[\[<>=]", one)[0] for one in wanted} - {"impler-pipelines"}
            assert names <= locked, name

    def test_both_lock_the_same_versions(self) -> None:
        runtime, development = (
            set(re.findall(r"^[\w.-]+==\S+", (ROOT / name).read_text(), re.MULTILINE))
            for name in LOCKS
        )
        assert runtime <= development
