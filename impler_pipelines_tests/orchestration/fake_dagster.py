"""Dagster at the gateway's seam: keeps schedules, runs and reloads in memory, can be down.

``FakeDagster`` takes any name; ``FakeLocation`` has loaded what a repository listed, no more.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Mapping, Sequence

from impler_pipelines.errors import DagsterRefused, DagsterUnavailable
from impler_pipelines.model import ScheduleState
from impler_pipelines.orchestration.dagster_gateway import DagsterGateway, DagsterRun
from impler_pipelines.orchestration.names import RUN_ID_TAG
from impler_pipelines.orchestration.repository import ImportRepository

NEVER_BEFORE = dt.datetime.max.replace(tzinfo=dt.UTC)


class Killed(BaseException):
    """The process that ticks is gone, at whatever it was about to do."""


class FakeDagster(DagsterGateway):
    """Answers as a webserver would whose location has the schedules in ``schedules``.

    A ``contact`` can be the last one of the process that makes it: of so many more ``dies_in`` is.
    """

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:1")
        self.down = False
        self.refused: set[str] = set()
        self.reloads = 0
        self.schedules: dict[str, bool] = {}
        self.started_at: dict[str, dt.datetime | None] = {}
        self.launched: list[tuple[str, dict[str, str]]] = []
        self.parents: dict[str, str] = {}
        self.started: dict[str, dt.datetime] = {}
        self.ended: dict[str, str] = {}
        self.cancelled: list[str] = []
        self.gone_on: list[str] = []
        self.no_way_on: set[str] = set()
        self.took = dt.timedelta(minutes=1)
        self.dies_in: int | None = None
        self._one_launch = threading.Lock()

    def contact(self) -> None:
        """Called before whatever the ticking process does that others see."""
        if self.dies_in is not None:
            self.dies_in -= 1
            if self.dies_in < 0:
                self.dies_in = None
                raise Killed

    def live_runs(self, run_id: str) -> list[str]:
        """The Dagster runs of a Run that are not over."""
        return [run.id for run in self.known(run_id) if not run.ended]

    def known(self, run_id: str) -> list[DagsterRun]:
        """All Dagster runs of a Run, newest first; nobody is asked."""
        return [run for run, tags in self._all() if tags[RUN_ID_TAG] == run_id]

    def reload_location(self) -> None:
        self._answer()
        self.reloads += 1

    def launch_run(
        self, job_name: str, tags: Mapping[str, str], *, again: DagsterRun | None = None
    ) -> str:
        self._answer()
        if job_name in self.refused:
            raise DagsterRefused(f"{job_name} was not launched: PipelineNotFoundError")
        with self._one_launch:
            self.launched.append((job_name, dict(tags)))
            made = f"dagster-{len(self.launched)}"
        if again is not None:
            self.parents[made] = again.id
        return made

    def go_on(self, failed: DagsterRun, tags: Mapping[str, str]) -> str:
        self._answer()
        if failed.id in self.no_way_on:
            raise DagsterRefused(f"{failed.job_name} was not launched: PythonError")
        made = self.launch_run(failed.job_name, tags, again=failed)
        self.gone_on.append(made)
        return made

    def start_schedule(self, schedule_name: str) -> None:
        self._answer()
        self.started_at.pop(schedule_name, None)
        self.schedules[schedule_name] = True

    def stop_schedule(self, schedule_name: str) -> None:
        self._answer()
        self.started_at.pop(schedule_name, None)
        self.schedules[schedule_name] = False

    def schedule_states(self) -> dict[str, ScheduleState]:
        self._answer()
        return {name: self.state(name, running) for name, running in self.schedules.items()}

    def write_back(self, name: str) -> None:
        """What the daemon does that had read a schedule's state before it was stopped."""
        self.schedules[name] = True
        self.started_at[name] = None

    def state(self, name: str, running: bool) -> ScheduleState:
        """As it is told; what was put into ``schedules`` by hand was switched just now."""
        return ScheduleState(running, self.started_at.get(name, NEVER_BEFORE))

    def find_runs(self, run_id: str) -> list[DagsterRun]:
        self._answer()
        return self.known(run_id)

    def get_runs(self, dagster_run_ids: Sequence[str]) -> dict[str, DagsterRun]:
        self._answer()
        return {run.id: run for run, _ in self._all() if run.id in dagster_run_ids}

    def executing_runs(self) -> list[DagsterRun]:
        self._answer()
        return [run for run, _ in self._all() if run.started_at and not run.ended]

    def cancel_run(self, dagster_run_id: str) -> None:
        self._answer()
        self.cancelled.append(dagster_run_id)
        self.ended[dagster_run_id] = "CANCELLED"

    def _all(self) -> list[tuple[DagsterRun, dict[str, str]]]:
        """Every Dagster run with its tags, newest first."""
        found = []
        for number, (name, tags) in enumerate(self.launched, 1):
            run_id = f"dagster-{number}"
            ended, started = self.ended.get(run_id), self.started.get(run_id)
            over = started + self.took if ended and started else None
            waits = not started and not ended
            run = DagsterRun(run_id, ended, name, "dagster-1", started, over, launched=waits)
            found.append((run, tags))
        return found[::-1]

    def _answer(self) -> None:
        self.contact()
        if self.down:
            raise DagsterUnavailable("Dagster's webserver does not answer.")


