"""Install a lock file with pip and say how far it is. Standard library only; run by the Makefile.

``python .ci/install.py LOCK WHAT``: the dependencies exactly as locked, hashes checked, wheels only
(nothing is compiled here: it takes a minute or fails at once), then the project itself, editable.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time

PIP = [sys.executable, "-m", "pip", "--no-input", "--disable-pip-version-check", "install"]
LOCKED = re.compile(r"^[A-Za-z0-9][\w.-]*==", re.MULTILINE)
STEP = re.compile(r"^(?:Collecting|Processing|Requirement already satisfied:?|Ignoring) ?(\S*)")
EVERY_SECONDS = 5.0  # between lines where the output is not a terminal


class Progress:
    """One line that moves on a terminal, a line now and then elsewhere."""

    def __init__(self, what: str, total: int) -> None:
        self.what, self.total, self.done = what, total, 0
        self.terminal = sys.stdout.isatty()
        self.said = time.monotonic()

    def step(self) -> None:
        """One more package is there or on its way."""
        self.done = min(self.done + 1, self.total)
        self.say(f"{self.done} of {self.total}")

    def say(self, state: str, *, now: bool = False) -> None:
        """Show ``state``; without a terminal only now and then, unless ``now``."""
        line = f"make: installing {self.what}: {state}"
        if self.terminal:
            print(f"\r{line:<79}", end="\n" if now else "", flush=True)
        elif now or time.monotonic() - self.said > EVERY_SECONDS:
            self.said = time.monotonic()
            print(line, flush=True)


def run_pip(arguments: list[str], progress: Progress) -> None:
    """Run pip to its end; leave with its last lines when it fails."""
    lines: list[str] = []
    with subprocess.Popen(  # noqa: S603 - pip, with our own arguments
        [*PIP, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as pip:
        for line in pip.stdout or ():
            lines.append(line)
            if STEP.match(line):
                progress.step()
            elif line.startswith("Installing collected"):
                progress.say("unpacking", now=True)
    if pip.returncode:
        print(flush=True)
        sys.exit(f"{''.join(lines[-15:])}make: pip could not install {progress.what}")


def main() -> None:
    """Install what the lock file says, then the project."""
    lock, what = sys.argv[1:]
    with open(lock, encoding="utf-8") as file:  # noqa: PTH123 - plain enough
        progress = Progress(what, len(LOCKED.findall(file.read())))
    progress.say("about a minute", now=True)
    locked = ["--only-binary", ":all:", "--no-deps", "--require-hashes", "-r", lock]
    run_pip([*locked, "--progress-bar", "off"], progress)
    run_pip(["--no-deps", "--no-build-isolation", "--editable", "."], progress)
    progress.say("done", now=True)


if __name__ == "__main__":
    main()
