"""What Compose would start, started: from an empty database to rows that a worker has loaded."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from impler_pipelines.supervisor.sample.import_job import ControlApi, ensure_sample_job
from impler_pipelines_tests.deploy.rehearsal import Rehearsal, redis_server
from impler_pipelines_tests.end_to_end.running_stack import ENDED
from impler_pipelines_tests.feed_server import FeedServer
from impler_pipelines_tests.supervisor.waiting import until

_TASK = "dagster-celery/task_id"  # the tag of a run that was sent to a worker
_FEED = Path(__file__).parents[2] / "impler_pipelines/supervisor/sample/feed.xml"


@pytest.fixture
def installation(tmp_path: Path, database_url: str) -> Iterator[Rehearsal]:
    if redis_server() is None:
        if os.environ.get("CI"):
            pytest.fail("no Redis is installed: .ci/programs.sh redis installs one")
        pytest.skip("install redis-server to run this")
    with Rehearsal(tmp_path, database_url, IMPLER_ALLOW_PRIVATE_ADDRESSES="1") as installation:
        yield installation


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_feed_becomes_rows(
    installation: Rehearsal, database_url: str, feed_server: FeedServer
) -> None:
    feed_server.routes["/feed.xml"] = (200, {}, _FEED.read_bytes())
    keys = ("impler-pipelines", "keys", "create", "--project", "shop", "--json")
    made = json.loads(installation.run("api", *keys))
    with ControlApi(f"http://127.0.0.1:{installation.ports['8000']}/v1", made["accessKey"]) as api:
        job = ensure_sample_job(api, f"http://127.0.0.1:{feed_server.port}/feed.xml")

        def status() -> str | None:
            runs = api.call("GET", f"/import-jobs/{job['_id']}/runs")
            return runs[0]["status"] if runs and runs[0]["status"] in ENDED else None

        assert until(status, "a run that is over", 120) == "SUCCESS"
    with psycopg.connect(database_url) as connection:
        (rows,) = connection.execute("SELECT count(*) FROM imports.sample_products").fetchone()
        tagged = "SELECT count(*) FROM dagster.run_tags WHERE key = %s"
        (by_workers,) = connection.execute(tagged, [_TASK]).fetchone()
    assert rows > 0
    assert by_workers == 1
    # Told to stop, a worker ends well, and so does the API.
    assert installation.stop("workers") == 0
    assert installation.stop("api") == 0
