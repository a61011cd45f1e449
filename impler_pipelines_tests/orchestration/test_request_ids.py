"""Who asked goes by the store's Run to the tags of the Dagster run: request, key, session."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from dagster import DagsterInstance, build_sensor_context
from sqlalchemy import update

from impler_pipelines.control_api.app import create_app
from impler_pipelines.model import RunStatus, Trigger
from impler_pipelines.orchestration.names import (
    ACCESS_KEY_TAG,
    ASKED_BY_TAG,
    EXTERNAL_USER_TAG,
    REQUEST_ID_TAG,
    RUN_ID_TAG,
)
from impler_pipelines.orchestration.runtime import utc_now
from impler_pipelines.orchestration.snapshot import Snapshot
from impler_pipelines.orchestration.sync_sensor import build_sync_sensor
from impler_pipelines.store import projects, runs
from impler_pipelines.store.sync import live_definitions
from impler_pipelines.store.tables import runs as runs_table
from impler_pipelines_tests.control_api.conftest import browser, host_app, serving
from impler_pipelines_tests.control_api.host_app import MAPPINGS, HostApp
from impler_pipelines_tests.orchestration.conftest import World
from impler_pipelines_tests.orchestration.fake_dagster import FakeDagster

pytestmark = pytest.mark.parametrize("world", ["store"], indirect=True)


@dataclass
class Desk:
    """A host app over a real API, and the sync sensor of the same store."""

    app: HostApp
    world: World
    dagster: FakeDagster

    def send(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[Any, str]:
        """The answer, and the id of the request."""
        request_id = f"req-{secrets.token_hex(4)}"
        answer = self.app.call(method, path, body, headers={"X-Request-Id": request_id}, **options)
        assert answer.is_success, answer.text
        assert answer.headers["X-Request-Id"] == request_id
        return answer.json(), request_id

    def launched(self) -> dict[str, str | None]:
        """What a tick of the sensor launches: Run → the request's id in its tags."""
        return {run_id: tags.get(REQUEST_ID_TAG) for run_id, tags in self.tags().items()}

    def tags(self) -> dict[str, dict[str, str]]:
        """What a tick of the sensor launches: Run → its tags."""
        with self.world.runtime.transaction() as connection:
            snapshot = Snapshot(live_definitions(connection), read_at=utc_now())
        sensor = build_sync_sensor(self.world.runtime, lambda: snapshot)
        before = len(self.dagster.launched)
        with DagsterInstance.ephemeral() as instance:
            sensor.evaluate_tick(build_sensor_context(instance, cursor=utc_now().isoformat()))
        new = self.dagster.launched[before:]
        return {tags[RUN_ID_TAG]: dict(tags) for _, tags in new}

    def job(self, **changes: Any) -> tuple[str, str]:
        body = {
            "url": self.world.feeds.url("/feed.xml"),
            "externalUserId": "ann",
            "mappings": MAPPINGS[:2],
            "interval": {"every": 1, "unit": "days"},
        }
        template = self.app.template()
        path = f"/v1/import-jobs/{template['_id']}"
        job, request_id = self.send("POST", path, body | changes)
        return job["_id"], request_id

    def first_run(self, job_id: str, **values: Any) -> str:
        """The first run's id, its row changed: it has ended."""
        run_id = str(self.app.ok("GET", f"/v1/import-jobs/{job_id}/runs")[0]["_id"])
        with self.world.runtime.transaction() as connection:
            connection.execute(update(runs_table).where(runs_table.c.id == run_id).values(**values))
        return run_id


@pytest.fixture
def desk(world: World) -> Iterator[Desk]:
    world.runtime.gateway = dagster = FakeDagster()  # the seam
    with world.runtime.transaction() as connection:
        access_key = projects.create_access_key(connection, "shop")
    with serving(create_app(world.runtime.settings)) as url, host_app(url, access_key) as app:
        yield Desk(app, world, dagster)


def test_of_a_first_run(desk: Desk) -> None:
    job_id, request_id = desk.job()
    (run,) = desk.app.ok("GET", f"/v1/import-jobs/{job_id}/runs")
    assert desk.launched() == {run["_id"]: request_id}


def test_of_a_first_run_that_the_schedule_waits_for(desk: Desk) -> None:
    """It is asked for by the request that completes the import job, not by the one that made it."""
    job_id, _ = desk.job(interval=None)
    _, request_id = desk.send("PUT", f"/v1/import-jobs/{job_id}", {"cron": "0 * * * *"})
    assert list(desk.launched().values()) == [request_id]


