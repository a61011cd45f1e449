"""Each fault ends in the same clear words everywhere, changes no row, and goes away again."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from dagster import DagsterEventType

from impler_pipelines_tests.orchestration.bad_input import (
    ALL_FAULTS,
    FEED_FAULTS,
    MAPPING_FAULTS,
    Fault,
    answers,
)
from impler_pipelines_tests.orchestration.feeds import ITEM, rss
from impler_pipelines_tests.orchestration.scene import (
    FIRST_ROWS,
    MAPPINGS,
    SECOND,
    SECOND_ROWS,
    Scene,
    in_turn,
)

INSPECT = "/v1/feeds/inspect"
XML = {"Content-Type": "application/xml"}
NO_ITEMS = '<?xml version="1.0"?><rss version="2.0"><channel><title>Quiet</title></channel></rss>'


@pytest.fixture
def loaded(scene: Scene) -> Scene:
    """The first feed is loaded; the second one is what the feed holds from now on."""
    scene.add_import_job()
    assert scene.run().run["status"] == "SUCCESS"
    assert scene.rows() == FIRST_ROWS
    scene.serve(SECOND, '"v2"')
    return scene


@pytest.mark.parametrize("fault", [pytest.param(f, id=name) for name, f in ALL_FAULTS.items()])
def test_a_fault_is_told_everywhere_and_leaves_no_trace(loaded: Scene, fault: Fault) -> None:
    fault.does(loaded)
    outcome = loaded.run()

    assert outcome.run["status"] == "FAILED"
    message = outcome.run["error"]
    assert [words for words in fault.says if words not in message] == [], message
    assert outcome.job["lastError"] == message
    assert outcome.job["consecutiveFailures"] == 1
    assert outcome.step_failure == message
    assert outcome.failed_step == fault.step
    assert outcome.requests == fault.expected_requests
    assert len(outcome.tries_again) == fault.tries - 1
    assert ("Tried 4 times" in message) == fault.transient

    fault.undoes(loaded)
    assert loaded.rows() == FIRST_ROWS
    loaded.serve(SECOND, '"v2"')
    outcome = loaded.run()
    assert (outcome.run["status"], outcome.run["error"]) == ("SUCCESS", None)
    assert (outcome.job["lastError"], outcome.job["consecutiveFailures"]) == (None, 0)
    assert loaded.rows() == SECOND_ROWS


@pytest.mark.parametrize("fault", [pytest.param(f, id=name) for name, f in FEED_FAULTS.items()])
def test_a_fault_of_the_feed_is_told_at_once_by_the_api(scene: Scene, fault: Fault) -> None:
    scene.add_import_job()
    fault.does(scene)
    url = scene.api.ok("GET", f"/v1/import-jobs/{scene.job_id}")["url"]
    body = {"url": url, "externalUserId": "bob", "mappings": MAPPINGS}
    create = f"/v1/import-jobs/{scene.template['_id']}"
    with scene.api_with_these_settings() as api:
        inspected = api.refused(fault.status, "POST", INSPECT, {"url": url})
        created = api.refused(fault.status, "POST", create, body)
        assert api.ok("GET", "/v1/import-jobs/user/bob") == []
    said = {"left alone until", "UTC", "?…"}  # what a run adds
    words = [w for w in fault.says if w not in said and not w.endswith("?…")]
    for answer in (inspected, created):
        assert [w for w in words if w not in answer["message"]] == [], answer["message"]
        assert "s3cr3t" not in answer["message"]


def test_failures_are_counted_until_a_good_run(loaded: Scene) -> None:
    loaded.answer((404, {}, ""))
    assert [loaded.run().job["consecutiveFailures"] for _ in range(3)] == [1, 2, 3]
    loaded.serve(SECOND)
    assert loaded.run().job["consecutiveFailures"] == 0


class TestTriedAgain:
    def test_500_then_fine(self, loaded: Scene) -> None:
        loaded.answer(in_turn((500, {}, ""), (200, XML, SECOND)))
        outcome = loaded.run()
        assert outcome.run["status"] == "SUCCESS"
        assert outcome.run["attempts"] == 1
        assert outcome.requests == 2
        (reason,) = outcome.tries_again
        assert "500 Internal Server Error" in reason
        assert loaded.rows() == SECOND_ROWS

    def test_429_is_left_alone_as_long_as_it_asks(self, loaded: Scene) -> None:
        loaded.answer(in_turn((429, {"Retry-After": "1"}, ""), (200, XML, SECOND)))
        outcome = loaded.run()
        assert (outcome.run["status"], outcome.requests) == ("SUCCESS", 2)
        assert waits(outcome.dagster.all_events) == [1.0]

    def test_waits_grow(self, loaded: Scene) -> None:
        loaded.retry_waits = (0.0, 0.01, 0.02)
        answers(500)(loaded)
        assert waits(loaded.run().dagster.all_events) == [0.0, 0.01, 0.02]

    def test_a_long_pause_moves_the_next_run(self, loaded: Scene) -> None:
        before = dt.datetime.now(dt.UTC) + dt.timedelta(hours=5)
        loaded.answer((429, {"Retry-After": "18000"}, ""))
        outcome = loaded.run()
        assert outcome.requests == 1
        assert dt.datetime.fromisoformat(outcome.job["nextRun"]) >= before


class TestNoRecords:
    def test_is_a_success_with_a_warning(self, loaded: Scene) -> None:
        loaded.serve(NO_ITEMS, '"v3"')
        outcome = loaded.run()
        assert outcome.run["status"] == "SUCCESS"
        assert (outcome.run["records"], outcome.run["deleted"]) == (0, 0)
        (warning,) = outcome.run["warnings"]
        assert repr(ITEM) in warning
        assert outcome.job["lastError"] is None
        assert loaded.rows() == FIRST_ROWS
        assert loaded.run().run["status"] == "UNCHANGED"

    @pytest.mark.parametrize(
        "content",
        [
            pytest.param(NO_ITEMS, id="no record"),
            pytest.param(rss(("Lamp", "", "1")), id="rejects alone"),
        ],
    )
    def test_does_not_empty_a_mirror(self, scene: Scene, content: str) -> None:
        scene.add_import_job(mode="mirror")
        scene.run()
        scene.serve(content, '"v2"')
        outcome = scene.run()
        assert (outcome.run["status"], outcome.run["deleted"]) == ("SUCCESS", 0)
        assert "'products' keeps all rows" in outcome.run["warnings"][-1]
        assert scene.rows() == FIRST_ROWS

        scene.serve(rss(("Lamp", "/1", "10.5")), '"v3"')
        assert scene.run().run["deleted"] == 1
        assert scene.rows() == FIRST_ROWS[:1]

    def test_an_optional_column_without_values_is_a_warning(self, loaded: Scene) -> None:
        loaded.serve(rss(("Lamp", "/1", None), ("Chair", "/2", None)), '"v3"')
        outcome = loaded.run()
        assert outcome.run["status"] == "SUCCESS"
        assert any(f"{ITEM} > price" in warning for warning in outcome.run["warnings"])


class TestChangedSecretKey:
    def test_import_jobs_without_secrets_go_on(self, scene: Scene) -> None:
        scene.add_import_job(authHeaderName=None, authHeaderValue=None)
        scene.set(secret_key="another")
        assert scene.run().run["status"] == "SUCCESS"

    def test_the_api_stays_up_and_takes_the_secret_anew(self, loaded: Scene) -> None:
        MAPPING_FAULTS["the secret key has changed"].does(loaded)
        loaded.run()
        path = f"/v1/import-jobs/{loaded.job_id}"
        with loaded.api_with_these_settings() as api:
            assert "IMPLER_SECRET_KEY" in api.ok("GET", path)["lastError"]
            refused = api.refused(409, "PUT", path, {"recordPath": ITEM})
            assert "IMPLER_SECRET_KEY" in refused["message"]
            api.ok("PUT", path, {"authHeaderName": "X-Token", "authHeaderValue": "s3cr3t-header"})
        assert loaded.run().run["status"] == "SUCCESS"
        assert loaded.feeds.requests[-1].header("X-Token") == "s3cr3t-header"


def waits(events: list[Any]) -> list[float]:
    """Seconds that an op waited before each further try."""
    retries = [e for e in events if e.event_type is DagsterEventType.STEP_UP_FOR_RETRY]
    return [e.step_retry_data.seconds_to_wait for e in retries]
