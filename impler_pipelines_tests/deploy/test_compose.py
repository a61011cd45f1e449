"""``deploy/compose``: what Compose would read there, against its schema and against ourselves."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
import yaml

from impler_pipelines.settings import Settings
from impler_pipelines.store.migrations import migrate
from impler_pipelines.supervisor.embedded_postgres import EmbeddedPostgres
from impler_pipelines.supervisor.home import LOCATION_NAME
from impler_pipelines.supervisor.parts import PARTS, REDIS, WORKERS
from impler_pipelines_tests.command_lines import check_command
from impler_pipelines_tests.deploy.files import (
    DEPLOY,
    compose,
    example_variables,
    image_environment,
    interpolate,
    interpolated_variables,
    our_services,
    words,
)

SERVICES = compose()["services"]
OURS = our_services()


def sharing(volume: str) -> dict[str, str]:
    """The services that have that volume, and where."""
    return {
        name: mount.removeprefix(f"{volume}:")
        for name, service in OURS.items()
        for mount in service.get("volumes", [])
        if mount.startswith(f"{volume}:")
    }


class TestFile:
    def test_it_is_what_compose_takes(self) -> None:
        program = Path(sys.executable).with_name("check-jsonschema")
        checked = subprocess.run(
            [program, "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose/compose.yaml"],
            capture_output=True,
            text=True,
        )
        assert checked.returncode == 0, checked.stdout

    def test_it_has_every_part(self) -> None:
        assert set(SERVICES) == {*PARTS, REDIS, WORKERS, "migrate"}

    def test_the_example_names_what_it_takes(self) -> None:
        assert example_variables() == interpolated_variables()

    def test_what_is_secret_is_written_nowhere(self) -> None:
        secret = re.compile(r"PASSWORD|SECRET|AUTH$")
        for service in SERVICES.values():
            for name, value in service.get("environment", {}).items():
                if secret.search(name):
                    assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", value), name

    def test_api_and_the_webserver_on_loopback_are_published(self) -> None:
        published = {
            name: [interpolate(port) for port in service["ports"]]
            for name, service in SERVICES.items()
            if "ports" in service
        }
        assert published == {"api": ["8000:8000"], "webserver": ["127.0.0.1:3000:3000"]}


class TestParts:
    @pytest.mark.parametrize("name", OURS)
    def test_its_command_is_one_that_the_program_takes(self, name: str) -> None:
        check_command(words(OURS[name]["command"]))

    @pytest.mark.parametrize("name", sorted(set(OURS) - {"migrate"}))
    def test_so_is_its_health_check(self, name: str) -> None:
        form, *test = OURS[name]["healthcheck"]["test"]
        check_command(words(test) if form == "CMD" else shlex.split(interpolate(test[0])))

    @pytest.mark.parametrize("name", OURS)
    def test_its_variables_are_settings(self, name: str) -> None:
        fields = {f"IMPLER_{field.upper()}" for field in Settings.model_fields}
        assert set(OURS[name]["environment"]) <= fields

    def test_a_port_that_is_asked_for_is_one_that_is_served(self) -> None:
        served = {"code-server": 4000, "webserver": 3000, "api": Settings.load(home="/").api_port}
        for name, port in served.items():
            assert str(port) in " ".join(OURS[name]["healthcheck"]["test"])
            if name != "api":
                command = words(OURS[name]["command"])
                assert command[command.index("--port") + 1] == str(port)

    def test_the_workspace_leads_to_the_code_server(self) -> None:
        workspace = yaml.safe_load((DEPLOY / "compose/workspace.yaml").read_text())
        (location,) = workspace["load_from"]
        command = words(OURS["code-server"]["command"])
        assert location["grpc_server"] == {
            "host": "code-server",
            "port": int(command[command.index("--port") + 1]),
            "location_name": LOCATION_NAME,
        }
        assert command[command.index("--location-name") + 1] == LOCATION_NAME

    def test_dagsters_files_lie_where_the_image_has_its_home(self) -> None:
        home = image_environment()["DAGSTER_HOME"]
        files = compose()["configs"]
        for service in OURS.values():
            placed = {one["target"]: files[one["source"]]["file"] for one in service["configs"]}
            assert placed == {
                f"{home}/dagster.yaml": "../celery/dagster.yaml",
                f"{home}/workspace.yaml": "workspace.yaml",
            }

    def test_who_needs_files_of_others_shares_them(self) -> None:
        image = image_environment()
        artifacts = Settings.load(home=image["IMPLER_HOME"]).artifacts_base_url
        logs = f"{image['DAGSTER_HOME']}/storage"
        assert sharing("artifacts") == dict.fromkeys(("api", "code-server", "workers"), artifacts)
        assert sharing("compute-logs") == dict.fromkeys(
            ("code-server", "webserver", "workers"), logs
        )

    def test_all_wait_for_the_tables(self) -> None:
        for name in set(OURS) - {"migrate"}:
            condition = OURS[name]["depends_on"]["migrate"]["condition"]
            assert condition == "service_completed_successfully"

    def test_workers_are_given_time(self) -> None:
        assert OURS["workers"]["stop_grace_period"] == "10m"


@pytest.fixture
def bare_server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL of its own, with its superuser and nobody else."""
    tmp_path.chmod(0o711)
    settings = Settings.load(home=tmp_path / "state")
    server = EmbeddedPostgres(settings, durable=False, say=lambda _: None)
    server.start()
    try:
        with psycopg.connect(server.superuser_url(), autocommit=True) as connection:
            connection.execute("DROP DATABASE impler")
            connection.execute("DROP ROLE impler")
        yield server
    finally:
        server.stop()


class TestRole:
    def test_it_is_no_superuser_and_makes_its_tables(self, bare_server: EmbeddedPostgres) -> None:
        if shutil.which("psql") is None:
            pytest.skip("install postgresql-client to run this")
        administrator = psycopg.conninfo.conninfo_to_dict(bare_server.superuser_url())
        subprocess.run(
            [DEPLOY / "compose/create-role.sh"],
            env={
                "PATH": os.environ["PATH"],
                "PGHOST": administrator["host"],
                "PGUSER": administrator["user"],
                "PGPASSWORD": administrator["password"],
                "PGDATABASE": administrator["dbname"],
                "ROLE_PASSWORD": "it's",
            },
            check=True,
        )
        host = quote(administrator["host"])
        url = f"postgresql://impler:it%27s@/impler?host={host}"
        migrate(Settings.load(database_url=url).store_url)
        with psycopg.connect(url) as connection:
            asked = "SELECT rolsuper, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = USER"
            assert connection.execute(asked).fetchone() == (False, False, False)
