"""What a project's webhook is told of failing import jobs, from the API to the receiver."""

from __future__ import annotations

from typing import Any

import pytest

from impler_pipelines.orchestration.runtime import Runtime
from impler_pipelines.orchestration.sending import Sender, Sent
from impler_pipelines_tests.control_api.host_app import fields
from impler_pipelines_tests.feed_server import FeedServer
from impler_pipelines_tests.orchestration.receiver import Receiver, signature
from impler_pipelines_tests.orchestration.scene import SECOND, Scene

WEBHOOK = "/v1/project/webhook"
NOT_THERE = (404, {}, b"gone")


@pytest.fixture
def receiver(feed_server: FeedServer) -> Receiver:
    return Receiver(feed_server)


def put(scene: Scene, **body: Any) -> dict[str, Any]:
    found: dict[str, Any] = scene.api.ok("PUT", WEBHOOK, body)
    return found


def send(scene: Scene) -> Sent:
    runtime = Runtime(scene.settings)
    try:
        return Sender(runtime, 20).send_due()
    finally:
        runtime.engine.dispose()


def test_failing_and_recovered_are_told_once_each(scene: Scene, receiver: Receiver) -> None:
    webhook = put(scene, callbackUrl=receiver.url)
    scene.add_import_job(extra={"account": 7})
    scene.answer(NOT_THERE)
    outcomes = [scene.run() for _ in range(4)]
    assert [outcome.job["failingSince"] is None for outcome in outcomes] == [
        True,
        True,
        False,
        False,
    ]
    assert send(scene).taken == 1
    scene.serve(SECOND)
    recovered = scene.run()
    assert (recovered.job["failingSince"], recovered.job["consecutiveFailures"]) == (None, 0)
    scene.run()
    assert send(scene).taken == 1
    failing, back = receiver.pages
    assert set(failing) == {"type", "timestamp", "data"}
    assert (failing["type"], back["type"]) == ("import_job.failing", "import_job.recovered")
    told = failing["data"]
    assert (told["importJobId"], told["templateId"]) == (scene.job_id, scene.template["_id"])
    assert (told["externalUserId"], told["extra"]) == ("ann", {"account": 7})
    assert told["runId"] == outcomes[2].run["_id"]
    assert told["lastError"] == outcomes[2].run["error"]
    assert told["nextRun"] == outcomes[2].job["nextRun"]
    assert back["data"]["runId"] == recovered.run["_id"]
    for request in receiver.requests:
        assert request.header("webhook-signature") == signature(request, webhook["signingSecret"])


def test_an_event_that_is_not_taken_is_a_dead_letter(scene: Scene, receiver: Receiver) -> None:
    put(scene, callbackUrl=receiver.url, retryCount=0)
    receiver.always = (500, {})
    scene.add_import_job()
    scene.answer(NOT_THERE)
    for _ in range(3):
        outcome = scene.run()
    assert send(scene).dead == 1
    (page,) = scene.api.ok("GET", "/v1/webhook-pages?status=DEAD")
    assert (page["event"], page["uploadId"]) == ("import_job.failing", outcome.run["_id"])
    run = scene.api.ok("GET", f"/v1/import-jobs/{scene.job_id}/runs/{outcome.run['_id']}")
    assert "import_job.failing was not taken by its webhook" in run["warnings"][-1]
    receiver.always = (204, {})
    scene.api.ok("POST", f"/v1/webhook-pages/{page['_id']}/retry", status=202)
    assert send(scene).taken == 1
    first, again = receiver.requests
    assert first.header("webhook-id") == again.header("webhook-id") == page["_id"]


def test_events_of_a_webhook_that_is_removed_are_given_up(scene: Scene, receiver: Receiver) -> None:
    there = put(scene, callbackUrl=receiver.url)
    scene.add_import_job()
    scene.answer(NOT_THERE)
    for _ in range(3):
        scene.run()
    assert scene.api.ok("DELETE", WEBHOOK) == there
    assert send(scene).dead == 1
    assert receiver.requests == []


class TestSettings:
    def test_none_at_first(self, scene: Scene) -> None:
        scene.api.refused(404, "GET", WEBHOOK)
        scene.api.refused(404, "DELETE", WEBHOOK)

    def test_set_and_changed_in_part(self, scene: Scene, receiver: Receiver) -> None:
        made = put(
            scene, callbackUrl=receiver.url, authHeaderName="X-Key", authHeaderValue="s3cret"
        )
        assert (made["retryCount"], made["retryInterval"]) == (5, 60.0)
        assert made["authHeaderName"] == "X-Key"
        assert "s3cret" not in str(made)
        assert made["signingSecret"].startswith("whsec_")
        changed = put(scene, retryCount=2)
        assert changed == made | {"retryCount": 2}
        assert scene.api.ok("GET", WEBHOOK) == changed

    def test_a_header_stays_with_its_origin(self, scene: Scene, receiver: Receiver) -> None:
        put(scene, callbackUrl=receiver.url, authHeaderName="X-Key", authHeaderValue="s3cret")
        assert put(scene, callbackUrl=f"{receiver.url}/2")["authHeaderName"] == "X-Key"
        assert put(scene, callbackUrl="http://127.0.0.2:9/hook")["authHeaderName"] is None

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            pytest.param({}, "callbackUrl", id="nothing"),
            pytest.param({"callbackUrl": None}, "callbackUrl", id="null"),
            pytest.param({"callbackUrl": "ftp://shop.test/"}, "callbackUrl", id="scheme"),
            pytest.param(
                {"callbackUrl": "http://a.test/", "chunkSize": 3}, "chunkSize", id="other"
            ),
            pytest.param(
                {
                    "callbackUrl": "http://127.0.0.1/",
                    "authHeaderName": "Host",
                    "authHeaderValue": "x",
                },
                "authHeaderName",
                id="header",
            ),
            pytest.param(
                {"callbackUrl": "http://127.0.0.1/", "retryCount": 21}, "retryCount", id="many"
            ),
        ],
    )
    def test_what_is_refused(self, scene: Scene, body: dict[str, Any], field: str) -> None:
        assert fields(scene.api.refused(422, "PUT", WEBHOOK, body)) == [field]
