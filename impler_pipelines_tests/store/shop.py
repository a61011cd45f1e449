"""A project with a template in a real store, and races of two transactions."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, text, update

from impler_pipelines.errors import PipelineError
from impler_pipelines.model import (
    Column,
    ColumnType,
    FeedState,
    FieldMapping,
    Heading,
    ImportJob,
    Interval,
    LoadCounts,
    Run,
    SourceAuth,
    Template,
    TemplateMode,
    Unit,
)
from impler_pipelines.store import import_jobs, projects, runs, templates
from impler_pipelines.store.destinations import DestinationSpec, TableSpec
from impler_pipelines.store.engine import transaction
from impler_pipelines.store.import_jobs import NewImportJob
from impler_pipelines.store.secrets import SecretBox
from impler_pipelines.store.tables import import_jobs as import_jobs_table

T = TypeVar("T")
U = TypeVar("U")

NOW = dt.datetime(2026, 11, 22, 12, 0, 30, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
HOUR = dt.timedelta(hours=1)
COLUMNS = (
    Column("title", "Title", is_required=True),
    Column("price", "Price", ColumnType.DOUBLE),
)
MAPPED = (FieldMapping("title", "rss > item > title"),)
HOURLY = Interval(1, Unit.HOURS, at=dt.time(0, 0), starts_on=dt.date(2026, 1, 1))
NEW = NewImportJob(
    external_user_id="ann",
    url="https://shop.example/feed.xml",
    auth=SourceAuth("X-Token", "s3cret"),
    extra={"plan": "gold"},
    headings=(Heading("rss > item > title", ("Lamp", "Rug"), 2, repeated=False),),
    record_path="rss > item",
    mappings=MAPPED,
    interval=HOURLY,
    cron=None,
    timezone="UTC",
    ends_on=None,
    filters=(),
)
_WAIT_SECONDS = 20.0


def at(clock: str) -> dt.datetime:
    """The moment of that wall time on the day of ``NOW``, in UTC."""
    return dt.datetime.combine(NOW.date(), dt.time.fromisoformat(clock), tzinfo=dt.UTC)


@dataclass
class Shop:
    """A project and its template; what is done to the store, each in its own transaction."""

    engine: Engine
    box: SecretBox
    project_id: str
    template_id: str

    def transaction(self) -> AbstractContextManager[Connection]:
        return transaction(self.engine)

    def do(self, function: Callable[..., T], *args: Any, **keywords: Any) -> T:
        """Call a function of the store with a connection, in one transaction."""
        with self.transaction() as connection:
            return function(connection, *args, **keywords)

    def add(self, *, now: dt.datetime = NOW, **changes: Any) -> ImportJob:
        """A new import job: hourly at minute 0, its first run asked for unless told otherwise."""
        return self.do(
            import_jobs.create_import_job,
            self.box,
            replace(NEW, **changes),
            project_id=self.project_id,
            template_id=self.template_id,
            now=now,
        )

    def read(self, job: ImportJob) -> ImportJob:
        return self.do(import_jobs.get_import_job, project_id=self.project_id, job_id=job.id)

    def change(self, job: ImportJob, *, now: dt.datetime = NOW, **changes: Any) -> ImportJob:
        return self.do(
            import_jobs.update_import_job, job.id, now=now, changes=changes, box=self.box
        )

    def pause(self, job: ImportJob, *, now: dt.datetime = NOW) -> ImportJob:
        return self.do(import_jobs.pause_import_job, job.id, now=now)

    def resume(self, job: ImportJob, *, now: dt.datetime = NOW) -> ImportJob:
        return self.do(import_jobs.resume_import_job, job.id, now=now)

    def delete(self, job: ImportJob, *, now: dt.datetime = NOW) -> ImportJob:
        return self.do(import_jobs.terminate_import_job, job.id, now=now)

    def require(self, *columns: Column, now: dt.datetime = NOW) -> None:
        """Give the template these columns instead, and settle its import jobs."""
        with self.transaction() as connection:
            templates.update_template(
                connection,
                self.box,
                project_id=self.project_id,
                template_id=self.template_id,
                columns=columns,
                now=now,
            )
            import_jobs.settle_template(connection, self.template_id, now=now)

    def add_template(self, *specs: DestinationSpec, project_id: str | None = None) -> Template:
        return self.do(
            templates.create_template,
            self.box,
            project_id=project_id or self.project_id,
            name="Products",
            mode=TemplateMode.AUTOMATIC,
            columns=COLUMNS,
            destination_specs=specs or (TableSpec("products"),),
            now=NOW,
        )

    def add_project(self, name: str) -> str:
        key = self.do(projects.create_access_key, name)
        found = self.do(projects.project_of_key, key)
        assert found is not None
        return found

    def history(self, job: ImportJob) -> list[Run]:
        """The import job's runs, newest first."""
        return self.do(runs.list_runs, job_id=job.id, limit=50)

    def ask(self, job: ImportJob, *, now: dt.datetime = NOW) -> Run:
        return self.do(runs.run_now, job.id, now=now)

    def begin(
        self,
        job: ImportJob,
        run: Run | None = None,
        *,
        by: str = "dagster-1",
        again: bool = False,
        now: dt.datetime = NOW,
    ) -> Run:
        """Begin an attempt ``by`` a Dagster run; ``again``: it re-executes another one."""
        return self.do(runs.begin_attempt, **attempt(job, run, by=by, again=again, now=now))

    def load(self, job: ImportJob, run: Run, *, now: dt.datetime = NOW) -> None:
        self.do(runs.record_load, **load(job, run, now=now))

    def set(self, job: ImportJob, **values: Any) -> None:
        """Write columns of the import job's row as they are: what no call leads to at once."""
        where = import_jobs_table.c.id == job.id
        self.do(lambda c: c.execute(update(import_jobs_table).where(where).values(values)))


