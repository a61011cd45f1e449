"""Dagster at the gateway's seam: keeps schedules, runs and reloads in memory, can be down."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from impler_pipelines.errors import DagsterRefused, DagsterUnavailable
from impler_pipelines.orchestration.dagster_gateway import DagsterGateway, DagsterRun
from impler_pipelines.orchestration.names import RUN_ID_TAG


class FakeDagster(DagsterGateway):
    """Answers as a webserver would whose location has the schedules in ``schedules``."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:1")
        self.down = False
        self.refused: set[str] = set()
        self.reloads = 0
        self.schedules: dict[str, bool] = {}
        self.launched: list[tuple[str, dict[str, str]]] = []
        self.parents: dict[str, str] = {}
        self.started: dict[str, dt.datetime] = {}
        self.ended: dict[str, str] = {}
        self.cancelled: list[str] = []
        self.gone_on: list[str] = []
        self.took = dt.timedelta(minutes=1)

    def reload_location(self) -> None:
        self._answer()
        self.reloads += 1

    def launch_run(
        self, job_name: str, tags: Mapping[str, str], *, again: DagsterRun | None = None
    ) -> str:
        self._answer()
        if job_name in self.refused:
            raise DagsterRefused(f"{job_name} was not launched: PipelineNotFoundError")
        self.launched.append((job_name, dict(tags)))
        made = f"dagster-{len(self.launched)}"
        if again is not None:
            self.parents[made] = again.id
        return made

    def go_on(self, failed: DagsterRun, tags: Mapping[str, str]) -> str:
        made = self.launch_run(failed.job_name, tags, again=failed)
        self.gone_on.append(made)
        return made

    def start_schedule(self, schedule_name: str) -> None:
        self._answer()
        self.schedules[schedule_name] = True

    def stop_schedule(self, schedule_name: str) -> None:
        self._answer()
        self.schedules[schedule_name] = False

    def schedule_states(self) -> dict[str, bool]:
        self._answer()
        return dict(self.schedules)

    def find_runs(self, run_id: str) -> list[DagsterRun]:
        self._answer()
        return [run for run, tags in self._all() if tags[RUN_ID_TAG] == run_id]

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
            found.append((DagsterRun(run_id, ended, name, "dagster-1", started, over), tags))
        return found[::-1]

    def _answer(self) -> None:
        if self.down:
            raise DagsterUnavailable("Dagster's webserver does not answer.")
