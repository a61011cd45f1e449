"""What is kept for how long: the steps of one sweep over history and artifacts.

It deletes nothing itself and reads no clock but that of its own bound.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import time
from collections.abc import Callable, Sequence

from impler_pipelines.orchestration.history import DagsterHistory, EndedRun
from impler_pipelines.orchestration.kept_feeds import KEPT
from impler_pipelines.orchestration.references import reference_directory
from impler_pipelines.orchestration.runtime import Runtime
from impler_pipelines.orchestration.uploads import UPLOADS
from impler_pipelines.store import import_jobs, runs
from impler_pipelines.store.audit import sweep_audit
from impler_pipelines.store.webhook_pages import sweep_pages

_HOUR = dt.timedelta(hours=1)
_PAGE = 200  # runs looked at together


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far earlier sweeps have come; each walk goes from the oldest run to the youngest.

    ``turned``: when ticks and artifacts were last looked at and ``runs`` began anew.
    """

    runs: dt.datetime | None = None
    unchanged: dt.datetime | None = None
    compute_logs: dt.datetime | None = None
    turned: dt.datetime | None = None

    @classmethod
    def read(cls, cursor: str | None) -> Progress:
        """The progress in a sensor's cursor; from the beginning where there is none."""
        known = json.loads(cursor) if cursor else {}
        names = {field.name for field in dataclasses.fields(cls)} & known.keys()
        return cls(**{name: dt.datetime.fromisoformat(known[name]) for name in names})

    def as_cursor(self) -> str:
        """The text that ``read`` takes."""
        values = dataclasses.asdict(self)
        return json.dumps({name: at.isoformat() for name, at in values.items() if at is not None})


@dataclasses.dataclass
class Bound:
    """Ends a sweep after so many runs or seconds, so that no tick times out; the next goes on."""

    runs: int = 2_000
    seconds: float = 10.0
    started: float = dataclasses.field(default_factory=time.monotonic)

    @property
    def reached(self) -> bool:
        """Whether no further run may be looked at."""
        return self.runs <= 0 or time.monotonic() - self.started > self.seconds


