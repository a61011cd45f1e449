"""The control API as a process of its own, started as the supervisor starts it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import httpx
import psycopg
import pytest
from psycopg import sql

from impler_pipelines.store.engine import open_store
from impler_pipelines.supervisor.embedded_postgres import ROLE, EmbeddedPostgres
from impler_pipelines_tests.control_api.conftest import DEAD_DAGSTER, host_app, new_key
from impler_pipelines_tests.control_api.host_app import FEED
from impler_pipelines_tests.feed_server import FeedServer, Handler

T = TypeVar("T")


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def until(probe: Callable[[], T], seconds: float = 60) -> T:
    """The first truthy answer of ``probe``; fails when the time is up."""
    deadline = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"{probe} did not come true"
        time.sleep(0.05)


@contextmanager
def process(home: Path, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The running process and its base URL; killed at the end if it is still there."""
    port = free_port()
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("IMPLER_")}
    own = {
        "IMPLER_HOME": str(home),
        "IMPLER_API_PORT": str(port),
        "IMPLER_DAGSTER_URL": DEAD_DAGSTER,
        "IMPLER_ALLOW_PRIVATE_ADDRESSES": "1",
    }
    started = subprocess.Popen(
        [sys.executable, "-m", "impler_pipelines.control_api"],
        env=inherited | own | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield started, f"http://127.0.0.1:{port}"
    finally:
        if started.poll() is None:
            started.kill()
        started.communicate(timeout=20)


def status(url: str) -> int:
    """The status of a GET, 0 while nothing answers."""
    try:
        return httpx.get(url, timeout=20, verify=False).status_code
    except httpx.TransportError:
        return 0


class TestProcess:
    def test_migrates_serves_and_ends(
        self, tmp_path: Path, database_url: str, feed_server: FeedServer
    ) -> None:
        entered, release, answers = threading.Event(), threading.Event(), []

        def slow(handler: Handler) -> None:
            entered.set()
            release.wait(60)
            handler.answer(200, {"Content-Type": "application/xml"}, FEED)

        feed_server.routes["/slow.xml"] = slow
        with process(tmp_path, IMPLER_DATABASE_URL=database_url) as (api, url):
            assert until(lambda: status(f"{url}/readyz") == 200)
            ready = httpx.get(f"{url}/readyz", verify=False, timeout=30).json()
            assert (ready["status"], ready["database"]) == ("ready", "up")
            assert ready["dagster"]["up"] is False
            engine = open_store(database_url.replace("postgresql", "postgresql+psycopg", 1))
            with host_app(url, new_key(engine)) as app:
                job = app.import_job(feed_server)
                metrics = app.call("GET", "/metrics").text
                body = {"url": feed_server.url("/slow.xml")}

                def inspect() -> None:
                    try:
                        answers.append(app.call("POST", "/v1/feeds/inspect", body).status_code)
                    except httpx.TransportError:
                        answers.append(0)

                waiting = threading.Thread(target=inspect)
                waiting.start()
                assert entered.wait(30)
                begun = time.monotonic()
                api.send_signal(signal.SIGTERM)
                assert api.wait(20) == 0
                assert time.monotonic() - begun < 15
                release.set()
                waiting.join(20)
            engine.dispose()
        assert answers != [200]
        assert 'impler_import_jobs{status="RUNNING"} 1.0' in metrics
        assert 'impler_runs{status="QUEUED"} 1.0' in metrics
        assert 'route="/v1/import-jobs/{templateId}",status="201"' in metrics
        assert job["_id"] not in metrics
        key_file = tmp_path / "secret-key"
        assert key_file.stat().st_mode & 0o777 == 0o600

    def test_waits_for_a_database_that_is_not_there_yet(
        self, tmp_path: Path, postgres_server: EmbeddedPostgres
    ) -> None:
        name = f"late_{os.getpid()}_{time.monotonic_ns()}"
        create, drop = (
            sql.SQL(text).format(sql.Identifier(name), sql.Identifier(ROLE))
            for text in ("CREATE DATABASE {} OWNER {}", "DROP DATABASE {} WITH (FORCE)")
        )
        superuser = postgres_server.superuser_url()
        with process(tmp_path, IMPLER_DATABASE_URL=postgres_server.url(name)) as (api, url):
            assert until(lambda: status(f"{url}/healthz") == 200)
            assert status(f"{url}/readyz") == 503
            with psycopg.connect(superuser, autocommit=True) as connection:
                connection.execute(create)
            try:
                assert until(lambda: status(f"{url}/readyz") == 200)
                api.send_signal(signal.SIGINT)
                assert api.wait(20) == 0
            finally:
                with psycopg.connect(superuser, autocommit=True) as connection:
                    connection.execute(drop)

    @pytest.mark.parametrize(
        ("variable", "value"),
        [("IMPLER_API_PORT", "eighty"), ("IMPLER_DATABASE_URL", "mysql://a")],
    )
    def test_a_setting_that_can_t_be_understood(
        self, tmp_path: Path, variable: str, value: str
    ) -> None:
        with process(tmp_path, **{variable: value}) as (api, _):
            assert api.wait(60) == 2
            assert api.stderr
            (line,) = api.stderr.read().splitlines()
        assert line.startswith(f"{variable}='{value}' ")
