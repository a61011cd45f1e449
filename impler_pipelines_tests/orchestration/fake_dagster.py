"""Dagster at the gateway's seam: keeps schedules, runs and reloads in memory, can be down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from impler_pipelines.errors import DagsterUnavailable
from impler_pipelines.orchestration.dagster_gateway import DagsterGateway, DagsterRun
from impler_pipelines.orchestration.names import RUN_ID_TAG


class FakeDagster(DagsterGateway):
    """Answers as a webserver would whose location has the schedules in ``schedules``."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:1")
        self.down = False
        self.reloads = 0
        self.schedules: dict[str, bool] = {}
        self.launched: list[tuple[str, dict[str, str]]] = []
        self.ended: dict[str, str] = {}
        self.cancelled: list[str] = []

    def reload_location(self) -> None:
        self._answer()
        self.reloads += 1

    def launch_run(self, job_name: str, tags: Mapping[str, str]) -> str:
        self._answer()
        self.launched.append((job_name, dict(tags)))
        return f"dagster-{len(self.launched)}"

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
        return [
            DagsterRun(f"dagster-{n}", self.ended.get(f"dagster-{n}"))
            for n, (_, tags) in enumerate(self.launched, 1)
            if tags[RUN_ID_TAG] == run_id
        ]

    def get_runs(self, dagster_run_ids: Sequence[str]) -> dict[str, DagsterRun]:
        self._answer()
        return {i: DagsterRun(i, self.ended.get(i)) for i in dagster_run_ids}

    def cancel_run(self, dagster_run_id: str) -> None:
        self._answer()
        self.cancelled.append(dagster_run_id)

    def _answer(self) -> None:
        if self.down:
            raise DagsterUnavailable("Dagster's webserver does not answer.")
