"""Commands that need no stack: what they print, and their exit codes."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from impler_pipelines.cli import app
from impler_pipelines_tests.feed_server import FeedServer

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
