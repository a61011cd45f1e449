"""``deploy/image``: the Dockerfile's steps, run as they stand there.

Without a container engine there is no base image: a new virtual environment stands for its Python,
a folder for its file system, and what the steps name below ``/opt`` and ``/var`` lies in there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from string import Template

import pytest
from packaging.requirements import Requirement

from impler_pipelines import __version__
from impler_pipelines_tests.deploy.files import ROOT, image_environment, instructions

_PLACES = re.compile(r"(?<![\w.])/(?:opt|var)/")
# What these do, they do to the base image itself: its users, its standard library, its pip.
_OF_THE_BASE = re.compile(r"^useradd ")
_OURS = re.compile("IMPLER_|DAGSTER_|PYTHON|VIRTUAL_ENV")


class Folder:
    """A folder that the Dockerfile's steps are run in, one after the other."""

    def __init__(self, directory: Path) -> None:
        self.root, self.context = directory / "image", directory / "context"
        self.base = directory / "base"
        self.at = self.root
        self.environment = {
            **{name: value for name, value in os.environ.items() if not _OURS.match(name)},
            "PATH": f"{self.base / 'bin'}{os.pathsep}{os.environ['PATH']}",
        }
        subprocess.run([sys.executable, "-m", "venv", self.base], check=True)
        self._send_context()

    def _send_context(self) -> None:
        """What ``.dockerignore`` lets pass: it is a list of what is wanted."""
        first, *wanted, last = [
            line
            for line in (ROOT / ".dockerignore").read_text().splitlines()
            if not line.startswith("#")
        ]
        assert (first, last) == ("*", "**/__pycache__")
        for line in wanted:
            source, target = ROOT / line.removeprefix("!"), self.context / line.removeprefix("!")
            assert line.startswith("!")
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, target)

    def place(self, text: str) -> str:
        """``text`` with the image's places below the folder."""
        return _PLACES.sub(lambda found: f"{self.root}{found.group()}", text)

    def follow(self, word: str, rest: str) -> None:
        """Do one step."""
        if word == "WORKDIR":
            self.at = Path(self.place(rest))
            self.at.mkdir(parents=True, exist_ok=True)
        elif word == "COPY":
            self._copy(*rest.split())
        elif word == "RUN" and not _OF_THE_BASE.match(rest):
            self.run("sh", "-ec", self.place(rest))
        elif word == "ENV":
            for name, value in image_environment().items():
                self.environment[name] = Template(self.place(value)).substitute(self.environment)

    def _copy(self, *words: str) -> None:
        if words[0].startswith("--from="):  # one folder stands for both stages
            _, source, target = words
            sources = [] if source == target else [Path(self.place(source))]
        else:
            *named, target = words
            sources = [self.context / name for name in named]
        into = self.at / self.place(target)
        for source in sources:
            if source.is_dir():
                shutil.copytree(source, into)
            else:
                into.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, into)

    def run(self, *command: str, **environment: str) -> str:
        """Run a program of the image where it then is; returns what it says."""
        done = subprocess.run(
            command,
            cwd=self.at,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=400,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done.stdout


def locked() -> set[str]:
    """What ``requirements.lock`` has for this Python and machine, as ``name==version``."""
    lines = re.findall(r"(?m)^[\w.-]+==[^\\\n]*", (ROOT / "requirements.lock").read_text())
    asked = [Requirement(line.strip()) for line in lines]
    return {
        f"{one.name}{one.specifier}" for one in asked if one.marker is None or one.marker.evaluate()
    }


_INSTALLED = """
import importlib.metadata, re
for one in importlib.metadata.distributions():
    print(re.sub("[-_.]+", "-", one.name).lower(), one.version, sep="==")
"""
_LAUNCHER = """
from dagster import DagsterInstance
instance = DagsterInstance.get()
print(type(instance.run_launcher).__name__, instance.root_directory)
"""
_UNCOMPILED = """
import importlib.util, pathlib, dagster, impler_pipelines
for package in (dagster, impler_pipelines):
    for file in pathlib.Path(package.__file__).parent.rglob("*.py"):
        if not pathlib.Path(importlib.util.cache_from_source(str(file))).exists():
            print(file)
"""


class TestSteps:
    @pytest.mark.slow
    @pytest.mark.timeout(600)
    def test_they_make_an_installation_that_works(self, tmp_path: Path, database_url: str) -> None:
        folder = Folder(tmp_path)
        for word, rest in instructions():
            folder.follow(word, rest)
        url = {"IMPLER_DATABASE_URL": database_url}
        broker = {"IMPLER_BROKER_URL": "redis://127.0.0.1:1/0"}

        command = next(rest for word, rest in instructions() if word == "CMD")
        assert "Automated data import" in folder.run(*json.loads(command))
        # As locked and nothing else, less the one that only builds.
        expected = {*locked(), f"impler-pipelines=={__version__}"}
        installed = set(folder.run("python", "-c", _INSTALLED).split())
        assert installed == {one for one in expected if not one.startswith("setuptools==")}
        assert folder.run("python", "-c", _UNCOMPILED) == ""
        # What the database and Dagster's parts are started with.
        folder.run("impler-pipelines", "migrate", **url)
        said = folder.run("impler-pipelines", "exec", "python", "-c", _LAUNCHER, **url, **broker)
        home = folder.place(image_environment()["DAGSTER_HOME"])
        assert said.split() == ["WarmWorkerLauncher", home]

    def test_it_runs_as_nobody_in_particular(self) -> None:
        users = [rest for word, rest in instructions() if word == "USER"]
        (making,) = [rest for word, rest in instructions() if _OF_THE_BASE.match(rest)]
        assert users == ["10001"]  # a number, which Kubernetes can tell from root's
        assert making.startswith("useradd --uid 10001 ")
        image = image_environment()
        for place in (image["IMPLER_HOME"], image["DAGSTER_HOME"]):
            assert f" {place} " in making  # its own to write to

    def test_dagsters_home_is_the_one_of_warm_workers(self) -> None:
        copied = " ".join(rest for word, rest in instructions() if word == "COPY")
        home = image_environment()["DAGSTER_HOME"]
        assert f"/deploy/celery/dagster.yaml {home}/" in copied