def test_of_run_now(desk: Desk) -> None:
    job_id, _ = desk.job(runNow=False)
    run, request_id = desk.send("POST", f"/v1/import-jobs/{job_id}/runs")
    again, _ = desk.send("POST", f"/v1/import-jobs/{job_id}/runs")
    assert again["_id"] == run["_id"]  # it was queued already: the first one has asked for it
    assert desk.launched() == {run["_id"]: request_id}


def test_of_a_confirmation(desk: Desk) -> None:
    job_id, _ = desk.job()
    held = desk.first_run(job_id, status=RunStatus.FAILED, deletions_held=7)
    path = f"/v1/import-jobs/{job_id}/runs/{held}/confirm-deletions"
    run, request_id = desk.send("POST", path)
    assert desk.launched() == {run["_id"]: request_id}


def test_of_rejects_run_again(desk: Desk) -> None:
    job_id, _ = desk.job()
    loaded = desk.first_run(job_id, status=RunStatus.SUCCESS, invalid=1)
    path = f"/v1/import-jobs/{job_id}/runs/{loaded}/rejects/retry"
    run, request_id = desk.send("POST", path)
    assert desk.launched() == {run["_id"]: request_id}


def test_of_an_uploaded_file(desk: Desk) -> None:
    template = desk.app.template(mode="manual")
    path = f"/v1/uploads/{template['_id']}"
    file = ("stock.csv", b"Title,Link\nLamp,/1\n", "text/csv")
    job, first = desk.send("POST", path, files={"file": file}, data={"externalUserId": "ann"})
    assert desk.launched() == {}
    mappings = [{"key": "title", "path": "Title"}, {"key": "link", "path": "Link"}]
    _, second = desk.send("PUT", f"/v1/import-jobs/{job['_id']}/mappings", mappings)
    assert first != second
    assert list(desk.launched().values()) == [second]


def test_stays_when_a_run_is_launched_again(desk: Desk) -> None:
    """Its process was lost: the next launch of the same Run carries the same request."""
    _, request_id = desk.job()
    (run_id,) = desk.launched()
    with desk.world.runtime.transaction() as connection:
        dagster_run_id = f"dagster-{len(desk.dagster.launched)}"
        assert runs.give_back(connection, run_id, dagster_run_id=dagster_run_id, now=utc_now())
    desk.dagster.ended[dagster_run_id] = "FAILURE"
    assert desk.launched() == {run_id: request_id}


def test_with_the_key_that_asked(desk: Desk) -> None:
    desk.job()
    ((_, tags),) = desk.tags().items()
    with desk.world.runtime.transaction() as connection:
        key = projects.list_access_keys(connection)[0]  # the last one made
    assert (tags[ASKED_BY_TAG], tags[ACCESS_KEY_TAG]) == ("api", key.id)


def test_with_the_session_that_asked(desk: Desk) -> None:
    job_id, _ = desk.job(runNow=False)
    job = desk.app.ok("GET", f"/v1/import-jobs/{job_id}")
    token = desk.app.session({"_id": job["_templateId"]})
    with browser(str(desk.app.http.base_url), token) as ann:
        ann.ok("POST", f"/v1/import-jobs/{job_id}/runs", status=202)
    ((_, tags),) = desk.tags().items()
    with desk.world.runtime.transaction() as connection:
        key = projects.list_access_keys(connection)[0]  # the last one made
    assert (tags[ASKED_BY_TAG], tags[ACCESS_KEY_TAG]) == ("session", key.id)
    assert tags[EXTERNAL_USER_TAG] == "ann"


def test_of_nobody_for_a_schedules_tick(desk: Desk) -> None:
    job_id, _ = desk.job(runNow=False)
    with desk.world.runtime.transaction() as connection:
        long_ago = utc_now().replace(year=2020)
        run = runs.enqueue_run(
            connection,
            job_id,
            trigger=Trigger.SCHEDULE,
            due_at=long_ago,
            now=long_ago,
        )
    assert run is not None
    ((run_id, tags),) = desk.tags().items()
    assert run_id == run.id
    assert not {REQUEST_ID_TAG, ASKED_BY_TAG, ACCESS_KEY_TAG} & set(tags)
