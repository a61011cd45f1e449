from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from impler_pipelines.errors import SettingInvalid, StateConflict
from impler_pipelines.settings import Settings
from impler_pipelines.supervisor.child import LONGEST_BACKOFF_SECONDS, backoff
from impler_pipelines.supervisor.home import (
    locked_parts,
    log_file,
    prepare_dagster_home,
    put_aside_if_large,
)
from impler_pipelines.supervisor.parts import PARTS, chosen_parts, stack_environment
from impler_pipelines.supervisor.ports import answers, free_port, require_free
from impler_pipelines_tests.feed_server import FeedServer


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load(home=tmp_path, database_url="postgresql://u:p@db.example/impler")


class TestLockedParts:
    def test_another_process_is_refused_and_named(self, settings: Settings) -> None:
        program = (
            "import sys; from impler_pipelines.settings import Settings;"
            "from impler_pipelines.supervisor.home import locked_parts\n"
            f"with locked_parts(Settings.load(home={str(settings.home)!r}), ['api']):"
            " print('held', flush=True); sys.stdin.read()"
        )
        with subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            with (
                pytest.raises(StateConflict, match=rf"process {holder.pid} runs its api"),
                locked_parts(settings, ["database", "api"]),
            ):
                pass
            with locked_parts(settings, ["database"]):
                pass  # other parts are free, and the failed try let go of this one
        with locked_parts(settings, ["api"]):
            pass  # its end let go


class TestLogFile:
    def test_a_large_log_is_put_aside(self, settings: Settings) -> None:
        path = log_file(settings, "api")
        path.write_bytes(b"x" * (10 * 1024**2 + 1))
        assert log_file(settings, "api").stat().st_size == 0
        former = path.with_name("api.log.1")
        assert former.stat().st_size == 10 * 1024**2 + 1
        assert former.stat().st_mode & 0o777 == 0o600

    def test_also_under_a_process_that_writes_to_it(self, settings: Settings) -> None:
        path = log_file(settings, "api")
        with path.open("ab", buffering=0) as written_to:  # as spawn opens it
            written_to.write(b"x" * (10 * 1024**2 + 1))
            put_aside_if_large(path)
            written_to.write(b"and on")
            put_aside_if_large(path)
        assert path.read_bytes() == b"and on"
        assert path.with_name("api.log.1").stat().st_size > 10 * 1024**2

    def test_a_small_one_goes_on(self, settings: Settings) -> None:
        log_file(settings, "api").write_text("before")
        assert log_file(settings, "api").read_text() == "before"


class TestDagsterHome:
    def test_it_holds_the_projects_instance_and_the_code_servers_port(
        self, settings: Settings
    ) -> None:
        workspace = prepare_dagster_home(settings, 4711)
        assert yaml.safe_load(workspace.read_text())["load_from"] == [
            {
                "grpc_server": {
                    "host": "127.0.0.1",
                    "port": 4711,
                    "location_name": "impler_pipelines",
                }
            }
        ]
        root = Path(__file__).parents[2]
        copied = settings.dagster_home / "dagster.yaml"
        assert copied.read_text() == (root / "dagster.yaml").read_text()

    def test_the_roots_workspace_has_the_same_location(self) -> None:
        root = Path(__file__).parents[2]
        (location,) = yaml.safe_load((root / "workspace.yaml").read_text())["load_from"]
        assert location["python_module"] == {
            "module_name": "impler_pipelines.definitions",
            "location_name": "impler_pipelines",
        }


class TestEnvironment:
    def test_given_settings_go_on_to_children(self, tmp_path: Path) -> None:
        given = Settings.load(
            home=tmp_path,
            database_url="postgresql://u:p@db.example/impler",
            api_port=8123,
            allow_private_addresses=True,
        )
        environment = stack_environment(given)
        assert environment["IMPLER_API_PORT"] == "8123"
        assert environment["IMPLER_ALLOW_PRIVATE_ADDRESSES"] == "1"
        assert environment["IMPLER_HOME"] == str(tmp_path)
        assert environment["DAGSTER_HOME"] == str(tmp_path / "dagster")
        assert environment["IMPLER_DAGSTER_STORAGE_URL"].startswith("postgresql+psycopg2://")
        assert "IMPLER_DAGSTER_PORT" not in environment

    def test_a_blank_one_stays_blank(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("IMPLER_KEEP_RUNS_DAYS", "")
        given = Settings.load(home=tmp_path, database_url="postgresql://u:p@db.example/impler")
        assert stack_environment(given)["IMPLER_KEEP_RUNS_DAYS"] == ""


class TestChosenParts:
    @pytest.mark.parametrize(
        ("only", "expected"),
        [
            pytest.param(None, PARTS, id="all"),
            pytest.param(["api", "database"], ("database", "api"), id="in order of start"),
        ],
    )
    def test_order(self, only: list[str] | None, expected: tuple[str, ...]) -> None:
        assert chosen_parts(only) == expected

    @pytest.mark.parametrize("only", [["redis"], ["database", "daemon"], ["webserver"]])
    def test_what_can_not_run_is_refused(self, only: list[str]) -> None:
        with pytest.raises(SettingInvalid, match="takes some of database, code-server"):
            chosen_parts(only)


class TestPorts:
    def test_a_taken_port_is_named_with_its_variable(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(StateConflict, match=f"IMPLER_API_PORT={port} can't be used"):
                require_free("127.0.0.1", port, "IMPLER_API_PORT")
        require_free("127.0.0.1", port, "IMPLER_API_PORT")

    def test_answers_needs_a_200(self, feed_server: FeedServer) -> None:
        feed_server.routes["/up"] = (200, {}, "fine")
        assert answers("0.0.0.0", feed_server.port, "/up")
        assert not answers("127.0.0.1", feed_server.port, "/down")
        assert not answers("127.0.0.1", free_port(), "/up")


class TestBackoff:
    def test_it_doubles_up_to_a_limit(self) -> None:
        assert [backoff(n) for n in range(6)] == [1, 2, 4, 8, 16, LONGEST_BACKOFF_SECONDS]
        assert backoff(10_000) == LONGEST_BACKOFF_SECONDS
