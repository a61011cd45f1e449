"""The API keeps what its OpenAPI promises: schemathesis asks every operation, with all its checks.

Each operation is asked some hundred times or fewer, always the same: its examples, every boundary
of every parameter and field, right and wrong, and values at random from a fixed seed. The server,
the store and the ids are real ones.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from impler_pipelines.control_api.app import create_app
from impler_pipelines.control_api.pagination import encode_index, encode_moment
from impler_pipelines.control_api.schemas.import_jobs import IMPORT_JOB_EXAMPLE
from impler_pipelines.control_api.schemas.previews import FEED_PREVIEW_EXAMPLE
from impler_pipelines.control_api.schemas.project_webhook import PROJECT_WEBHOOK_EXAMPLE
from impler_pipelines.control_api.schemas.sessions import SESSION_EXAMPLE
from impler_pipelines.control_api.sessions import OPEN
from impler_pipelines.settings import Settings
from impler_pipelines.store.engine import new_id
from impler_pipelines_tests.control_api.conftest import host_app, serving
from impler_pipelines_tests.control_api.host_app import HostApp
from impler_pipelines_tests.control_api.test_routes import LEGACY_ROUTES, ROUTES
from impler_pipelines_tests.feed_server import FeedServer

pytestmark = pytest.mark.slow

_SEED = 20261127
_AT_RANDOM = 15
_CASES_AT_LEAST = 9  # of an operation that takes nothing

# 502 is documented there: the feed could not be fetched, or is none. A 500 is never expected.
_READ_FEEDS = {
    ("POST", "/v1/import-jobs/{templateId}"),
    ("PUT", "/v1/import-jobs/{jobId}"),
    ("GET", "/v1/import-jobs/{jobId}/preview"),
    ("POST", "/v1/import-jobs/{jobId}/preview"),
    ("POST", "/v1/feeds/inspect"),
    ("POST", "/v1/feeds/preview"),
}
# `Allow` names the methods of a URL, as RFC 9110 has it. Two of the contract's path templates match
# each of these URLs (an id of a template or of an import job, a user or a word), so it names more
# than the one template has.
_OF_TWO_TEMPLATES = {
    ("POST", "/v1/import-jobs/{templateId}"),
    ("GET", "/v1/import-jobs/{jobId}"),
    ("PUT", "/v1/import-jobs/{jobId}"),
    ("DELETE", "/v1/import-jobs/{jobId}"),
    ("PUT", "/v1/import-jobs/user/{jobId}/pause"),
    ("PUT", "/v1/import-jobs/user/{jobId}/resume"),
    ("POST", "/v1/webhook-pages/retry"),
}
# JSON Schema can't say all that makes these bodies acceptable: time zones and cron, that interval
# and cron exclude each other, the paths that a feed has, the keys that a template has, what a file
# holds, which host has an address, what an origin is. So not all that fits the schema has to be
# accepted; what does not is refused all the same.
_OF_RICHER_BODIES = {
    ("POST", "/v1/import-jobs/{templateId}"),
    ("PUT", "/v1/import-jobs/{jobId}"),
    ("PUT", "/v1/import-jobs/{jobId}/mappings"),
    ("POST", "/v1/import-jobs/{jobId}/preview"),
    ("POST", "/v1/feeds/inspect"),
    ("POST", "/v1/feeds/preview"),
    ("POST", "/v1/schedules/preview"),
    ("POST", "/v1/templates"),
    ("PUT", "/v1/templates/{templateId}"),
    ("POST", "/v1/uploads/{templateId}"),
    ("PUT", "/v1/project/webhook"),
    ("PUT", "/v1/project/origins"),
    ("POST", "/v1/sessions"),
}
# What has to be prepared for a success; their other tests do.
_OUT_OF_REACH = {
    ("PUT", "/v1/import-jobs/user/{jobId}/resume"),
    ("GET", "/v1/import-job/user/{jobId}/resume"),
    ("POST", "/v1/import-jobs/{jobId}/runs/{runId}/retry"),
    ("POST", "/v1/import-jobs/{jobId}/runs/{runId}/confirm-deletions"),
    ("POST", "/v1/import-jobs/{jobId}/runs/{runId}/rejects/retry"),
    ("POST", "/v1/uploads/{templateId}"),
    ("GET", "/v1/webhook-pages/{pageId}"),
    ("POST", "/v1/webhook-pages/{pageId}/retry"),
    ("GET", "/v1/session"),
}
_OUT_OF_REACH_OF_SESSIONS = _OUT_OF_REACH - {("GET", "/v1/session")}
_USER = IMPORT_JOB_EXAMPLE["externalUserId"]

Route = tuple[str, str]


def checks(route: Route) -> dict[str, Any]:
    """All of schemathesis's checks, but for what is said above."""
    server_errors = ["2xx", "3xx", "4xx"] + (["502"] if route in _READ_FEEDS else [])
    return {
        "not_a_server_error": {"expected-statuses": server_errors},
        "allow_header_conformance": {"enabled": route not in _OF_TWO_TEMPLATES},
        "positive_data_acceptance": {"enabled": route not in _OF_RICHER_BODIES},
    }


