"""Every request that changes something leaves one row of the audit log, by its key and its id."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, update

from impler_pipelines.control_api.app import create_app
from impler_pipelines.model import PageStatus, RunStatus
from impler_pipelines.settings import Settings
from impler_pipelines.store.audit import AuditEntry, list_audit
from impler_pipelines.store.engine import transaction
from impler_pipelines.store.projects import find_access_key
from impler_pipelines.store.tables import audit_log, import_jobs, runs, webhook_pages
from impler_pipelines_tests.control_api.host_app import COLUMNS, FEED, MAPPINGS, HostApp
from impler_pipelines_tests.feed_server import FeedServer

SECRETS = ("hush", "s3cret", "Lamp", "ann", "token=")
CHANGE_NOTHING = {
    ("POST", "/v1/feeds/inspect"),
    ("POST", "/v1/feeds/preview"),
    ("POST", "/v1/import-jobs/{jobId}/preview"),
    ("POST", "/v1/schedules/preview"),
    ("POST", "/v1/sessions"),  # it is stored nowhere
}
READS = {"GET", "HEAD", "OPTIONS"}


@dataclass
class Office:
    """A host app with an import job, and what the store can be made to hold beside."""

    app: HostApp
    feeds: FeedServer
    engine: Engine
    key: str
    made: dict[str, str] = field(default_factory=dict)

    def change(self, table: Any, row_id: str, **values: Any) -> None:
        with transaction(self.engine) as connection:
            connection.execute(update(table).where(table.c.id == row_id).values(**values))

    def template(self, **changes: Any) -> str:
        self.made["template_id"] = str(self.app.template(**changes)["_id"])
        return self.made["template_id"]

    def job(self, **changes: Any) -> str:
        job = self.app.import_job(
            self.feeds, authHeaderName="X-Token", authHeaderValue="s3cret", **changes
        )
        self.made |= {"template_id": job["_templateId"], "import_job_id": job["_id"]}
        return str(job["_id"])

    def run(self, job_id: str, **values: Any) -> str:
        run_id = str(self.app.ok("GET", f"/v1/import-jobs/{job_id}/runs")[0]["_id"])
        self.change(runs, run_id, **values)
        return run_id

    def dead_page(self) -> str:
        hook = {"type": "webhook", "callbackUrl": "http://127.0.0.1:9/hook?token=hush"}
        template = self.app.template(destinations=[hook])
        job = self.app.import_job(self.feeds, template)
        page_id = f"msg_{secrets.token_hex(8)}"
        self.made |= {"template_id": template["_id"], "import_job_id": job["_id"]}
        self.made["run_id"] = self.run(job["_id"], status=RunStatus.SUCCESS)
        with transaction(self.engine) as connection:
            connection.execute(
                insert(webhook_pages).values(
                    id=page_id,
                    destination_id=template["destinations"][0]["_id"],
                    **self.made,
                    page=1,
                    total_pages=1,
                    total_records=1,
                    records=1,
                    is_invalid=False,
                    chunk_size=1,
                    extra={},
                    data=b'[{"title": "Lamp"}]',
                    status=PageStatus.DEAD,
                )
            )
        return page_id

    def entries(self, request_id: str) -> list[AuditEntry]:
        with transaction(self.engine) as connection:
            key = find_access_key(connection, self.key)
            assert key is not None
            found = list_audit(connection, limit=100, project_id=key.project_id)
        return [entry for entry in found if entry.request_id == request_id]


Sent = tuple[str, dict[str, Any]]
ONE = "/v1/import-jobs"
USER = "/v1/import-jobs/user"
LEGACY = "/v1/import-job/user"


def _paused(office: Office) -> str:
    job_id = office.job()
    office.app.ok("PUT", f"{USER}/{job_id}/pause")
    return job_id


def _json(path: str, body: Any) -> Sent:
    return path, {"json": body}


def _create_job(office: Office) -> Sent:
    body = {
        "url": f"{office.feeds.serve('/feed.xml', FEED)}?token=hush",
        "externalUserId": "ann",
        "authHeaderName": "X-Token",
        "authHeaderValue": "s3cret",
        "mappings": MAPPINGS,
    }
    return _json(f"{ONE}/{office.template()}", body)


def _edit_job(office: Office) -> Sent:
    return _json(f"{ONE}/{office.job()}", {"authHeaderValue": "s3cret", "timezone": "UTC"})


def _rejects(office: Office) -> Sent:
    job_id = office.job()
    run_id = office.run(job_id, status=RunStatus.SUCCESS, invalid=3)
    return f"{ONE}/{job_id}/runs/{run_id}/rejects/retry", {}


def _held(office: Office) -> Sent:
    job_id = office.job()
    run_id = office.run(job_id, status=RunStatus.FAILED, deletions_held=7)
    return f"{ONE}/{job_id}/runs/{run_id}/confirm-deletions", {}


def _to_cancel(office: Office) -> Sent:
    job_id = office.job()
    return f"{ONE}/{job_id}/runs/{office.run(job_id, status=RunStatus.QUEUED)}/cancel", {}


def _failed(office: Office) -> Sent:
    job_id = office.job()
    return f"{ONE}/{job_id}/runs/{office.run(job_id, status=RunStatus.FAILED)}/retry", {}


def _with_webhook(office: Office) -> Sent:
    office.app.ok("PUT", "/v1/project/webhook", {"callbackUrl": "http://127.0.0.1:9/hook"})
    return "/v1/project/webhook", {}


def _asked(office: Office) -> Sent:
    job_id = office.job()
    office.run(job_id, status=RunStatus.SUCCESS)
    return f"{ONE}/{job_id}/runs", {}


def _upload(office: Office) -> Sent:
    path = f"/v1/uploads/{office.template(mode='manual')}"
    file = ("stock.csv", b"Title,Link\nLamp,/1\n", "text/csv")
    return path, {"files": {"file": file}, "data": {"externalUserId": "ann"}}


def _page(office: Office) -> Sent:
    office.made["page_id"] = office.dead_page()
    return f"/v1/webhook-pages/{office.made['page_id']}/retry", {}


def _pages(office: Office) -> Sent:
    office.dead_page()
    del office.made["template_id"], office.made["run_id"]  # the request names the import job alone
    return _json("/v1/webhook-pages/retry", {"jobId": office.made["import_job_id"]})


CHANGES: dict[tuple[str, str], tuple[str, Callable[[Office], Sent]]] = {
    ("POST", "/v1/templates"): (
        "template.created",
        lambda _: _json("/v1/templates", {"name": secrets.token_hex(8), "columns": COLUMNS}),
    ),
    ("PUT", "/v1/templates/{templateId}"): (
        "template.edited",
        lambda o: _json(f"/v1/templates/{o.template()}", {"name": "Other"}),
    ),
    ("DELETE", "/v1/templates/{templateId}"): (
        "template.deleted",
        lambda o: (f"/v1/templates/{o.template()}", {}),
    ),
    ("POST", "/v1/import-jobs/{templateId}"): ("import_job.created", _create_job),
    ("PUT", "/v1/import-jobs/{jobId}"): ("import_job.edited", _edit_job),
    ("PUT", "/v1/import-jobs/{jobId}/mappings"): (
        "import_job.mapped",
        lambda o: _json(f"{ONE}/{o.job()}/mappings", MAPPINGS),
    ),
    ("DELETE", "/v1/import-jobs/{jobId}"): (
        "import_job.deleted",
        lambda o: (f"{ONE}/{o.job()}", {}),
    ),
    ("PUT", "/v1/import-jobs/user/{jobId}/pause"): (
        "import_job.paused",
        lambda o: (f"{USER}/{o.job()}/pause", {}),
    ),
    ("PUT", "/v1/import-jobs/user/{jobId}/resume"): (
        "import_job.resumed",
        lambda o: (f"{USER}/{_paused(o)}/resume", {}),
    ),
    ("DELETE", "/v1/import-jobs/user/{externalUserId}/{jobId}"): (
        "import_job.deleted",
        lambda o: (f"{USER}/ann/{o.job()}", {}),
    ),
    ("GET", "/v1/import-job/user/{jobId}/pause"): (
        "import_job.paused",
        lambda o: (f"{LEGACY}/{o.job()}/pause", {}),
    ),
    ("GET", "/v1/import-job/user/{jobId}/resume"): (
        "import_job.resumed",
        lambda o: (f"{LEGACY}/{_paused(o)}/resume", {}),
    ),
    ("GET", "/v1/import-job/user/{externalUserId}/{jobId}"): (
        "import_job.deleted",
        lambda o: (f"{LEGACY}/ann/{o.job()}", {}),
    ),
    ("POST", "/v1/import-jobs/{jobId}/runs"): ("run.asked", _asked),
    ("POST", "/v1/import-jobs/{jobId}/runs/{runId}/cancel"): ("run.cancelled", _to_cancel),
    ("POST", "/v1/import-jobs/{jobId}/runs/{runId}/retry"): ("run.retried", _failed),
    ("PUT", "/v1/project/origins"): (
        "project_origins.set",
        lambda _: _json("/v1/project/origins", {"origins": ["https://app.example"]}),
    ),
    ("PUT", "/v1/project/webhook"): (
        "project_webhook.set",
        lambda _: _json("/v1/project/webhook", {"callbackUrl": "http://127.0.0.1:9/?token=hush"}),
    ),
    ("DELETE", "/v1/project/webhook"): ("project_webhook.removed", _with_webhook),
    ("POST", "/v1/import-jobs/{jobId}/runs/{runId}/confirm-deletions"): (
        "run.deletions_confirmed",
        _held,
    ),
    ("POST", "/v1/import-jobs/{jobId}/runs/{runId}/rejects/retry"): (
        "run.rejects_retried",
        _rejects,
    ),
    ("POST", "/v1/uploads/{templateId}"): ("import_job.uploaded", _upload),
    ("POST", "/v1/webhook-pages/retry"): ("webhook.sent_again", _pages),
    ("POST", "/v1/webhook-pages/{pageId}/retry"): ("webhook.sent_again", _page),
}


@pytest.fixture
def office(app: HostApp, feed_server: FeedServer, engine: Engine, access_key: str) -> Office:
    return Office(app, feed_server, engine, access_key)


def test_every_route_that_changes_something_is_here(settings: Settings) -> None:
    openapi = create_app(settings).openapi()["paths"]
    changing = {
        (method.upper(), path)
        for path, operations in openapi.items()
        for method, operation in operations.items()
        if method.upper() not in READS or operation.get("deprecated")
    }
    assert set(CHANGES) == changing - CHANGE_NOTHING


@pytest.mark.parametrize(
    ("method", "action", "prepare"),
    [pytest.param(route[0], *one, id=" ".join(route)) for route, one in CHANGES.items()],
)
def test_one_row(
    office: Office, method: str, action: str, prepare: Callable[[Office], Sent]
) -> None:
    path, options = prepare(office)
    request_id = secrets.token_hex(8)
    answer = office.app.call(method, path, headers={"X-Request-Id": request_id}, **options)
    assert answer.is_success, answer.text
    (entry,) = office.entries(request_id)
    assert entry.action == action
    with transaction(office.engine) as connection:
        key = find_access_key(connection, office.key)
    assert key is not None
    assert (entry.actor, entry.project) == (key.id, key.project)
    for name, identifier in office.made.items():
        assert getattr(entry, name) == identifier
    assert not [word for word in SECRETS if word in str(entry.outcome)]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("PUT", f"{USER}/{{job}}/resume", 409, id="not-paused"),
        pytest.param("POST", f"{ONE}/{{job}}/runs", 202, id="a-run-is-queued-already"),
        pytest.param("DELETE", "/v1/templates/{template}", 409, id="has-import-jobs"),
        pytest.param("PUT", f"{ONE}/{{job}}", 422, id="not-acceptable"),
        pytest.param("POST", "/v1/webhook-pages/retry", 202, id="no-page-is-dead"),
        pytest.param("GET", f"{ONE}/{{job}}", 200, id="read"),
    ],
)
def test_no_row_where_nothing_was_changed(
    office: Office, method: str, path: str, status: int
) -> None:
    job_id = office.job()
    target = path.format(job=job_id, template=office.made["template_id"])
    body = {"timezone": "Mars/Base"} if method == "PUT" and status == 422 else {}
    options = {"headers": {"X-Request-Id": "nothing-done"}}
    answer = office.app.call(method, target, body if method in {"PUT", "POST"} else None, **options)
    assert answer.status_code == status
    assert office.entries("nothing-done") == []


def test_a_second_pause_has_no_row(office: Office) -> None:
    job_id = _paused(office)
    options = {"headers": {"X-Request-Id": "again"}}
    assert office.app.call("PUT", f"{USER}/{job_id}/pause", **options).status_code == 200
    assert office.entries("again") == []


def test_what_fails_later_in_the_request_leaves_neither(office: Office) -> None:
    """The table refuses the row: the change it would tell of is not made."""
    job_id = office.job()
    constraint = f"refused_{secrets.token_hex(4)}"
    with office.engine.begin() as connection:
        connection.exec_driver_sql(
            f"ALTER TABLE impler.audit_log ADD CONSTRAINT {constraint}"
            f" CHECK (import_job_id <> '{job_id}') NOT VALID"
        )
    try:
        office.app.refused(500, "PUT", f"{USER}/{job_id}/pause")
    finally:
        with office.engine.begin() as connection:
            connection.exec_driver_sql(f"ALTER TABLE impler.audit_log DROP CONSTRAINT {constraint}")
    with transaction(office.engine) as connection:
        status = connection.scalar(select(import_jobs.c.status).where(import_jobs.c.id == job_id))
        told = connection.scalars(
            select(audit_log.c.action).where(audit_log.c.import_job_id == job_id)
        ).all()
    assert (status, told) == ("RUNNING", ["import_job.created"])
