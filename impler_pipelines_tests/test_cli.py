"""Commands that need no stack: what they print, and their exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from impler_pipelines.cli import app
from impler_pipelines_tests.feed_server import FeedServer
from impler_pipelines_tests.orchestration.conftest import instance, scene
from impler_pipelines_tests.orchestration.feeds import rss
from impler_pipelines_tests.orchestration.scene import Scene

__all__ = ["instance", "scene"]  # fixtures

PAGE = """<!doctype html><link rel="alternate" type="application/rss+xml" title="News"
href="/feed.xml"><p>Hello</p>"""


@pytest.fixture(autouse=True)
def near(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPLER_ALLOW_PRIVATE_ADDRESSES", "1")


class TestHeadings:
    def test_gives_paths_with_samples(self, feed_server: FeedServer) -> None:
        feed = b"<rss><channel><item><title>Ann</title></item></channel></rss>"
        result = CliRunner().invoke(app, ["headings", feed_server.serve("/f", feed), "--json"])
        assert result.exit_code == 0
        assert "rss > channel > item > title" in json.dumps(json.loads(result.stdout))

    def test_of_a_web_page_names_the_feeds_that_it_announces(self, feed_server: FeedServer) -> None:
        page = feed_server.serve("/shop", PAGE.encode())
        result = CliRunner().invoke(app, ["headings", page])
        assert result.exit_code != 0
        words = " ".join(result.stderr.split())
        assert "/feed.xml News" in words
        assert "web page (HTML)" in str(result.exception)


class TestHistory:
    @pytest.fixture(autouse=True)
    def store(
        self, store_url: str, store_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("IMPLER_DATABASE_URL", store_url.replace("+psycopg", ""))
        monkeypatch.setenv("IMPLER_HOME", str(tmp_path))

    def test_of_an_import_job_that_has_loaded(self, scene: Scene) -> None:
        scene.add_import_job()
        scene.serve(rss(("Lamp", "/1", "10.5"), ("Rug", "/2", "=1+1")))
        run = scene.run().run
        listed = CliRunner().invoke(app, ["import", "runs", scene.job_id, "--json"])
        assert json.loads(listed.stdout)[0] == run
        shown = CliRunner().invoke(app, ["import", "runs", scene.job_id])
        assert "SUCCESS" in shown.stdout
        rejects = CliRunner().invoke(app, ["import", "rejects", scene.job_id])
        header, row = rejects.stdout.splitlines()
        assert header == "_index,link,price,title,_errors"
        assert row.startswith("1,/2,'=1+1,Rug,")
        told = CliRunner().invoke(app, ["import", "rejects", scene.job_id, run["_id"], "--json"])
        assert json.loads(told.stdout)[0]["errors"][0]["rule"] == "double"

    def test_of_one_that_has_not(self, scene: Scene) -> None:
        scene.add_import_job()
        answer = CliRunner().invoke(app, ["import", "rejects", scene.job_id])
        assert "no run that loaded" in str(answer.exception)
