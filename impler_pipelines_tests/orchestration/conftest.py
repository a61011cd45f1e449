"""An import job in a real store, its feed on loopback, and its Dagster job in this process."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance, ExecuteInProcessResult
from sqlalchemy import Engine, create_engine, text

from impler_pipelines.control_api.app import create_app
from impler_pipelines.model import (
    Column,
    ColumnType,
    FieldMapping,
    ImportJob,
    Interval,
    LoadMode,
    Run,
    SourceAuth,
    TemplateMode,
    Unit,
)
from impler_pipelines.orchestration.jobs import build_job
from impler_pipelines.orchestration.runtime import Runtime, utc_now
from impler_pipelines.settings import Settings
from impler_pipelines.store import import_jobs, projects, runs, templates
from impler_pipelines.store.destinations import TableSpec
from impler_pipelines.store.engine import transaction
from impler_pipelines.store.import_jobs import NewImportJob
from impler_pipelines_tests.control_api.conftest import host_app, serving, settings_for
from impler_pipelines_tests.feed_server import FeedServer
from impler_pipelines_tests.measured_run import MeasuredRun, measured_run
from impler_pipelines_tests.orchestration.feeds import ITEM, rss
from impler_pipelines_tests.orchestration.scene import Scene

COLUMNS = (
    Column("title", "Title", is_required=True),
    Column("link", "Link", is_required=True, is_unique=True),
    Column("price", "Price", ColumnType.DOUBLE),
)
MAPPINGS = (
    FieldMapping("title", f"{ITEM} > title"),
    FieldMapping("link", f"{ITEM} > link"),
    FieldMapping("price", f"{ITEM} > price"),
)


FEED = rss(("Lamp", "/1", "10.5"), ("Chair", "/2", None), ("Rug", "/3", "no number"))


@dataclass
class World:
    """One store with a project and a template, and what a test does to it."""

    runtime: Runtime
    feeds: FeedServer
    instance: DagsterInstance
    project_id: str
    template_id: str
    destination_id: str

    def add_import_job(self, *, template_id: str | None = None, **changes: Any) -> ImportJob:
        """A new import job on ``/feed.xml``, of the world's template or another one."""
        new = NewImportJob(
            external_user_id="ann",
            url=self.feeds.url("/feed.xml"),
            auth=SourceAuth("X-Token", "s3cret"),
            extra={},
            headings=(),
            record_path=ITEM,
            mappings=MAPPINGS,
            interval=Interval(15, Unit.MINUTES, starts_on=dt.date(2026, 1, 1)),
            cron=None,
            timezone="UTC",
            ends_on=None,
            filters=(),
        )
        with self.runtime.transaction() as connection:
            return import_jobs.create_import_job(
                connection,
                self.runtime.secrets,
                replace(new, **changes),
                project_id=self.project_id,
                template_id=template_id or self.template_id,
                now=utc_now(),
            )

    def execute(self, job: ImportJob, **tags: str) -> ExecuteInProcessResult:
        """Run the Dagster job of an import job in this process."""
        return build_job(self.runtime, job.id).execute_in_process(
            instance=self.instance, raise_on_error=False, tags=tags
        )

    def execute_in_a_process(self, job: ImportJob) -> tuple[MeasuredRun, Run]:
        """Run it in a new process, for what that takes and what the store then says of it.

        Rows go to the store's own database.
        """
        settings = self.runtime.settings
        measured = measured_run(
            job.id,
            {
                "IMPLER_HOME": str(settings.home),
                "IMPLER_DATABASE_URL": settings.database_url,
                "IMPLER_SECRET_KEY": settings.secret_key,
                "IMPLER_ALLOW_PRIVATE_ADDRESSES": "1",
            },
        )
        return measured, self.runs(job)[0]

    def runs(self, job: ImportJob) -> list[Run]:
        """The import job's history, newest first."""
        with self.runtime.transaction() as connection:
            return runs.list_runs(connection, job_id=job.id, limit=50)

    def read(self, job: ImportJob) -> ImportJob:
        """The import job as the store has it now."""
        with self.runtime.transaction() as connection:
            return import_jobs.get_import_job(connection, project_id=self.project_id, job_id=job.id)

    def rows(self, table: str = "products") -> Sequence[Any]:
        """What the destination table holds, by link."""
        query = text(
            f'SELECT title, link, price, "_run_id" FROM {self._schema}{table} ORDER BY link'
        )
        engine = create_engine(self.runtime.settings.default_destination_url)
        try:
            with engine.connect() as connection:
                return connection.execute(query).all()
        finally:
            engine.dispose()

    @property
    def _schema(self) -> str:
        return "" if self.runtime.settings.destination_url else "imports."


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    """A Dagster instance in memory."""
    with DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture(params=["store", "sqlite"])
def world(
    request: pytest.FixtureRequest,
    store_url: str,
    store_engine: Engine,
    feed_server: FeedServer,
    instance: DagsterInstance,
    tmp_path: Path,
) -> Iterator[World]:
    """A world whose rows go to the store's own database, or to an SQLite file beside it."""
    destination = "" if request.param == "store" else f"sqlite:///{tmp_path}/out.db"
    runtime = Runtime(
        Settings(
            home=tmp_path / "home",
            database_url=store_url,
            destination_url=destination,
            secret_key="k",
            allow_private_addresses=True,
        )
    )
    with runtime.transaction() as connection:
        access_key = projects.create_access_key(connection, "shop")
        project_id = projects.project_of_key(connection, access_key)
        assert project_id is not None
        template = templates.create_template(
            connection,
            runtime.secrets,
            project_id=project_id,
            name="Products",
            mode=TemplateMode.AUTOMATIC,
            columns=COLUMNS,
            destination_specs=[TableSpec("products", mode=LoadMode.UPSERT)],
            now=utc_now(),
        )
    feed_server.routes["/feed.xml"] = (200, {"ETag": '"v1"'}, FEED)
    yield World(
        runtime,
        feed_server,
        instance,
        project_id,
        template.id,
        template.destinations[0].id,
    )
    runtime.engine.dispose()


@pytest.fixture
def scene(
    store_url: str,
    store_engine: Engine,
    feed_server: FeedServer,
    instance: DagsterInstance,
    tmp_path: Path,
) -> Iterator[Scene]:
    """An import job that loaded the first feed, once ``add_import_job`` and ``run`` were called."""
    settings = settings_for(store_url, tmp_path / "home", secret_key="k")
    with transaction(store_engine) as connection:
        access_key = projects.create_access_key(connection, "shop")
    with serving(create_app(settings)) as url, host_app(url, access_key) as api:
        yield Scene(settings, feed_server, instance, api)
