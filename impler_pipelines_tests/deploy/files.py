"""The files of ``deploy/``, read as what they are. It checks nothing."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
MANIFESTS = ("settings", "secret.example", "redis", "migrate", "api", "workers")
_INTERPOLATED = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?::[-?](?P<word>[^}]*))?\})")


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile as ("FROM", "python:${PYTHON}-slim AS build"), …, lines put together."""
    text = (DEPLOY / "image/Dockerfile").read_text()
    lines = re.sub(r"(?m)^#.*\n", "", text).replace("\\\n", " ").splitlines()
    return [
        (word, " ".join(rest.split()))
        for word, _, rest in (line.strip().partition(" ") for line in lines if line.strip())
    ]


def image_environment() -> dict[str, str]:
    """The variables that the image sets, as they are written."""
    given = " ".join(rest for word, rest in instructions() if word == "ENV")
    return dict(one.split("=", 1) for one in shlex.split(given))


def compose() -> dict[str, Any]:
    """``compose.yaml`` as it stands, but for YAML's own merges."""
    return yaml.safe_load((DEPLOY / "compose/compose.yaml").read_text())


def example_variables() -> dict[str, bool]:
    """The variables of ``.env.example``, and whether each must be filled in."""
    lines = (DEPLOY / "compose/.env.example").read_text().splitlines()
    found = [re.fullmatch(r"(#?)([A-Z_]+)=(.*)", line) for line in lines]
    return {one[2]: not one[1] for one in found if one}


def interpolated_variables() -> dict[str, bool]:
    """The variables that ``compose.yaml`` takes, and whether it demands each."""
    text = (DEPLOY / "compose/compose.yaml").read_text()
    return {one["name"]: ":?" in one.group() for one in _INTERPOLATED.finditer(text) if one["name"]}


def interpolate(text: str) -> str:
    """What Compose makes of a value where all variables that it demands are ``given``."""

    def value(one: re.Match[str]) -> str:
        if one["dollar"]:
            return "$"
        return "given" if ":?" in one.group() else one["word"]

    return _INTERPOLATED.sub(value, text)


def words(command: str | list[str]) -> list[str]:
    """A command of Compose's, either form, as its words."""
    if isinstance(command, str):
        return shlex.split(interpolate(command))
    return [interpolate(word) for word in command]


def our_services() -> dict[str, dict[str, Any]]:
    """The services that run our image."""
    services = compose()["services"]
    return {name: service for name, service in services.items() if "pipelines" in service["image"]}


def manifests() -> list[dict[str, Any]]:
    """Every object of the plain manifests of Kubernetes."""
    texts = [(DEPLOY / f"kubernetes/{name}.yaml").read_text() for name in MANIFESTS]
    return [found for text in texts for found in yaml.safe_load_all(text)]


def named(kind: str) -> dict[str, dict[str, Any]]:
    """The objects of one kind, by their names."""
    return {one["metadata"]["name"]: one for one in manifests() if one["kind"] == kind}


def workloads() -> list[dict[str, Any]]:
    """The objects that make pods."""
    return [one for one in manifests() if "template" in one.get("spec", {})]


def containers() -> Iterator[dict[str, Any]]:
    """The containers of all pods."""
    for workload in workloads():
        yield from workload["spec"]["template"]["spec"]["containers"]


def values() -> dict[str, Any]:
    """What Dagster's Helm chart is given."""
    return yaml.safe_load((DEPLOY / "kubernetes/values.yaml").read_text())


def chart_parts() -> list[dict[str, Any]]:
    """What the chart is told of each process that runs our image."""
    given = values()
    code_servers = given["dagster-user-deployments"]["deployments"]
    return [*code_servers, given["dagsterWebserver"], given["dagsterDaemon"]]
