"""What operators are told of failed Dagster runs, by the real sensor on real runs."""

from __future__ import annotations

import json
import socket
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
from dagster import (
    DagsterInstance,
    DagsterRun,
    SensorDefinition,
    build_run_status_sensor_context,
)

from impler_pipelines.errors import PipelineError
from impler_pipelines.orchestration.jobs import build_job
from impler_pipelines.orchestration.names import RUN_ID_TAG, job_name
from impler_pipelines.orchestration.repository import ImportRepository
from impler_pipelines.orchestration.runtime import Runtime
from impler_pipelines_tests.feed_server import FeedServer, Handler
from impler_pipelines_tests.orchestration.conftest import World

pytestmark = pytest.mark.parametrize("world", ["store"], indirect=True)
PATH = "/operators"


@pytest.fixture
def runtime(world: World, feed_server: FeedServer) -> Iterator[Runtime]:
    feed_server.routes[PATH] = (200, {}, b"")
    settings = world.runtime.settings.model_copy(
        update={"failure_webhook_url": feed_server.url(PATH)}
    )
    opened = Runtime(settings, retry_waits=())
    yield opened
    opened.engine.dispose()


def sensor_of(runtime: Runtime) -> SensorDefinition:
    (found,) = (
        sensor
        for sensor in ImportRepository(runtime).get_all_sensors()
        if sensor.name == "tell_operators"
    )
    return found


def tell(runtime: Runtime, instance: DagsterInstance, dagster_run: DagsterRun) -> None:
    """Evaluate the sensor on a run that has failed."""
    records = instance.all_logs(dagster_run.run_id)
    (event,) = (
        record.get_dagster_event()
        for record in records
        if record.is_dagster_event and record.get_dagster_event().is_job_failure
    )
    context = build_run_status_sensor_context(
        "tell_operators", event, instance, dagster_run
    ).for_run_failure()
    sensor_of(runtime)(context)


def failed_run(world: World, runtime: Runtime) -> DagsterRun:
    """A Dagster run of a feed that is gone."""
    job = world.add_import_job()
    world.feeds.routes["/feed.xml"] = (404, {}, b"")
    run_id = world.runs(job)[0].id
    result = build_job(runtime, job.id).execute_in_process(
        instance=world.instance, raise_on_error=False, tags={RUN_ID_TAG: run_id}
    )
    found = world.instance.get_run_by_id(result.run_id)
    assert found is not None
    return found


def told(world: World) -> list[dict[str, Any]]:
    return [json.loads(request.body) for request in world.feeds.requests_for(PATH)]


def test_a_failed_run_is_told(world: World, runtime: Runtime) -> None:
    dagster_run = failed_run(world, runtime)
    tell(runtime, world.instance, dagster_run)
    (message,) = told(world)
    assert message["dagsterRunId"] == dagster_run.run_id
    assert message["job"] == dagster_run.job_name == job_name(message["importJobId"])
    assert message["runId"] == dagster_run.tags[RUN_ID_TAG]
    assert "404" in message["error"]
    assert message["url"].endswith(f"/runs/{dagster_run.run_id}")
    assert message["error"] in message["text"]
    assert message["runsAgain"] is False


def test_one_that_goes_on_says_so(world: World, runtime: Runtime) -> None:
    """Dagster calls a run failed whose process was lost; the store has it run again."""
    job = world.add_import_job()
    made = world.instance.create_run_for_job(
        build_job(runtime, job.id), tags={RUN_ID_TAG: world.runs(job)[0].id}
    )
    world.instance.report_run_failed(made, "The process is gone.")
    found = world.instance.get_run_by_id(made.run_id)
    assert found is not None
    tell(runtime, world.instance, found)
    (message,) = told(world)
    assert message["runsAgain"] is True
    assert "The process is gone." in message["error"]


@pytest.mark.parametrize("answer", ["500", "ConnectionError"])
def test_a_message_that_is_not_taken_fails_the_tick(
    world: World, runtime: Runtime, answer: str
) -> None:
    """With words that keep the address, often a secret, out of Dagster."""
    dagster_run = failed_run(world, runtime)
    world.feeds.routes[PATH] = (500, {}, b"") if answer == "500" else hang_up
    with pytest.raises(PipelineError, match=answer) as raised:
        tell(runtime, world.instance, dagster_run)
    told_by_dagster = "".join(traceback.format_exception(raised.value))
    assert PATH not in told_by_dagster


def hang_up(handler: Handler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


def test_without_an_address_there_is_no_sensor(world: World) -> None:
    names = [sensor.name for sensor in ImportRepository(world.runtime).get_all_sensors()]
    assert "tell_operators" not in names