class FakeLocation(FakeDagster):
    """Dagster with a code location, as far as a sensor can tell.

    * the location has the jobs and schedules that its repository listed when it was loaded; a
      reload or ``restart`` puts a new repository, with a new snapshot, in its place
    * ``schedules`` holds the states that were switched, by name; they outlive schedules, reloads
      and restarts; a schedule that has none runs, since that is its default
    * only what is loaded can be launched, started and stopped
    * a reload can fail, or be ``late``: it happens, and its answer does not come
    """

    def __init__(self, start: Callable[[], ImportRepository]) -> None:
        super().__init__()
        self._start = start
        self.reload_fails = False
        self.reload_is_late = False
        self.during_reload: Callable[[], None] = lambda: None
        self.troubles = 0  # answers that were none
        self.sweeps = 0
        self.restart()

    def restart(self) -> None:
        """A new code server; its sensors know nothing of what the former one knew."""
        contacts, self.dies_in = self.dies_in, None  # of another process
        self.repository = self._start()
        self.jobs = frozenset(self.repository.get_job_names())
        self.loaded = frozenset(self.repository.get_schedule_names())
        self.dies_in = contacts

    def runs_schedule(self, name: str) -> bool:
        """Whether it is loaded and switched on."""
        return name in self.loaded and self.schedules.get(name, True)

    def reload_location(self) -> None:
        super().reload_location()
        if self.reload_fails:
            self.troubles += 1
            raise DagsterUnavailable("The code location was not reloaded: PythonError")
        self.restart()
        self.during_reload()
        if self.reload_is_late:
            self.troubles += 1
            raise DagsterUnavailable("Dagster's webserver does not answer.")

    def launch_run(
        self, job_name: str, tags: Mapping[str, str], *, again: DagsterRun | None = None
    ) -> str:
        self._require(job_name in self.jobs, f"{job_name} was not launched")
        return super().launch_run(job_name, tags, again=again)

    def start_schedule(self, schedule_name: str) -> None:
        self._require(schedule_name in self.loaded, f"{schedule_name} is not loaded")
        super().start_schedule(schedule_name)

    def stop_schedule(self, schedule_name: str) -> None:
        self._require(schedule_name in self.loaded, f"{schedule_name} is not loaded")
        super().stop_schedule(schedule_name)

    def schedule_states(self) -> dict[str, ScheduleState]:
        self._answer()
        self.sweeps += 1
        return {name: self.state(name, self.runs_schedule(name)) for name in self.loaded}

    def _require(self, possible: bool, otherwise: str) -> None:
        if not possible and not self.down:
            self.troubles += 1
            raise DagsterRefused(f"{otherwise}.")

    def _answer(self) -> None:
        if self.down:
            self.troubles += 1
        super()._answer()