@dataclass
class Asked:
    """What one operation was asked, how it answered, what it did not keep."""

    cases: int = 0
    statuses: set[int] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)

    def hear(self, event: events.EngineEvent) -> None:
        if isinstance(event, events.NonFatalError | events.FatalError):
            self.broken.append(repr(event))
        if not isinstance(event, events.ScenarioFinished):
            return
        recorder = event.recorder
        self.cases += len(recorder.cases)
        self.statuses |= {
            exchange.response.status_code
            for exchange in recorder.interactions.values()
            if exchange.response is not None
        }
        for check in (check for found in recorder.checks.values() for check in found):
            if check.failure_info is not None:
                failure = check.failure_info.failure
                told = f"{check.name}: {failure.title}. {failure.message}"
                self.broken.append(f"{told}\n{check.failure_info.code_sample}")


def ask(document: dict[str, Any], route: Route, *, url: str, headers: dict[str, str]) -> Asked:
    """Everything that schemathesis thinks of for one operation."""
    config = SchemathesisConfig.from_dict(
        {
            "seed": _SEED,
            "base-url": url,
            "headers": headers,
            "continue-on-failure": True,
            "generation": {
                "deterministic": True,
                "max-examples": _AT_RANDOM,
                "database": "none",
                "no-shrink": True,
            },
            "phases": {"stateful": {"enabled": False}},  # it follows links, and there are none
            "checks": checks(route),
        }
    )
    schema = schemathesis.openapi.from_dict(document, config=config)
    asked = Asked()
    for event in from_schema(schema.include(method=route[0], path=route[1])).execute():
        asked.hear(event)
    return asked


@pytest.fixture(scope="module")
def unlimited(settings: Settings) -> Settings:
    """Nobody is held back: a 429, which is documented, would hide what is behind it."""
    return settings.model_copy(update={"max_requests_per_minute": None})


@pytest.fixture(scope="module")
def url(unlimited: Settings) -> Iterator[str]:
    with serving(create_app(unlimited)) as served:
        yield served


@pytest.fixture
def app(url: str, access_key: str) -> Iterator[HostApp]:
    with host_app(url, access_key) as client:
        yield client


def known_values(app: HostApp, feed_server: FeedServer, route: Route) -> dict[str, str]:
    """Ids that lead somewhere: at random, every answer would be 404."""
    job = app.import_job(feed_server)
    (run,) = app.ok("GET", f"/v1/import-jobs/{job['_id']}/runs")
    known = {
        "jobId": job["_id"],
        "runId": run["_id"],
        "templateId": app.template(mode="manual" if "uploads" in route[1] else "automatic")["_id"],
        "cursor": cursor_of(route, job),
    }
    if route[1] == "/v1/project/webhook":
        app.ok("PUT", route[1], {"callbackUrl": feed_server.url("/hook")})
    if not route[1].endswith("{externalUserId}"):  # any text is a user who may have import jobs
        known["externalUserId"] = "ann"
    return known


