"""Starting one process the way every supervised process starts. It never watches or stops it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from impler_pipelines.supervisor.account import Account
from impler_pipelines.supervisor.home import private_file

_LAUNCH = str(Path(__file__).with_name("launch.py"))


def spawn(
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    account: Account | None = None,
    death_signal: signal.Signals | None = signal.SIGKILL,
) -> subprocess.Popen[bytes]:
    """Start ``command`` (an absolute path and its arguments) and return at once.

    - It leads a session of its own, so a Ctrl-C in the terminal reaches it through us alone.
    - SIGINT, SIGTERM and SIGHUP are at their defaults, even where we inherited them ignored (a
      shell's background job).
    - Linux sends it ``death_signal`` when the calling *thread* ends, however it ends; so call this
      from the main thread. None: it outlives the caller.
    - Output goes to the end of ``log``; input is empty.
    """
    who = ("-", "-") if account is None else (str(account.uid), str(account.gid))
    signal_number = "-" if death_signal is None else str(int(death_signal))
    launch = [sys.executable, "-I", "-S", _LAUNCH, str(os.getpid()), signal_number, *who]
    with open(log, "ab", opener=private_file) as output:
        return subprocess.Popen(  # noqa: S603 - our own fixed commands, no shell
            [*launch, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if environment is None else dict(environment),
            cwd=directory,
            start_new_session=True,
        )
