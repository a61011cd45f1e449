"""Dagster's own history of import jobs: lists what is over, deletes it. It knows no settings.

Dagster 1.13 has retention for the ticks of live schedules and sensors alone. Runs go through its
documented ``get_run_records`` and ``delete_run``. For what these leave behind there is no
documented way, only the instance's public attributes: compute logs (``compute_log_manager``) and
ticks and states of schedules that are gone (``purge_ticks``, ``delete_instigator_state``).

Nothing of other code locations on the same instance is ever touched.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from impler_pipelines.orchestration.names import (
    RUN_ID_TAG,
    SWEEP_SENSOR,
    SYNC_SENSOR,
    import_job_id_of_schedule,
    is_of_an_import,
)

_ENDED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]


@dataclass(frozen=True)
class EndedRun:
    """A Dagster run that is over. ``run_id``: the Run it was launched for; ``ours``: of a job
    of ours; ``at``: its last change, UTC.
    """

    dagster_run_id: str
    run_id: str | None
    ours: bool
    succeeded: bool
    at: dt.datetime


class DagsterHistory:
    """What one Dagster instance has kept."""

    def __init__(self, instance: DagsterInstance) -> None:
        self._instance = instance

    @classmethod
    def on_kept_connections(cls, instance: DagsterInstance) -> DagsterHistory:
        """The history of ``instance`` by way of an instance of its own, for the process's life.

        Dagster opens a connection for each statement, some ten for a run that is deleted, except
        in its webserver; the webserver's way takes a fraction of the time. Connections older than
        half a tick's interval are replaced: the server may have been restarted since.
        """
        own = DagsterInstance.from_ref(instance.get_ref())
        own.optimize_for_webserver(statement_timeout=0, pool_recycle=30, max_overflow=5)
        return cls(own)

    def ended_runs(
        self, *, after: dt.datetime | None, before: dt.datetime, limit: int
    ) -> Sequence[EndedRun]:
        """Runs of any job that ended between two moments, both excluded, the oldest first."""
        records = self._instance.get_run_records(
            RunsFilter(
                statuses=_ENDED,
                updated_after=after and after.astimezone(dt.UTC),
                updated_before=before.astimezone(dt.UTC),
            ),
            limit=limit,
            order_by="update_timestamp",
            ascending=True,
        )
        return [
            EndedRun(
                dagster_run_id=record.dagster_run.run_id,
                run_id=record.dagster_run.tags.get(RUN_ID_TAG),
                ours=is_of_an_import(record.dagster_run.job_name),
                succeeded=record.dagster_run.status is DagsterRunStatus.SUCCESS,
                at=record.update_timestamp,
            )
            for record in records
        ]

    def newest_loads(self) -> frozenset[str]:
        """The Dagster run of each asset's newest materialization."""
        keys = self._instance.get_asset_keys()
        records = self._instance.get_asset_records(keys) if keys else []
        newest = (record.asset_entry.last_materialization_record for record in records)
        return frozenset(record.run_id for record in newest if record is not None)

    def delete_run(self, dagster_run_id: str) -> None:
        """Delete a run with its events, tags and compute logs. Repeating it changes nothing.

        Compute logs go first: cut short after them, the run is found again.
        """
        self.delete_compute_logs(dagster_run_id)
        self._instance.delete_run(dagster_run_id)

    def delete_compute_logs(self, dagster_run_id: str) -> None:
        """Delete what a run's process wrote to stdout and stderr. No error if it is gone."""
        self._instance.compute_log_manager.delete_logs(prefix=[dagster_run_id])

    def delete_ticks(self, *, before: dt.datetime) -> None:
        """Delete ticks of our sensors and schedules, also of schedules that are gone."""
        for state in self._states():
            self._instance.purge_ticks(
                state.instigator_origin_id, state.selector_id, before.timestamp()
            )

    def scheduled_import_jobs(self) -> Collection[str]:
        """The import jobs of whose schedules a state is kept."""
        found = (import_job_id_of_schedule(state.name) for state in self._states())
        return {job_id for job_id in found if job_id is not None}

    def delete_schedule_states(self, job_ids: Collection[str]) -> None:
        """Forget the schedules of import jobs that will never come back."""
        for state in self._states():
            if import_job_id_of_schedule(state.name) in job_ids:
                self._instance.delete_instigator_state(
                    state.instigator_origin_id, state.selector_id
                )

    def _states(self) -> Iterator[Any]:
        for state in self._instance.all_instigator_state():
            ours = state.name in (SYNC_SENSOR, SWEEP_SENSOR)
            if ours or import_job_id_of_schedule(state.name) is not None:
                yield state
