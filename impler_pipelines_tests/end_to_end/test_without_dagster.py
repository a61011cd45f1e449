"""The control API while Dagster is down: it reads and writes the store alone."""

from __future__ import annotations

import pytest

from impler_pipelines_tests.end_to_end.shop import Shop


@pytest.mark.slow
def test_import_jobs_are_controlled_while_dagster_is_down(shop: Shop) -> None:
    stack = shop.stack
    stack.start(only="database,api")
    ready = stack.call("GET", "/readyz")
    assert (ready["status"], ready["dagster"]["up"]) == ("ready", False)
    assert ready["dagster"]["message"]

    job = shop.import_job("offline")
    job_id = job["_id"]
    assert [j["_id"] for j in stack.call("GET", "/v1/import-jobs/user/offline")] == [job_id]
    (asked,) = stack.runs(job_id)
    assert (asked["status"], asked["trigger"], asked["dagsterRunId"]) == ("QUEUED", "FIRST", None)

    assert stack.call("GET", f"/v1/import-job/user/{job_id}/pause")["status"] == "PAUSED"
    assert [run["status"] for run in stack.runs(job_id)] == ["CANCELLED"]
    assert stack.call("GET", f"/v1/import-job/user/{job_id}/resume")["status"] == "RUNNING"
    assert stack.call("GET", f"/v1/import-job/user/offline/{job_id}")["_id"] == job_id
    assert stack.call("GET", "/v1/import-jobs/user/offline") == []
    stack.stop()
