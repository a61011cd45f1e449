"""The few lines between fork and exec of a supervised process; it never imports the package.

Run as a script: ``python -I -S launch.py PARENT SIGNAL UID GID PROGRAM ARGUMENT…`` (``-`` for
"leave as it is"). It is a program of its own, and not a ``preexec_fn``, because code between fork
and exec of a process with threads may deadlock.
"""

import os
import signal
import sys

if sys.platform == "linux":
    import ctypes  # here, since the account may not read Python's library later

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def _die_with_parent(parent: int, death_signal: int) -> None:
    """Ask Linux for ``death_signal`` when the parent ends; elsewhere the watcher does this."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the request was in place
        os.kill(os.getpid(), death_signal)


def main(arguments: list[str]) -> None:
    """Reset signals, drop privileges, tie this process to its parent, become the program."""
    parent, death_signal, uid, gid, *program = arguments
    for reset in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD):
        signal.signal(reset, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    if uid != "-":
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    if death_signal != "-":  # after setuid, which clears it
        _die_with_parent(int(parent), int(death_signal))
    try:
        os.execv(program[0], program)  # noqa: S606 - no shell is wanted
    except OSError as error:
        sys.exit(f"{program[0]} can't be started: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