def attempt(
    job: ImportJob,
    run: Run | None,
    *,
    by: str = "dagster-1",
    again: bool = False,
    now: dt.datetime = NOW,
) -> dict[str, Any]:
    """What ``begin_attempt`` is called with."""
    return {
        "job_id": job.id,
        "run_id": run.id if run else None,
        "dagster_run_id": by,
        "reexecution": again,
        "now": now,
    }


def load(job: ImportJob, run: Run, *, now: dt.datetime = NOW) -> dict[str, Any]:
    """What ``record_load`` is called with: five records, one of them refused."""
    return {
        "job_id": job.id,
        "run_id": run.id,
        "dagster_run_id": run.dagster_run_id or "dagster-1",
        "counts": LoadCounts(inserted=3, updated=1),
        "totals": {"records": 5, "filtered": 0, "valid": 4, "invalid": 1},
        "feed_state": FeedState(etag='"1"', fingerprint="f"),
        "now": now,
    }


def race(
    engine: Engine, first: Callable[[Connection], T], second: Callable[[Connection], U]
) -> tuple[T, U | PipelineError]:
    """Two transactions: ``first`` has done its work and commits once ``second`` waits for it.

    Gives back what each returned, or the error of ours that ``second`` raised.
    """

    def run_second() -> U | PipelineError:
        try:
            with transaction(engine) as connection:
                return second(connection)
        except PipelineError as error:
            return error

    with ThreadPoolExecutor(1) as pool:
        with transaction(engine) as connection:
            done = first(connection)
            waiting = pool.submit(run_second)
            _until_locked(engine, waiting)
        return done, waiting.result(_WAIT_SECONDS)


def _until_locked(engine: Engine, future: Future[Any]) -> None:
    query = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    deadline = time.monotonic() + _WAIT_SECONDS
    while not future.done():
        with engine.connect() as connection:
            if connection.scalar(query):
                return
        if time.monotonic() > deadline:
            raise AssertionError("the second transaction neither waits nor ends")
    raise AssertionError(f"the second transaction did not wait: {future.result()!r}")