def cursor_of(route: Route, job: dict[str, Any]) -> str:
    """One that the list might have given."""
    if route[1].endswith("/rejects"):
        return encode_index(5)
    return encode_moment(dt.datetime.fromisoformat(job["createdAt"]), new_id())


def near(settings: Settings, feed_server: FeedServer, known: dict[str, str]) -> dict[str, Any]:
    """The document with examples that lead somewhere: their hosts, but for their addresses, are
    the one that serves here, and templates are there."""
    promised = json.dumps(create_app(settings).openapi())
    promised = promised.replace(IMPORT_JOB_EXAMPLE["url"], feed_server.url("/feed.xml"))
    promised = promised.replace(SESSION_EXAMPLE["templateId"], known["templateId"])
    promised = promised.replace(FEED_PREVIEW_EXAMPLE["templateId"], known["templateId"])
    here = promised.replace(PROJECT_WEBHOOK_EXAMPLE["callbackUrl"], feed_server.url("/hook"))
    document: dict[str, Any] = json.loads(here)
    return document


def narrowed(document: dict[str, Any], route: Route, known: dict[str, str]) -> dict[str, Any]:
    """The document with those values as the only ones of paths' parameters and of the cursor.

    Other ids in queries select: those that select nothing are as good.
    """
    operation = document["paths"][route[1]][route[0].lower()]
    for parameter in operation.get("parameters", []):
        if parameter["name"] in known and (
            parameter["in"] == "path" or parameter["name"] == "cursor"
        ):
            parameter["schema"] = {"type": "string", "enum": [known[parameter["name"]]]}
    return document


@pytest.mark.parametrize(
    "route", [pytest.param(one, id=" ".join(one)) for one in [*ROUTES, *LEGACY_ROUTES]]
)
def test_every_answer_is_as_documented(
    route: Route,
    app: HostApp,
    access_key: str,
    url: str,
    unlimited: Settings,
    feed_server: FeedServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)  # schemathesis and Hypothesis keep files in the working directory
    known = known_values(app, feed_server, route)
    document = narrowed(near(unlimited, feed_server, known), route, known)
    asked = ask(document, route, url=url, headers={"accesskey": access_key})
    assert asked.broken == [], "\n\n".join(dict.fromkeys(asked.broken))
    assert asked.cases >= _CASES_AT_LEAST
    assert 429 not in asked.statuses
    assert asked.statuses & {200, 201, 202} or route in _OUT_OF_REACH


@pytest.mark.parametrize(
    "route",
    [pytest.param(one, id=" ".join(one)) for one in ROUTES if one in OPEN],
)
def test_every_answer_to_a_session_is_as_documented(
    route: Route,
    app: HostApp,
    url: str,
    unlimited: Settings,
    feed_server: FeedServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    template = app.template()
    job = app.import_job(feed_server, template, externalUserId=_USER)
    (run,) = app.ok("GET", f"/v1/import-jobs/{job['_id']}/runs")
    known = {"templateId": template["_id"], "jobId": job["_id"], "runId": run["_id"]}
    known |= {"externalUserId": _USER, "cursor": cursor_of(route, job)}
    document = narrowed(near(unlimited, feed_server, known), route, known)
    headers = {"Authorization": f"Bearer {app.session(template, _USER)}"}
    asked = ask(document, route, url=url, headers=headers)
    assert asked.broken == [], "\n\n".join(dict.fromkeys(asked.broken))
    assert asked.statuses & {200, 201, 202} or route in _OUT_OF_REACH_OF_SESSIONS


def test_a_broken_promise_is_found(
    app: HostApp,
    access_key: str,
    url: str,
    unlimited: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The check of the checks: a document that promises less, or another thing, is told."""
    monkeypatch.chdir(tmp_path)
    route = ("GET", "/v1/templates")
    app.template()
    document = create_app(unlimited).openapi()
    operation = document["paths"][route[1]]["get"]
    del operation["responses"]["422"]
    document["components"]["schemas"]["TemplateRead"]["properties"]["name"] = {"type": "integer"}
    headers = {"accesskey": access_key}
    told = "\n".join(ask(document, route, url=url, headers=headers).broken)
    assert "status_code_conformance" in told
    assert "response_schema_conformance" in told
