"""The steps of one sync tick. Each reads the store, acts on Dagster, notes what it did."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from impler_pipelines.errors import DagsterRefused
from impler_pipelines.orchestration.dagster_gateway import DagsterRun
from impler_pipelines.orchestration.names import (
    MANUAL_JOB,
    fetching_host,
    import_job_id_of_schedule,
    is_of_an_import,
    job_name,
    run_tags,
    schedule_name,
)
from impler_pipelines.orchestration.runtime import Runtime
from impler_pipelines.orchestration.snapshot import Drift, Snapshot
from impler_pipelines.orchestration.sync_cursor import Reload
from impler_pipelines.store import import_jobs, runs, sync
from impler_pipelines.store.due import claim_due_run
from impler_pipelines.store.due_times import overdue_import_jobs
from impler_pipelines.store.sync import Launch, Silent

# Ticks come within seconds of a due time. One that is this late was lost with its daemon, or is of
# a schedule that is new: the daemon looks at schedules at whole minutes, and first at the next.
_LOST_TICK = dt.timedelta(seconds=20)
_CLAIMS_A_TICK = 50  # what is left is the next tick's, or the daemon's own
# A Run whose process is lost is launched again, but one that takes its host down is not for ever.
MAX_LAUNCHES = 3


class Synchronizer:
    """One tick's work at the moment ``now``.

    ``done`` says in words what was done, and what was not since Dagster ``refused`` it. ``reload``
    is the one that this tick has asked for, ``waits_for_reload`` what has none yet.

    ``is_forgotten`` tells of a Dagster run, by its id, that it was launched and never will begin.
    """

    def __init__(
        self,
        runtime: Runtime,
        now: dt.datetime,
        is_forgotten: Callable[[str], bool] = lambda _dagster_run_id: False,
    ) -> None:
        self._runtime = runtime
        self.now = now
        self._is_forgotten = is_forgotten
        self.done: list[str] = []
        self.refused: list[str] = []
        self.reload: Reload | None = None
        self.waits_for_reload = Drift()

    @property
    def in_step(self) -> bool:
        """Whether this tick has left nothing undone."""
        return not self.refused and not self.waits_for_reload

    def reload_if_changed(self, snapshot: Snapshot, *, whole: bool, wait: bool) -> None:
        """Reload the code location if import jobs were added, removed, rescheduled or renamed.

        ``whole`` compares all of them and not only those changed lately. ``wait``: the last reload
        is too short ago; until the next, what is not loaded is neither launched nor switched.
        """
        with self._runtime.transaction() as connection:
            drift = snapshot.drift(connection, now=self.now, whole=whole)
        if not drift:
            return
        if wait:
            self.waits_for_reload = drift
            return
        begun = self._runtime.now()
        try:
            self._runtime.gateway.reload_location()
        finally:
            ended = self._runtime.now()
            self.reload = Reload(ended, max((ended - begun).total_seconds(), 0.0))
        self.done.append(f"Reloaded: {drift}")

    def settle_silent_runs(self) -> None:
        """Queue Runs again whose process is gone, cancel those that were cancelled in Dagster."""
        with self._runtime.transaction() as connection:
            silent = sync.silent_runs(connection, now=self._runtime.time_in(connection))
        if not silent:
            return
        known = self._runtime.gateway.get_runs([run.dagster_run_id for run in silent])
        for run in silent:
            dagster_run = known.get(run.dagster_run_id)
            if (
                dagster_run is None
                or dagster_run.ended
                or run.dead
                or self._never_begins(dagster_run)
            ):
                self._settle(run, dagster_run)

    def _never_begins(self, run: DagsterRun) -> bool:
        return run.launched and self._is_forgotten(run.id)

    def end_cancelled_runs(self) -> None:
        """Cancel in Dagster what was cancelled here, and waits in its queue or for some server."""
        with self._runtime.transaction() as connection:
            cancelled = sync.cancelled_dagster_runs(connection, now=self.now)
        if not cancelled:
            return
        for run in self._runtime.gateway.get_runs(cancelled).values():
            if not run.ended:
                self._runtime.gateway.cancel_run(run.id)
                self.done.append(f"Cancelled Dagster run {run.id}, as its run here")

    def settle_time(self) -> None:
        """Claim due times whose tick was lost, complete import jobs past their end."""
        with self._runtime.transaction() as connection:
            import_jobs.complete_ended_import_jobs(connection, now=self.now)
            lost = overdue_import_jobs(connection, before=self.now - _LOST_TICK)
        waiting = self.waits_for_reload.added
        for job_id in [job_id for job_id in lost if job_id not in waiting][:_CLAIMS_A_TICK]:
            with self._runtime.transaction() as connection:
                claim = claim_due_run(connection, job_id, now=self.now)
            if claim.run and claim.job:
                job = claim.job
                launch = Launch(
                    claim.run.id,
                    job.id,
                    job.template_id,
                    job.external_user_id,
                    job.url,
                    claim.run.trigger,
                )
                with self._refusals_noted():
                    self._launch(launch)

    def launch_runs(self) -> None:
        """Launch Runs that were asked for and have no Dagster run yet."""
        with self._runtime.transaction() as connection:
            wanted = sync.runs_to_launch(connection, now=self.now)
        for launch in wanted:
            if launch.job_id in self.waits_for_reload.added:
                continue
            with self._refusals_noted():
                self._launch(launch)

    def adopt_toggles(self) -> None:
        """Let schedules that were switched in Dagster pause and resume their import jobs."""
        states = {
            job_id: state
            for name, state in self._runtime.gateway.schedule_states().items()
            if (job_id := import_job_id_of_schedule(name)) is not None
        }
        with self._runtime.transaction() as connection:
            adopted = sync.adopt_schedule_states(connection, states, now=self.now)
        self.done += [f"{what} {job_id}, as in Dagster" for job_id, what in adopted.items()]

    def switch_schedules(self) -> None:
        """Start and stop schedules as their import jobs' states say."""
        with self._runtime.transaction() as connection:
            wanted = sync.schedules_to_switch(connection)
        for job_id, running in wanted.items():
            if job_id in self.waits_for_reload.unscheduled:
                continue
            with self._refusals_noted():
                self._switch(job_id, running=running)

    def end_abandoned_runs(self) -> None:
        """Cancel Dagster runs that count as executing while no process is at work on them.

        The default launcher has no health check: where the code server died with the run's process
        nothing else ends such a run, and while it lasts its import job can't be run again.
        """
        begun_before = self.now - dt.timedelta(seconds=runs.DEAD_AFTER_SECONDS)
        executing = [
            run
            for run in self._runtime.gateway.executing_runs()
            if is_of_an_import(run.job_name)
            and run.started_at is not None
            and run.started_at < begun_before
        ]
        if not executing:
            return
        with self._runtime.transaction() as connection:
            now = self._runtime.time_in(connection)
            beating = sync.beating_dagster_runs(connection, now=now)
        for run in executing:
            if run.id in beating:
                continue
            with self._runtime.transaction() as connection:
                begun = runs.find_run_of(connection, run.id)
            if begun is not None and begun.status in runs.ACTIVE:  # it was about to begin
                self._settle(Silent(begun.id, run.id, dead=True), run)
            else:
                self._runtime.gateway.cancel_run(run.id)
            self.done.append(f"Ended Dagster run {run.id}, which no process works on")

    @contextmanager
    def _refusals_noted(self) -> Iterator[None]:
        """What Dagster refuses for one import job waits for the next tick; others' turn comes."""
        try:
            yield
        except DagsterRefused as error:
            self.refused.append(str(error))
            self.done.append(str(error))

    def _switch(self, job_id: str, *, running: bool) -> None:
        if running:
            self._runtime.gateway.start_schedule(schedule_name(job_id))
        else:
            self._runtime.gateway.stop_schedule(schedule_name(job_id))
        with self._runtime.transaction() as connection:
            sync.note_switched(connection, job_id, running=running)
        self.done.append(f"{'Started' if running else 'Stopped'} the schedule of {job_id}")

    def _launch(self, launch: Launch) -> None:
        """Launch a Run, unless a Dagster run of it is under way; again after one that was lost."""
        gateway = self._runtime.gateway
        former = gateway.find_runs(launch.run_id)
        under_way = [run.id for run in former if not run.ended]
        if under_way:
            dagster_run_id = under_way[0]
        else:
            tags = run_tags(
                run_id=launch.run_id,
                import_job_id=launch.job_id,
                external_user_id=launch.external_user_id,
                template_id=launch.template_id,
                url=launch.url,
                trigger=launch.trigger,
                request_id=launch.request_id,
                asked_by=launch.asked_by,
                access_key_id=launch.access_key_id,
            )
            again = former[0] if former else None
            dagster_run_id = self._go_on(launch, again, tags) or self._begin(launch, again, tags)
            self.done.append(f"Launched run {launch.run_id} of {launch.job_id}")
        with self._runtime.transaction() as connection:
            sync.note_launched(connection, launch.run_id, dagster_run_id)

    def _begin(self, launch: Launch, again: DagsterRun | None, tags: dict[str, str]) -> str:
        """Launch a Run from its first op."""
        name = MANUAL_JOB
        if not launch.of_upload:
            name = job_name(launch.job_id)
            tags = tags | fetching_host(launch.url)
        return self._runtime.gateway.launch_run(name, tags, again=again)

    def _go_on(self, launch: Launch, former: DagsterRun | None, tags: dict[str, str]) -> str | None:
        """Let a failed Run go on from the op that failed; None where it has to begin anew.

        It has to where what was done before is no longer kept, and where Dagster refuses, since a
        run was in the foreground, say, or was deleted. The tag of the host that is being asked
        stays the failed run's: it tells whether the feed was there.
        """
        kept = dt.timedelta(hours=self._runtime.settings.keep_failed_artifacts_hours)
        if former is None or former.ended != "FAILED" or not launch.from_failed_op:
            return None
        if launch.started_at is None or launch.started_at < self.now - kept:
            return None
        if not self._runtime.artifacts.exists(launch.run_id):
            return None
        try:
            return self._runtime.gateway.go_on(former, tags)
        except DagsterRefused as error:
            self.done.append(f"{error} It begins anew.")
            return None

    def _settle(self, run: Silent, dagster_run: DagsterRun | None) -> None:
        """Settle a Run whose Dagster run is over or gone, or whose process is dead."""
        gateway = self._runtime.gateway
        cancelled = dagster_run is not None and dagster_run.ended == "CANCELLED"
        too_long = not cancelled and not run.dead and self._took_too_long(dagster_run)
        launches = len(gateway.find_runs(run.run_id)) - run.attempts_before
        lost = not cancelled and launches >= MAX_LAUNCHES
        with self._runtime.transaction() as connection:
            if cancelled:
                sync.adopt_cancellation(
                    connection, run.run_id, dagster_run_id=run.dagster_run_id, now=self.now
                )
            elif too_long:
                runs.fail_run(
                    connection,
                    run.run_id,
                    error=f"The run was stopped after {self._longest:g} seconds (setting"
                    " IMPLER_MAX_RUN_SECONDS). Nothing of it is loaded.",
                    now=self.now,
                    dagster_run_id=run.dagster_run_id,
                )
            elif lost:
                runs.fail_run(
                    connection,
                    run.run_id,
                    error=f"The run's process ended unexpectedly {MAX_LAUNCHES} times in a row;"
                    " the next run starts anew.",
                    now=self.now,
                    dagster_run_id=run.dagster_run_id,
                )
            else:
                cancelled = not runs.give_back(
                    connection, run.run_id, dagster_run_id=run.dagster_run_id, now=self.now
                )
        if dagster_run and not dagster_run.ended:
            # Or it would be in the next launch's way. Not before the Run is settled: to a tick that
            # follows one that died in between it would look as if a person had cancelled it.
            gateway.cancel_run(run.dagster_run_id)
        what = "Cancelled" if cancelled else "Gave up" if lost or too_long else "Queued again"
        why = "which took too long" if too_long else "whose process had ended in silence"
        self.done.append(f"{what} run {run.run_id}, {why}")

    @property
    def _longest(self) -> float:
        return self._runtime.settings.max_run_seconds

    def _took_too_long(self, run: DagsterRun | None) -> bool:
        """Dagster stops a run at its limit and calls it failed, which its process may not see.

        One whose process had been lost before it calls so, too, whenever it looks.
        """
        if run is None or run.ended != "FAILED" or run.started_at is None or run.ended_at is None:
            return False
        return (run.ended_at - run.started_at).total_seconds() >= self._longest
