"""``/healthz`` and ``/readyz`` with Dagster up, down, silent and broken; the store up and down."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from impler_pipelines.control_api.app import create_app
from impler_pipelines.settings import Settings
from impler_pipelines_tests.control_api.conftest import host_app, serving, settings_for
from impler_pipelines_tests.control_api.host_app import HostApp, problem
from impler_pipelines_tests.control_api.test_process import until
from impler_pipelines_tests.feed_server import FeedServer, Handler
from impler_pipelines_tests.postgres_keeper import test_server as build_server

JSON = {"Content-Type": "application/json"}


def location(entry: dict[str, Any]) -> tuple[int, dict[str, str], str]:
    """What Dagster's webserver answers about the location."""
    return 200, JSON, json.dumps({"data": {"workspaceLocationEntryOrError": entry}})


def entry(loaded: dict[str, str] | None) -> dict[str, Any]:
    return {"__typename": "WorkspaceLocationEntry", "locationOrLoadError": loaded}


@pytest.fixture
def dagster(feed_server: FeedServer) -> FeedServer:
    """Something that answers as Dagster's webserver does."""
    feed_server.routes["/graphql"] = location(entry({"__typename": "RepositoryLocation"}))
    return feed_server


@pytest.fixture
def watched(shared_store_url: str, tmp_path: Path, dagster: FeedServer) -> Iterator[HostApp]:
    settings = settings_for(shared_store_url, tmp_path, dagster_url=dagster.url(""))
    with serving(create_app(settings)) as url, host_app(url, None) as client:
        yield client


class TestDagster:
    def test_up_and_loaded(self, watched: HostApp, dagster: FeedServer) -> None:
        ready = watched.ok("GET", "/readyz")
        assert ready == {
            "status": "ready",
            "database": "up",
            "dagster": {"up": True, "locationLoaded": True, "message": None},
        }
        assert b"impler_pipelines" in dagster.requests_for("/graphql")[0].body
        metrics = watched.call("GET", "/metrics").text
        assert "impler_dagster_up 1.0" in metrics
        assert "impler_dagster_location_loaded 1.0" in metrics

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            pytest.param(
                entry({"__typename": "PythonError", "message": "ImportError: no x\nStack…"}),
                "The code location impler_pipelines: ImportError: no x",
                id="load error",
            ),
            pytest.param(entry(None), "not loaded yet", id="loading"),
            pytest.param(
                {"__typename": "PythonError", "message": "Unknown location"}, "Unknown", id="none"
            ),
        ],
    )
    def test_up_without_the_location(
        self, watched: HostApp, dagster: FeedServer, answer: dict[str, Any], words: str
    ) -> None:
        dagster.routes["/graphql"] = location(answer)
        said = watched.ok("GET", "/readyz")["dagster"]
        assert (said["up"], said["locationLoaded"]) == (True, False)
        assert words in said["message"]
        assert "\n" not in said["message"]
        assert "impler_dagster_location_loaded 0.0" in watched.call("GET", "/metrics").text

    @pytest.mark.parametrize(
        "route", [(500, {}, "oops"), (200, JSON, "[]"), (200, JSON, '{"errors": ["no"]}')]
    )
    def test_up_and_talking_nonsense(
        self, watched: HostApp, dagster: FeedServer, route: tuple[int, dict[str, str], str]
    ) -> None:
        dagster.routes["/graphql"] = route
        said = watched.ok("GET", "/readyz")["dagster"]
        assert (said["up"], said["locationLoaded"]) == (False, False)
        assert said["message"]

    def test_down(self, app: HostApp) -> None:
        said = app.ok("GET", "/readyz")["dagster"]
        assert (said["up"], said["locationLoaded"]) == (False, False)
        assert "does not answer" in said["message"]

    def test_silent_does_not_keep_the_answer_waiting(
        self, watched: HostApp, dagster: FeedServer
    ) -> None:
        """Asked ten times at once, it is asked once, and nobody waits until it answers."""
        release, asked = threading.Event(), threading.Event()

        def hang(_: Handler) -> None:
            asked.set()
            release.wait(60)

        dagster.routes["/graphql"] = hang
        answers: list[dict[str, Any]] = []
        threads = [
            threading.Thread(target=lambda: answers.append(watched.ok("GET", "/readyz")))
            for _ in range(10)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert asked.is_set()
        assert not release.is_set()
        release.set()
        assert [a["dagster"]["up"] for a in answers] == [False] * 10
        assert "did not answer within" in answers[0]["dagster"]["message"]
        assert len(dagster.requests_for("/graphql")) == 1


class TestStore:
    def test_killed_stopped_and_started_again(self, tmp_path: Path) -> None:
        """A PostgreSQL of its own, killed, started, frozen, thawed, under one running API."""
        with tempfile.TemporaryDirectory(prefix="impler-health-") as place:
            home = Path(place)
            home.chmod(0o711)
            server = build_server(home)
            server.start()
            try:
                settings = settings_for(
                    server.url().replace("postgresql://", "postgresql+psycopg://", 1),
                    tmp_path,
                )
                self.live_through(settings, server)
            finally:
                server.stop()

    @staticmethod
    def live_through(settings: Settings, server: Any) -> None:
        with serving(create_app(settings, migrate=True)) as url, host_app(url, None) as app:

            def ready() -> int:
                return httpx.get(f"{url}/readyz", timeout=60, verify=False).status_code

            assert until(lambda: ready() == 200)
            os.kill(server.process.pid, signal.SIGKILL)
            server.process.wait()
            assert problem(app.call("GET", "/readyz"))["statusCode"] == 503
            assert app.ok("GET", "/healthz") == {"status": "ok"}
            assert "impler_store_up 0.0" in app.call("GET", "/metrics").text
            server.start()
            assert until(lambda: ready() == 200)

            frozen = [psutil.Process(server.process.pid)]
            frozen += frozen[0].children(recursive=True)
            for process in frozen:
                process.suspend()
            try:
                answer = app.call("GET", "/readyz")
                assert answer.status_code == 503
                assert "did not answer within" in problem(answer)["message"]
                assert app.ok("GET", "/healthz") == {"status": "ok"}
                assert "impler_store_up 0.0" in app.call("GET", "/metrics").text
            finally:
                for process in frozen:
                    process.resume()
            assert until(lambda: ready() == 200)
