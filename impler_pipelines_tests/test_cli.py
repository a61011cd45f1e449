"""Commands that need no stack: what they print, and their exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from impler_pipelines.cli import app
from impler_pipelines.store.engine import transaction
from impler_pipelines.store.projects import project_of_key
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


@dataclass
class Shell:
    """The installed program on a store, as a script calls it."""

    environment: dict[str, str]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [Path(sys.executable).with_name("impler-pipelines"), *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=self.environment,
        )

    def json(self, *arguments: str) -> Any:
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def refused(self, *arguments: str) -> str:
        """The one line that says why."""
        done = self.run(*arguments)
        assert (done.returncode, done.stdout) == (1, "")
        return " ".join(done.stderr.split())


@pytest.fixture
def shell(store_url: str, tmp_path: Path) -> Shell:
    ours = {
        "IMPLER_DATABASE_URL": store_url.replace("+psycopg", ""),
        "IMPLER_HOME": str(tmp_path),
        "IMPLER_SECRET_KEY": "k",  # as that of the scene
        "COLUMNS": "200",
    }
    return Shell(os.environ | ours)


class TestKeys:
    def test_from_made_to_revoked(self, shell: Shell, store_engine: Engine) -> None:
        def valid(key: str) -> bool:
            with transaction(store_engine) as connection:
                return project_of_key(connection, key) is not None

        first = shell.json("keys", "create", "--project", "shop")["accessKey"]
        (listed,) = shell.json("keys", "list", "--project", "shop")
        assert set(listed) == {"id", "project", "prefix", "createdAt", "lastUsedAt", "revokedAt"}
        assert first.startswith(listed["prefix"])
        assert (listed["project"], listed["lastUsedAt"], listed["revokedAt"]) == (
            "shop",
            None,
            None,
        )

        rotated = shell.json("keys", "rotate", listed["id"], "--grace-hours", "2")
        assert rotated["replaces"]["id"] == listed["id"]
        assert rotated["replaces"]["revokedAt"].endswith("Z")
        assert valid(first)
        assert valid(rotated["accessKey"])
        revoked = shell.run("keys", "revoke", listed["id"])
        assert revoked.stdout.startswith(f"Access key {listed['id']} of project shop ended at 20")
        assert not valid(first)
        assert valid(rotated["accessKey"])

        shown = shell.run("keys", "list").stdout
        assert listed["prefix"] in shown
        for key in (first, rotated["accessKey"]):
            assert key not in shown
            assert key not in json.dumps(shell.json("keys", "list"))

    def test_rotated_at_once_prints_the_new_one(self, shell: Shell) -> None:
        first = shell.json("keys", "create", "--project", "shop")["accessKey"]
        (listed,) = shell.json("keys", "list")
        said = shell.run("keys", "rotate", listed["id"]).stdout
        assert "New access key of project shop" in said
        assert f"The old one, {listed['id']}, ended at 20" in said
        assert first not in said
        assert "was rotated" not in shell.refused("keys", "rotate", listed["id"])

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["keys", "list", "--project", "none"], "There is no project 'none'."),
            (["keys", "revoke", "nothing"], "There is no access key 'nothing'."),
            (["keys", "rotate", "nothing"], "There is no access key 'nothing'."),
            (["audit", "--project", "none"], "There is no project 'none'."),
        ],
    )
    def test_unknown_is_one_line(self, shell: Shell, arguments: list[str], words: str) -> None:
        assert shell.refused(*arguments) == f"error: {words}"


class TestRuns:
    def test_one_that_fails_says_why_in_one_line(self, shell: Shell, scene: Scene) -> None:
        scene.add_import_job()
        scene.serve("<rss><channel><item></channel></rss>")
        done = shell.run("import", "run", scene.job_id)
        (run,) = shell.json("import", "runs", scene.job_id)
        assert (done.returncode, run["status"]) == (1, "FAILED")
        assert done.stdout == "FAILED\n"
        told = [line for line in done.stderr.splitlines() if not line.startswith("time=")]
        assert " ".join(" ".join(told).split()) == f"error: {run['error']}"

    def test_what_nobody_expects_has_its_traceback(
        self, shell: Shell, scene: Scene, tmp_path: Path
    ) -> None:
        scene.add_import_job()
        scene.serve(rss(("Lamp", "/1", "10.5")))
        (tmp_path / "artifacts").write_text("no folder")
        done = shell.run("import", "run", scene.job_id)
        assert done.returncode == 1
        assert "NotADirectoryError" in done.stderr
        assert "ops.py" in done.stderr
        assert "artifacts.py" in done.stderr


class TestAudit:
    def test_of_what_the_command_line_did(self, shell: Shell, scene: Scene) -> None:
        scene.add_import_job()
        scene.serve(rss(("Lamp", "/1", "10.5")))
        run = shell.json("import", "run", scene.job_id)
        for change in ("pause", "resume", "delete"):
            shell.json("import", change, scene.job_id)
        told = shell.json("audit", "--import-job", scene.job_id)
        assert [(e["actor"], e["action"]) for e in told[:-1]] == [
            ("cli", "import_job.deleted"),
            ("cli", "import_job.resumed"),
            ("cli", "import_job.paused"),
            ("cli", "run.asked"),
        ]
        assert told[-2]["runId"] == run["_id"]
        assert told[-1]["actor"] == shell.json("keys", "list")[0]["id"]

    def test_tells_who_did_what(self, shell: Shell) -> None:
        for project in ("shop", "rival"):
            shell.json("keys", "create", "--project", project)
        everything = shell.json("audit")
        assert [(e["project"], e["action"], e["actor"]) for e in everything] == [
            ("rival", "access_key.created", "cli"),
            ("shop", "access_key.created", "cli"),
        ]
        assert shell.json("audit", "--project", "shop") == everything[1:]
        assert shell.json("audit", "--limit", "1") == everything[:1]
        assert shell.json("audit", "--import-job", "0" * 24) == []
        (key,) = shell.json("keys", "list", "--project", "shop")
        assert everything[1]["accessKeyId"] == key["id"]
        assert everything[1]["at"].endswith("Z")
        shown = shell.run("audit", "--project", "shop").stdout
        assert f"access_key {key['id']}" in shown
        assert "rival" not in shown
