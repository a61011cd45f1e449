"""``deploy/kubernetes``: the manifests and the chart's values, against schemas and ourselves."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dagster
import kubernetes_validate
import pytest

from impler_pipelines import __version__
from impler_pipelines.settings import Settings
from impler_pipelines.supervisor.home import LOCATION_NAME
from impler_pipelines.supervisor.parts import stack_environment
from impler_pipelines_tests.command_lines import check_command
from impler_pipelines_tests.deploy.files import (
    DEPLOY,
    chart_parts,
    containers,
    image_environment,
    manifests,
    named,
    values,
    workloads,
)

OURS = [one for one in containers() if "pipelines" in one["image"]]
_OF_THE_CHART = "DAGSTER_PG_PASSWORD"  # the instance that it makes names it
_SETTINGS = {f"IMPLER_{field.upper()}" for field in Settings.model_fields}


def known_to_dagster(name: str) -> bool:
    """Whether Dagster's own code speaks of that variable."""
    home = Path(dagster.__file__).parent
    return any(name in file.read_text() for file in home.rglob("*.py"))


def references(part: dict[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    """(kind, name, key) of each ConfigMap and Secret that a container or a chart's part takes."""
    for source in part.get("envFrom", []):
        if "configMapRef" in source:
            yield "ConfigMap", source["configMapRef"]["name"], None
        if "secretRef" in source:
            yield "Secret", source["secretRef"]["name"], None
    for variable in part.get("env", []):
        reference = variable["valueFrom"]["secretKeyRef"]
        yield "Secret", reference["name"], reference["key"]
    for kind, key in (("ConfigMap", "envConfigMaps"), ("Secret", "envSecrets")):
        for source in part.get(key, []):
            yield kind, source["name"], None


def pod_volumes(workload: dict[str, Any]) -> list[dict[str, Any]]:
    return workload["spec"]["template"]["spec"].get("volumes", [])


class TestManifests:
    @pytest.mark.parametrize(
        "manifest",
        [pytest.param(one, id=f"{one['kind']} {one['metadata']['name']}") for one in manifests()],
    )
    def test_it_is_what_kubernetes_takes(self, manifest: dict[str, Any]) -> None:
        latest = kubernetes_validate.latest_version()
        kubernetes_validate.validate(manifest, latest, strict=True)

    @pytest.mark.parametrize("name", [one["name"] for one in OURS])
    def test_its_command_is_one_that_the_program_takes(self, name: str) -> None:
        (container,) = [one for one in OURS if one["name"] == name]
        check_command(container["command"])

    def test_all_are_one_image(self) -> None:
        charts = {f"{p['image']['repository']}:{p['image']['tag']}" for p in chart_parts()}
        assert charts == {one["image"] for one in OURS}
        assert charts == {f"registry.example.com/impler-pipelines:{__version__}"}

    def test_all_ask_for_resources(self) -> None:
        for part in (*containers(), *chart_parts()):
            assert set(part["resources"]["requests"]) == {"cpu", "memory"}

    def test_none_runs_as_root(self) -> None:
        pods = [one["spec"]["template"]["spec"]["securityContext"] for one in workloads()]
        for context in (*pods, *(part["podSecurityContext"] for part in chart_parts())):
            assert context["runAsNonRoot"]
        for part in (*containers(), *chart_parts()):
            assert part["securityContext"]["capabilities"] == {"drop": ["ALL"]}

    def test_what_is_referred_to_is_there(self) -> None:
        for part in (*containers(), *chart_parts()):
            for kind, name, key in references(part):
                assert name in named(kind)
                assert key is None or key in named(kind)[name]["stringData"]

    def test_variables_are_settings_or_dagsters(self) -> None:
        given = {*named("ConfigMap")["impler-pipelines"]["data"]}
        given |= {*named("Secret")["impler-pipelines"]["stringData"]}
        given |= {variable["name"] for one in OURS for variable in one.get("env", [])}
        assert {name for name in given if name.startswith("IMPLER_")} <= _SETTINGS
        others = {name for name in given if not name.startswith("IMPLER_")} - {_OF_THE_CHART}
        assert others
        for name in others:
            assert known_to_dagster(name), name

    def test_dagsters_limits_are_those_of_make_run(self) -> None:
        settings = Settings.load(database_url="postgresql://nobody@127.0.0.1:1/none")
        ours = stack_environment(settings)
        data = named("ConfigMap")["impler-pipelines"]["data"]
        for name, value in ours.items():
            if name.startswith("DAGSTER_") and name != "DAGSTER_HOME":
                assert data[name] == value

    def test_services_lead_to_ports_of_pods(self) -> None:
        for service in named("Service").values():
            (pod,) = [
                one["spec"]["template"]
                for one in workloads()
                if one["spec"]["template"]["metadata"]["labels"] == service["spec"]["selector"]
            ]
            open_ports = {p["name"] for c in pod["spec"]["containers"] for p in c.get("ports", [])}
            assert {port["targetPort"] for port in service["spec"]["ports"]} <= open_ports

    def test_the_broker_of_the_secret_is_the_redis_here(self) -> None:
        broker = urlsplit(named("Secret")["impler-pipelines"]["stringData"]["IMPLER_BROKER_URL"])
        assert broker.port == named("Service")[str(broker.hostname)]["spec"]["ports"][0]["port"]

    def test_the_api_is_asked_what_it_answers(self) -> None:
        (api,) = [one for one in OURS if one["name"] == "api"]
        assert api["livenessProbe"]["httpGet"]["path"] == "/healthz"
        assert api["readinessProbe"]["httpGet"]["path"] == "/readyz"
        assert api["ports"][0]["containerPort"] == Settings.load(home="/").api_port

    def test_artifacts_are_shared_where_the_image_has_them(self) -> None:
        place = Settings.load(home=image_environment()["IMPLER_HOME"]).artifacts_base_url
        (code_server, *_) = chart_parts()
        sharing = [code_server, *(one for one in OURS if one["name"] in ("api", "worker"))]
        assert len(sharing) == 3
        for part in sharing:
            assert place in [mount["mountPath"] for mount in part["volumeMounts"]]
        claims = {
            volume["persistentVolumeClaim"]["claimName"]
            for volumes in (code_server["volumes"], *map(pod_volumes, workloads()))
            for volume in volumes
            if "persistentVolumeClaim" in volume
        }
        assert claims == set(named("PersistentVolumeClaim"))

    def test_workers_are_given_time(self) -> None:
        pod = named("Deployment")["impler-pipelines-workers"]["spec"]["template"]["spec"]
        assert pod["terminationGracePeriodSeconds"] == 600


class TestValues:
    def test_the_code_servers_command_is_one_that_dagster_takes(self) -> None:
        (deployment,) = values()["dagster-user-deployments"]["deployments"]
        # The chart's words before ours; they are arguments, so the image has no entry point.
        chart = f"dagster code-server start -h 0.0.0.0 -p {deployment['port']}".split()
        check_command([*chart, *deployment["codeServerArgs"]])

    def test_the_location_has_the_name_that_all_else_uses(self) -> None:
        (deployment,) = values()["dagster-user-deployments"]["deployments"]
        (server,) = values()["dagsterWebserver"]["workspace"]["servers"]
        assert server == {
            "host": deployment["name"],
            "port": deployment["port"],
            "name": LOCATION_NAME,
        }
        named_by = deployment["codeServerArgs"].index("--location-name") + 1
        assert deployment["codeServerArgs"][named_by] == LOCATION_NAME

    def test_the_webserver_is_where_the_settings_say(self) -> None:
        webserver = values()["dagsterWebserver"]
        url = named("ConfigMap")["impler-pipelines"]["data"]["IMPLER_DAGSTER_URL"]
        # The chart names its Service after the release, dagster, and dagster-webserver.
        assert url == f"http://dagster-dagster-webserver:{webserver['service']['port']}"
        assert webserver["readinessProbe"]["httpGet"]["port"] == webserver["service"]["port"]

    def test_the_charts_version_is_dagsters(self) -> None:
        version = importlib.metadata.version("dagster")
        for file in ("values.yaml", "../../docs/deployment.md"):
            text = (DEPLOY / "kubernetes" / file).read_text()
            assert set(re.findall(r"--version (\S+)", text)) == {version}
