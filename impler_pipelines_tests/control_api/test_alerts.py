"""Prometheus's rules ask for metrics that there are, and the operator's guide tells each."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from impler_pipelines.control_api.app import create_app
from impler_pipelines.store.engine import open_store, transaction
from impler_pipelines.store.tallies import add_tallies, observation
from impler_pipelines_tests.control_api.conftest import host_app, new_key, serving, settings_for
from impler_pipelines_tests.control_api.test_metrics import scrape
from impler_pipelines_tests.operations_guide import ROOT, section

GROUPS: list[dict[str, Any]] = yaml.safe_load(
    (ROOT / "deploy" / "prometheus" / "rules.yaml").read_text()
)["groups"]
RULES: list[dict[str, Any]] = [rule for group in GROUPS for rule in group["rules"]]
_SELECTOR = re.compile(r"(impler_\w+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)\s*(?:=|!=|=~|!~)\s*"[^"]*"')
# https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/
_KEYS = {"alert", "expr", "for", "labels", "annotations"}


def named(rule: dict[str, Any]) -> list[tuple[str, set[str]]]:
    """Each metric of the rule's expression, with the labels that it is asked by."""
    found = _SELECTOR.findall(rule["expr"])
    return [(name, set(_MATCHER.findall(matchers))) for name, matchers in found]


@pytest.fixture
def labels(store_url: str, tmp_path: Path) -> dict[str, set[str]]:
    """Every sample that is scraped, by name, with its labels; every histogram has seen a value."""
    engine = open_store(store_url)
    with transaction(engine) as connection:
        add_tallies(
            connection,
            *observation("op_duration_seconds", "fetch_feed", 1.0),
            *observation("run_duration_seconds", "SUCCESS", 1.0),
            *observation("run_start_delay_seconds", "SCHEDULE", 1.0),
        )
    installation = create_app(settings_for(store_url, tmp_path))
    with serving(installation) as url, host_app(url, new_key(engine)) as app:
        app.call("GET", "/healthz")
        _, samples = scrape(app)
    engine.dispose()
    found: dict[str, set[str]] = {}
    for name, pairs in samples:
        found.setdefault(name, set()).update(label for label, _ in pairs)
    return found


def test_every_metric_and_label_is_there(labels: dict[str, set[str]]) -> None:
    for rule in RULES:
        assert named(rule), rule["alert"]
        for name, asked_by in named(rule):
            assert name in labels, rule["alert"]
            assert asked_by <= labels[name], rule["alert"]


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_a_rule_is_as_prometheus_reads_it(rule: dict[str, Any]) -> None:
    assert rule.keys() <= _KEYS
    assert re.fullmatch(r"Impler[A-Za-z]+", rule["alert"])
    assert re.fullmatch(r"(\d+[smh])?", rule.get("for", ""))
    assert rule["labels"]["severity"] in ("page", "ticket")
    for opening, closing in ("()", "{}", "[]"):
        assert rule["expr"].count(opening) == rule["expr"].count(closing)
    assert set(rule["annotations"]) == {"summary", "action"}
    assert all(rule["annotations"].values())


def test_the_guide_tells_each_alert_and_no_other() -> None:
    told = re.findall(r"^\| `(Impler\w+)` \|", section("Metrics and alerts"), re.MULTILINE)
    assert told == [rule["alert"] for rule in RULES]


def test_names_are_given_once() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    assert len({group["name"] for group in GROUPS}) == len(GROUPS)
