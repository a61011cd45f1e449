"""A stack of cheap children under the real supervisor: ``python -m … HOME [KIND…]``.

Each child writes its process id to ``HOME/NAME.pid``. Kinds: ``sleeper`` ends on SIGTERM;
``stubborn`` ignores it; ``family`` has a child in a session of its own; ``broken`` ends at once.
"""

from __future__ import annotations

import signal
import sys
from functools import partial
from pathlib import Path

from impler_pipelines import logs
from impler_pipelines.errors import StateConflict
from impler_pipelines.settings import Settings
from impler_pipelines.supervisor.child import ChildSpec
from impler_pipelines.supervisor.descendants import MARK, become_subreaper
from impler_pipelines.supervisor.home import locked_parts, log_file
from impler_pipelines.supervisor.lifeline import Lifeline
from impler_pipelines.supervisor.parts import Parts
from impler_pipelines.supervisor.processes import Supervisor
from impler_pipelines.supervisor.spawn import spawn
from impler_pipelines.supervisor.stack import say_line

_WRITE = "import os, pathlib, signal, subprocess, sys, time; h = pathlib.Path(sys.argv[1]);"
_NAMED = "(h / (sys.argv[2] + '.tmp')).write_text(str(os.getpid()));"
_NAMED += "(h / (sys.argv[2] + '.tmp')).rename(h / (sys.argv[2] + '.pid'));"
PROGRAMS = {
    "sleeper": f"{_WRITE}{_NAMED} time.sleep(600)",
    "stubborn": f"{_WRITE} signal.signal(signal.SIGTERM, signal.SIG_IGN); {_NAMED} time.sleep(600)",
    "broken": f"{_WRITE} sys.exit('no such thing as luck')",
}
PROGRAMS["family"] = (
    f"{_WRITE} subprocess.Popen([sys.executable, '-c', {PROGRAMS['stubborn']!r}, sys.argv[1],"
    f" 'grandchild'], start_new_session=True); {_NAMED} time.sleep(600)"
)


def specs(parts: Parts, home: Path, kinds: list[str]) -> list[ChildSpec]:
    found = []
    for kind in kinds:
        log = log_file(parts.settings, kind)
        command = [sys.executable, "-c", PROGRAMS[kind], str(home), kind]
        found.append(
            ChildSpec(
                name=kind,
                launch=partial(spawn, command, log=log, environment=parts.environment),
                log=log,
                ready=(home / f"{kind}.pid").exists,
                stop_signals=((signal.SIGTERM, 60.0), (signal.SIGKILL, 5.0))
                if kind == "stubborn"
                else ((signal.SIGTERM, 2.0), (signal.SIGKILL, 2.0)),
                with_descendants=False,
            )
        )
    return found


def main(home: Path, kinds: list[str]) -> int:
    settings = Settings.load(home=home, database_url="")
    mark = f"{home}:test"
    parts = Parts(settings, {MARK: mark})
    logs.configure("supervisor", form="json", file=log_file(settings, "supervisor"))
    with Lifeline() as lifeline, locked_parts(settings, ["dummies"]):
        become_subreaper()
        supervisor = Supervisor(lifeline, say_line)
        try:
            if supervisor.start([parts.watcher(mark, None), *specs(parts, home, kinds)]):
                say_line("ready")
                supervisor.watch()
        finally:
            say_line(f"stopping ({lifeline.reason})")
            supervisor.stop()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
    except StateConflict as error:
        sys.exit(str(error))
