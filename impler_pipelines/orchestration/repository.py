"""The repository ``imports``: definitions built lazily from a snapshot that is frozen at load.

* Every list comes from the snapshot: one query, the first time a list is asked for.
* ``get_job`` reads no store and fails for no well-formed id, so a run builds its own job alone,
  and a worker that has run for days serves import jobs made a minute ago.
* ``get_schedule`` for an id outside the snapshot gives a schedule whose ticks skip.
* What was built of the snapshot is kept: the webserver and the daemon each ask for all of it.
"""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from functools import cached_property

from dagster import (
    AssetKey,
    AssetsDefinition,
    DagsterInvariantViolationError,
    JobDefinition,
    RepositoryData,
    ResourceDefinition,
    ScheduleDefinition,
    SensorDefinition,
)

from impler_pipelines.errors import PipelineError
from impler_pipelines.orchestration.assets import declared_tables
from impler_pipelines.orchestration.jobs import build_job, build_manual_job
from impler_pipelines.orchestration.names import (
    MANUAL_JOB,
    import_job_id_of_job,
    import_job_id_of_schedule,
    is_of_an_import,
    job_name,
    schedule_name,
)
from impler_pipelines.orchestration.runtime import Runtime
from impler_pipelines.orchestration.schedules import build_schedule
from impler_pipelines.orchestration.snapshot import Snapshot
from impler_pipelines.store.definitions import Definition, live_definitions

_log = logging.getLogger(__name__)


class ImportRepository(RepositoryData):
    """Every live import job as a Dagster job, those that were ever active with a schedule."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._loaded: Snapshot | None = None
        self._building = threading.Lock()
        self._jobs: dict[str, JobDefinition] = {}  # both by name, once all were asked for
        self._schedules: dict[str, ScheduleDefinition] = {}

    @property
    def snapshot(self) -> Mapping[str, Definition]:
        """The definitions as they were when a list was first asked for.

        With the store out of reach it is empty and the location still loads; the sync sensor
        asks for a reload once the store answers.
        """
        return self._load().definitions

    def _load(self) -> Snapshot:
        if self._loaded is None:
            now = self._runtime.now()
            try:
                with self._runtime.transaction() as connection:
                    self._loaded = Snapshot(live_definitions(connection), read_at=now)
            except PipelineError:
                _log.exception("No import job is loaded: the store could not be read.")
                self._loaded = Snapshot({}, read_at=None)
        return self._loaded

    def _known(self, job_id: str) -> Definition | None:
        return self._loaded.definitions.get(job_id) if self._loaded else None

    def get_top_level_resources(self) -> Mapping[str, ResourceDefinition]:
        """None: jobs carry their own resources."""
        return {}

    def get_env_vars_by_top_level_resource(self) -> Mapping[str, AbstractSet[str]]:
        """None."""
        return {}

    def get_job_names(self) -> Sequence[str]:
        """The Dagster job of each live import job, and the one of uploaded files."""
        return [*(job_name(job_id) for job_id in self.snapshot), MANUAL_JOB]

    def has_job(self, job_name: str) -> bool:
        """True for every well-formed name, known or not: see ``get_job``."""
        return is_of_an_import(job_name)

    def get_all_jobs(self) -> Sequence[JobDefinition]:
        """All jobs of the snapshot."""
        self._build_all()
        return list(self._jobs.values())

    def get_job(self, job_name: str) -> JobDefinition:
        """One job; in the code server with what the snapshot knows of it."""
        if job_name in self._jobs:
            return self._jobs[job_name]
        if job_name == MANUAL_JOB:
            return build_manual_job(self._runtime)
        job_id = import_job_id_of_job(job_name)
        if job_id is None:
            raise DagsterInvariantViolationError(f"{job_name!r} is not the name of an import job.")
        return build_job(self._runtime, job_id, self._known(job_id))

    def get_schedule_names(self) -> Sequence[str]:
        """The schedule of each import job that has been active."""
        return [schedule_name(job_id) for job_id, d in self.snapshot.items() if d.scheduled]

    def has_schedule(self, schedule_name: str) -> bool:
        """True for every well-formed name: see ``get_schedule``."""
        return import_job_id_of_schedule(schedule_name) is not None

    def get_all_schedules(self) -> Sequence[ScheduleDefinition]:
        """All schedules of the snapshot; one that can't be built is left out and logged."""
        self._build_all()
        return list(self._schedules.values())

    def _build_all(self) -> None:
        """Build jobs and schedules once. Jobs with the digests that Dagster takes of each of them,
        which is most of the work: whoever asks meanwhile waits instead of doing it as well."""
        with self._building:
            if self._jobs:
                return
            with _nothing_is_garbage():
                jobs = [build_job(self._runtime, job_id, d) for job_id, d in self.snapshot.items()]
                jobs.append(build_manual_job(self._runtime))
                for job in jobs:
                    job.get_job_snapshot_id()
                self._schedules = {one.name: one for one in self._built_schedules()}
                self._jobs = {job.name: job for job in jobs}

    def _built_schedules(self) -> Iterator[ScheduleDefinition]:
        for job_id, definition in self.snapshot.items():
            if not definition.scheduled:
                continue
            try:
                yield build_schedule(self._runtime, job_id, definition)
            except Exception:  # noqa: BLE001 - one bad import job must not take down the location
                _log.exception("The schedule of import job %s can't be built.", job_id)

    def get_schedule(self, schedule_name: str) -> ScheduleDefinition:
        """One schedule, with what the snapshot knows of it, if a list was asked for."""
        if schedule_name in self._schedules:
            return self._schedules[schedule_name]
        job_id = import_job_id_of_schedule(schedule_name)
        if job_id is None:
            raise DagsterInvariantViolationError(f"{schedule_name!r} is not a schedule's name.")
        return build_schedule(self._runtime, job_id, self._known(job_id))

    def get_assets_defs_by_key(self) -> Mapping[AssetKey, AssetsDefinition]:
        """The tables that import jobs load into, as external assets; none if they can't be told."""
        try:
            tables = declared_tables(
                self.snapshot.values(),
                default_url=self._runtime.settings.default_destination_url,
            )
        except Exception:  # noqa: BLE001 - one bad table must not take down the location
            _log.exception("The destination tables are not declared as assets.")
            return {}
        return {key: definition for definition in tables for key in definition.keys}

    def get_all_sensors(self) -> Sequence[SensorDefinition]:
        """The sync sensor, those that sweep and send, and the operators' if it has an address."""
        return self._sensors

    @cached_property
    def _sensors(self) -> Sequence[SensorDefinition]:
        # A run's process never asks for them, and is not to load what they need.
        from impler_pipelines.orchestration.failure_sensor import build_failure_sensor
        from impler_pipelines.orchestration.send_sensor import build_send_sensor
        from impler_pipelines.orchestration.sweep_sensor import build_sweep_sensor
        from impler_pipelines.orchestration.sync_sensor import build_sync_sensor

        runtime = self._runtime
        sensors = [
            build_sync_sensor(runtime, lambda: self._loaded or Snapshot({}, read_at=None)),
            build_sweep_sensor(runtime),
            build_send_sensor(runtime),
        ]
        if runtime.settings.failure_webhook_url:
            sensors.append(build_failure_sensor(runtime))
        return sensors


@contextmanager
def _nothing_is_garbage() -> Iterator[None]:
    """What is made meanwhile stays for good: it is not looked through, now or later."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
