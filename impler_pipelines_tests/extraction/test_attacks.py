"""Hostile documents, each read in a process of its own: refused by name, within time and memory."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from impler_pipelines_tests.extraction.attacks import ATTACKS
from impler_pipelines_tests.measured_run import ROOT

# Each is far more than any of them takes, and far less than it would without its limit.
MOST_CPU_SECONDS = 30.0
MOST_MB = 500.0


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_costs_little(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "impler_pipelines_tests.extraction.attacks", name],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=300,
    )
    found = json.loads(done.stdout)
    expected, _ = ATTACKS[name]
    for came_of in found["came_of"]:
        assert re.search(expected, came_of)
    assert found["cpu_seconds"] < MOST_CPU_SECONDS
    assert found["mb"] < MOST_MB
