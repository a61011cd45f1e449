"""The supervisor: starts children, keeps them running, stops them all. It knows none by name."""

from __future__ import annotations

import logging
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence

from impler_pipelines import logs
from impler_pipelines.errors import StateConflict
from impler_pipelines.supervisor.child import Child, ChildSpec
from impler_pipelines.supervisor.descendants import descendants, end, reap_orphans
from impler_pipelines.supervisor.home import put_aside_if_large
from impler_pipelines.supervisor.lifeline import Lifeline

_TICK_SECONDS = 1.0
_POLL_SECONDS = 0.1
_FORCED_SECONDS = 0.5  # between signals after a second Ctrl-C
_LOG_LINES = 5


class Supervisor:
    """Runs children until ``lifeline`` says stop. Use it from the main thread only.

    ``say`` gets one line for whatever a person should know.
    """

    def __init__(self, lifeline: Lifeline, say: Callable[[str], None]) -> None:
        self.lifeline = lifeline
        self.say = say
        self.children: list[Child] = []

    def start(self, specs: Sequence[ChildSpec]) -> bool:
        """Start these together and wait until each is ready; False when asked to stop meanwhile.

        Raises ``StateConflict`` when one ends, or is not ready within its limit: the first start
        shows a mistake, so nothing is tried again.
        """
        waiting = [Child(spec) for spec in specs]
        self.children += waiting
        for child in waiting:
            child.start()
        began = time.monotonic()
        while waiting:
            waiting = [child for child in waiting if not self._is_ready(child, began)]
            if self.lifeline.wait(_POLL_SECONDS if waiting else 0.0):
                return False
        return True

    def adopt(self, spec: ChildSpec, running: subprocess.Popen[bytes]) -> None:
        """Watch a process that is up already as if ``start`` had started it."""
        child = Child(spec)
        child.start(running)
        self.children.append(child)

    def watch(self) -> None:
        """Restart what ends, with backoff, until it is time to stop."""
        while not self.lifeline.wait(_TICK_SECONDS):
            for child in self.children:
                put_aside_if_large(child.spec.log)
                news = child.revive()
                if news:
                    self.say(news)
            reap_orphans({child.pid for child in self.children if child.pid is not None})

    def stop(self) -> None:
        """Stop every child, the highest stage first, and whatever they have left running.

        Before the lowest stage (the database) is stopped, so are orphans of the others: what
        still runs may still want to write.
        """
        stages = sorted({child.spec.stage for child in self.children}, reverse=True)
        for stage in stages:
            if stage == stages[-1]:
                self._end_strays()
            self._stop_together([child for child in self.children if child.spec.stage == stage])
        self._end_strays()
        self.children.clear()

    def _is_ready(self, child: Child, began: float) -> bool:
        spec = child.spec
        if not child.alive:
            how = child.how_it_ended()
            logs.note("part.failed", level=logging.ERROR, part=spec.name, how=how)
            raise StateConflict(f"{spec.name} did not start ({child.how_it_ended()}){_tail(spec)}")
        if spec.ready():
            return True
        if time.monotonic() - began > spec.start_limit:
            how = f"not ready within {spec.start_limit:.0f} s"
            logs.note("part.failed", level=logging.ERROR, part=spec.name, how=how)
            raise StateConflict(
                f"{spec.name} was not ready within {spec.start_limit:.0f} s{_tail(spec)}"
            )
        return False

    def _stop_together(self, children: Iterable[Child]) -> None:
        steps = {child: list(child.spec.stop_signals) for child in children}
        sent: dict[Child, tuple[float, float]] = {}  # when, and the seconds it was given
        while waiting := [child for child in steps if child.alive]:
            for child in waiting:
                since, patience = sent.get(child, (0.0, 0.0))
                if self.lifeline.forced:
                    patience = min(patience, _FORCED_SECONDS)
                if time.monotonic() - since < patience:
                    continue
                if not steps[child]:  # not even SIGKILL helped: it hangs in the kernel
                    self.say(f"{child.spec.name} (process {child.pid}) can't be ended")
                    return
                number, patience = steps[child].pop(0)
                if number == signal.SIGKILL:
                    self.say(f"{child.spec.name} did not stop by itself: killed")
                child.send(number)
                sent[child] = (time.monotonic(), patience)
            self.lifeline.pause(_POLL_SECONDS)
        for child in steps:
            logs.note("part.stopped", part=child.spec.name, how=child.how_it_ended())

    def _end_strays(self) -> None:
        """End descendants that belong to no living child, or to nothing at all."""
        kept = set()
        for child in self.children:
            if child.alive and child.pid is not None:
                kept |= {child.pid} | {process.pid for process in descendants(child.pid)}
        end(
            (process for process in descendants() if process.pid not in kept),
            _FORCED_SECONDS if self.lifeline.forced else 3.0,
        )


def _tail(spec: ChildSpec) -> str:
    """The end of a log, for the message about a start that failed."""
    try:
        lines = spec.log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
    except OSError:
        lines = []
    return "".join(f"\n    {line}" for line in lines) + f"\n    (log: {spec.log})"