class Sweeper:
    """One sweep at the moment ``now``; ``done`` says in words what was deleted.

    - Dagster's runs that ended ``keep_runs_days`` ago go with their events and compute logs; those
      that found their feed unchanged after ``keep_unchanged_runs_days``.
    - Compute logs go after ``keep_compute_logs_days``, with their run at the latest.
    - Once an hour: ticks after ``keep_ticks_days``, with the states of schedules whose import job
      was deleted then; what failed runs left after ``keep_failed_artifacts_hours``; pages of
      webhooks, rejects, the store's own runs and the audit log, as their settings say.
    - Kept in any case: runs that are not over, those of a Run that is active in the store, and
      the one behind each table's newest load, so that every asset keeps its last row counts.
    """

    def __init__(
        self, runtime: Runtime, history: DagsterHistory, now: dt.datetime, bound: Bound
    ) -> None:
        self._runtime = runtime
        self._history = history
        self._now = now
        self._bound = bound
        self._settings = runtime.settings
        self.done: list[str] = []

    def sweep(self, progress: Progress) -> Progress:
        """Take all steps that time allows; returns where the next sweep goes on."""
        settings = self._settings
        if progress.turned is None or self._now >= progress.turned + _HOUR:
            self._sweep_ticks()
            self._sweep_artifacts()
            self._sweep_store()
            progress = dataclasses.replace(progress, runs=None, turned=self._now)
        return dataclasses.replace(
            progress,
            runs=self._walk(
                progress.runs,
                settings.keep_runs_days,
                self._old,
                self._history.delete_run,
                "runs with their events",
            ),
            unchanged=self._walk(
                progress.unchanged,
                settings.keep_unchanged_runs_days,
                self._unchanged,
                self._history.delete_run,
                "unchanged runs with their events",
            ),
            compute_logs=self._walk(
                progress.compute_logs,
                settings.keep_compute_logs_days,
                lambda page: page,
                self._history.delete_compute_logs,
                "runs' compute logs",
            ),
        )

    def _walk(
        self,
        since: dt.datetime | None,
        days: float | None,
        chosen: Callable[[Sequence[EndedRun]], Sequence[EndedRun]],
        delete: Callable[[str], None],
        what: str,
    ) -> dt.datetime | None:
        """Delete of what ended ``days`` ago, page by page; returns the last moment looked at."""
        if days is None:
            return since
        before, deleted = self._now - dt.timedelta(days=days), 0
        while not self._bound.reached:
            limit = min(_PAGE, self._bound.runs)
            page = self._history.ended_runs(after=since, before=before, limit=limit)
            wanted = {run.dagster_run_id for run in chosen([run for run in page if run.ours])}
            for run in page:
                if self._bound.reached:
                    break
                if run.dagster_run_id in wanted:
                    delete(run.dagster_run_id)
                    deleted += 1
                self._bound.runs -= 1
                since = run.at
            if len(page) < limit:
                break
        if deleted:
            self.done.append(f"Deleted {deleted} {what}, ended before {before:%Y-%m-%d %H:%M} UTC")
        return since

    def _old(self, page: Sequence[EndedRun]) -> Sequence[EndedRun]:
        if not page:
            return page
        with self._runtime.transaction() as connection:
            needed = runs.active_ids(connection)
        needed |= self._history.newest_loads()
        return [run for run in page if not {run.dagster_run_id, run.run_id} & needed]

    def _unchanged(self, page: Sequence[EndedRun]) -> Sequence[EndedRun]:
        ids = [run.dagster_run_id for run in page if run.succeeded]
        with self._runtime.transaction() as connection:
            unchanged = runs.unchanged_dagster_runs(connection, ids)
        return [run for run in page if run.dagster_run_id in unchanged]

    def _sweep_ticks(self) -> None:
        if self._settings.keep_ticks_days is None:
            return
        before = self._now - dt.timedelta(days=self._settings.keep_ticks_days)
        self._history.delete_ticks(before=before)
        with self._runtime.transaction() as connection:
            gone = import_jobs.deleted_import_jobs(
                connection, self._history.scheduled_import_jobs(), before=before
            )
        self._history.delete_schedule_states(gone)

    def _sweep_store(self) -> None:
        settings = self._settings
        sweeps: list[tuple[str, float | None, Callable[..., int]]] = [
            ("pages of webhooks", settings.keep_webhook_pages_days, sweep_pages),
            ("rejects", settings.keep_rejects_days, runs.sweep_rejects),
            ("runs of import jobs", settings.keep_history_days, runs.sweep_runs),
            ("rows of the audit log", settings.keep_audit_days, sweep_audit),
        ]
        for what, days, sweep in sweeps:
            if days is None:
                continue
            with self._runtime.transaction() as connection:
                deleted = sweep(connection, before=self._now - dt.timedelta(days=days))
            if deleted:
                self.done.append(f"Deleted {deleted} {what}")

    def _sweep_artifacts(self) -> None:
        """Delete what failed runs left behind, uploaded files and kept feeds, each at its age; at
        no age what a run still needs."""
        with self._runtime.transaction() as connection:
            active = runs.active_ids(connection)
        spared = active | {reference_directory(one) for one in active}
        settings = self._settings
        days = {KEPT: settings.keep_rejects_days, UPLOADS: settings.keep_uploads_days}

        def before(name: str) -> dt.datetime | None:
            if name in spared:
                return None
            for beginning, kept in days.items():
                if name.startswith(beginning):
                    return None if kept is None else self._now - dt.timedelta(days=kept)
            return self._now - dt.timedelta(hours=settings.keep_failed_artifacts_hours)

        removed = self._runtime.artifacts.sweep(before)
        if removed:
            self.done.append(f"Deleted {removed} directories of artifacts")
