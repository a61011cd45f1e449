"""Workers that share a database, a broker, a key and a place for artifacts with the rest.

Each test has a stack of its own, whose API is on one host and whose workers are on others.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

import impler_pipelines
from impler_pipelines.settings import Settings
from impler_pipelines_tests.end_to_end.crashes import Victim, all_settle, hanging, victims
from impler_pipelines_tests.end_to_end.running_stack import CLI, until
from impler_pipelines_tests.end_to_end.shop import COLUMNS, Shop
from impler_pipelines_tests.end_to_end.stories import RUN_LIMIT_SECONDS
from impler_pipelines_tests.feed_server import FeedServer
from impler_pipelines_tests.workers.hosts import Installation, WorkerHost, ends, installation

PRICED = [
    {**column, "type": "Regex", "regex": "^[0-9.]+$"} if column["key"] == "price" else column
    for column in COLUMNS
]
UNPRICED = [{**column, "regex": "."} if column["key"] == "price" else column for column in PRICED]
FILE = "code,name,price\nB1,Vase,5\nB2,Mug,free\n"
FILE_MAPPINGS = [
    {"key": "sku", "path": "code"},
    {"key": "title", "path": "name"},
    {"key": "price", "path": "price"},
]
_SWEEP_SECONDS = 70.0  # a minute, and a tick
_OUTAGE_SECONDS = 40.0  # some ticks, and two looks of Dagster's monitoring
_FOUND_SECONDS = 90.0  # after the death of a process: Dagster looks every 30 s, ticks every 5 s


@pytest.fixture
def elsewhere() -> Iterator[Installation]:
    with installation() as made:
        yield made


@pytest.fixture(params=["directory", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Variables that name a place for artifacts which all hosts reach."""
    if request.param == "directory":
        yield {"IMPLER_ARTIFACTS_URL": str(tmp_path / "shared")}
        return
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    requests.put(f"{url}/artifacts", timeout=10).raise_for_status()
    yield {
        "IMPLER_ARTIFACTS_URL": "s3://artifacts/of-runs",
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    server.stop()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_feeds_rejects_and_files(
    elsewhere: Installation, place: dict[str, str], feed_server: FeedServer
) -> None:
    elsewhere.start(**place)
    stack, shop = elsewhere.stack, Shop(elsewhere.stack, feed_server)
    elsewhere.host("worker").start()

    job = shop.import_job("elsewhere", columns=PRICED)
    (first,) = until(lambda: stack.ended(job["_id"], "FIRST"), "a first run", RUN_LIMIT_SECONDS)
    assert (first["status"], first["inserted"], first["invalid"]) == ("SUCCESS", 3, 1)
    assert [sku for sku, *_ in loaded(elsewhere, "elsewhere")] == ["A1", "A2", "A3"]

    stack.call("PUT", f"/v1/templates/{job['_templateId']}", {"columns": UNPRICED})
    path = f"/v1/import-jobs/{job['_id']}/runs/{first['_id']}/rejects/retry"
    again = stack.call("POST", path, status=202)
    assert ends(stack, job["_id"], again["_id"], RUN_LIMIT_SECONDS)["inserted"] == 1
    assert loaded(elsewhere, "elsewhere")[-1] == ("A4", "Broken", "not a number")
    assert len(feed_server.requests_for("/elsewhere.xml")) == 2  # as it was made, and once to load

    uploaded = upload(elsewhere)
    (run,) = until(lambda: stack.ended(uploaded["_id"], "MANUAL"), "the file", RUN_LIMIT_SECONDS)
    assert (run["status"], run["inserted"], run["error"]) == ("SUCCESS", 2, None)
    assert loaded(elsewhere, "files") == [("B1", "Vase", "5"), ("B2", "Mug", "free")]
    stack.stop()


@pytest.fixture
def faketime() -> str:
    """The library that gives a process another clock, as LD_PRELOAD takes it."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        if os.environ.get("CI"):
            pytest.fail("no faketime is installed: .ci/programs.sh faketime installs it")
        pytest.skip("install faketime to run these")
    return str(found[0])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_clocks_that_are_off(
    elsewhere: Installation, feed_hosts: list[FeedServer], faketime: str
) -> None:
    """By three minutes: more than the time after which a silent Run counts as lost."""
    elsewhere.start(IMPLER_ARTIFACTS_URL=str(elsewhere.stack.home / "shared"))
    for clock in ("-180s", "+180s"):
        host = elsewhere.host(f"clock{clock}")
        host.start(LD_PRELOAD=faketime, FAKETIME=clock, FAKETIME_DONT_FAKE_MONOTONIC="1")
    shops = [Shop(elsewhere.stack, feeds) for feeds in feed_hosts]
    made = victims(*zip(shops, ("alive_0", "alive_1", "dead_0", "dead_1"), strict=True))
    alive, dead = made[:2], made[2:]

    with ExitStack() as under_way:
        for victim in alive:
            under_way.enter_context(hanging(victim))
        began = time.monotonic()
        while time.monotonic() - began < _SWEEP_SECONDS:
            found = [(run["status"], run["attempts"]) for run in map(Victim.read_run, alive)]
            assert found == [("RUNNING", 1)] * 2
            time.sleep(1)
    all_settle(alive, attempts=1)

    with ExitStack() as under_way:
        for victim in dead:
            under_way.enter_context(hanging(victim))
        for victim in dead:
            victim.kill()
        for victim in dead:
            until(lambda v=victim: v.read_run()["attempts"] == 2, "a new attempt", _FOUND_SECONDS)
    all_settle(dead, attempts=2)
    elsewhere.stack.stop()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_broker_that_is_away_and_code_that_is_older(
    elsewhere: Installation, feed_server: FeedServer, subtests: pytest.Subtests
) -> None:
    elsewhere.start(IMPLER_ARTIFACTS_URL=str(elsewhere.stack.home / "shared"))
    shop = Shop(elsewhere.stack, feed_server)
    worker = elsewhere.host("old")
    worker.start()
    broker, code = victims((shop, "broker"), (shop, "code"))
    with subtests.test("a broker that is away"):
        the_broker_is_away(elsewhere, broker)
    with subtests.test("code that is older"):
        the_code_is_older(elsewhere, code, worker)
    elsewhere.stack.stop()


def the_broker_is_away(elsewhere: Installation, victim: Victim) -> None:
    """A run that is due meanwhile is launched when it is back."""
    elsewhere.redis.kill()
    victim.run_with()
    until(lambda: victim.read_run()["dagsterRunId"], "its launch", RUN_LIMIT_SECONDS)
    waits = victim.read_run()
    began = time.monotonic()
    while time.monotonic() - began < _OUTAGE_SECONDS:
        assert victim.read_run() == waits
        time.sleep(1)
    elsewhere.redis.start()
    victim.settles(attempts=1)


def the_code_is_older(elsewhere: Installation, victim: Victim, old: WorkerHost) -> None:
    """The database is migrated by a newer version while a worker of this one is up."""
    newer = newer_version(elsewhere.stack.home.parent / "newer")
    migrate = {**os.environ, **elsewhere.shared, "PYTHONPATH": str(newer)}
    subprocess.run([CLI, "migrate"], env=migrate, check=True, timeout=60)

    victim.run_with()
    old.ends()
    (line,) = [line for line in old.said().splitlines() if "event=worker.outdated" in line]
    assert "start that version here, too" in line
    assert victim.read_run()["status"] == "QUEUED"
    again = elsewhere.host("old_again")
    again.start()
    again.ends(status=1)
    assert "start that version here, too" in again.said()

    new = elsewhere.host("new")
    new.start(PYTHONPATH=str(newer))
    victim.settles(attempts=1)
    new.stop()


def newer_version(directory: Path) -> Path:
    """A copy of the package with one more migration."""
    package = Path(impler_pipelines.__file__).parent
    shutil.copytree(package, directory / "impler_pipelines")
    shutil.copytree(package.parent / "deploy", directory / "deploy")
    versions = directory / "impler_pipelines" / "store" / "migrations" / "versions"
    last = max(versions.glob("0*.py")).name[:4]
    (versions / "9999_newer.py").write_text(
        "from alembic import op\n"
        f"revision, down_revision = '9999', '{last}'\n"
        "def upgrade():\n    op.execute('ALTER TABLE impler.runs ADD COLUMN newer text')\n"
    )
    return directory


def upload(elsewhere: Installation) -> dict[str, Any]:
    """Upload ``FILE`` into a new template of mode manual."""
    stack = elsewhere.stack
    destination = {"type": "sql", "table": "files", "mode": "upsert"}
    template = {"name": "files", "mode": "manual", "columns": UNPRICED}
    made = stack.call(
        "POST", "/v1/templates", {**template, "destinations": [destination]}, status=201
    )
    answer = requests.post(
        f"{stack.api_url}/v1/uploads/{made['_id']}",
        data={"externalUserId": "ann", "mappings": json.dumps(FILE_MAPPINGS)},
        files={"file": ("stock.csv", FILE)},
        headers={"accesskey": stack.access_key},
        timeout=60,
    )
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def loaded(elsewhere: Installation, table: str) -> list[tuple[Any, ...]]:
    """What a table in the store's database holds."""
    url = Settings(home=elsewhere.stack.home).plain_store_url
    with psycopg.connect(url) as connection:
        query = f"SELECT sku, title, price FROM imports.{table} ORDER BY sku"
        return connection.execute(query).fetchall()
