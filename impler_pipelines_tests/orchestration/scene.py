"""One import job as its three readers see it: the API, the store's rows, the Dagster run.

Everything is real: the control API is served over HTTP, the feed comes from a server on loopback,
rows go to PostgreSQL. Runs are executed in this process, with no waits between their tries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from dagster import DagsterInstance, ExecuteInProcessResult
from sqlalchemy import create_engine, text

from impler_pipelines.control_api.app import create_app
from impler_pipelines.orchestration.jobs import build_job
from impler_pipelines.orchestration.names import RUN_ID_TAG
from impler_pipelines.orchestration.runtime import Runtime, utc_now
from impler_pipelines.settings import Settings
from impler_pipelines.store import import_jobs
from impler_pipelines_tests.control_api.conftest import host_app, serving
from impler_pipelines_tests.control_api.host_app import HostApp
from impler_pipelines_tests.feed_server import FeedServer, Handler, Route
from impler_pipelines_tests.orchestration.feeds import ITEM, rss

PATH = "/feed.xml"
NO_WAITS = (0.0, 0.0, 0.0)
FIRST = rss(("Lamp", "/1", "10.5"), ("Chair", "/2", None))
SECOND = rss(("Lamp", "/1", "11"), ("Chair", "/2", None), ("Desk", "/3", "5"))
FIRST_ROWS = [("/1", "Lamp", 10.5), ("/2", "Chair", None)]
SECOND_ROWS = [("/1", "Lamp", 11.0), ("/2", "Chair", None), ("/3", "Desk", 5.0)]
COLUMNS: list[dict[str, Any]] = [
    {"key": "title", "name": "Title", "isRequired": True},
    {"key": "link", "name": "Link", "isRequired": True, "isUnique": True},
    {"key": "price", "name": "Price", "type": "Double"},
]
MAPPINGS = [{"key": key, "path": f"{ITEM} > {key}"} for key in ("title", "link", "price")]
SECRETS = ("s3cr3t-header", "s3cr3t-query", "s3cr3t-password")


@dataclass(frozen=True)
class Outcome:
    """What one run came to, as the API's Run and ImportJob and as Dagster's events tell it."""

    run: dict[str, Any]
    job: dict[str, Any]
    dagster: ExecuteInProcessResult
    requests: int

    @property
    def failed_step(self) -> str | None:
        """The op that failed."""
        failed = [e.step_key for e in self.dagster.all_events if e.is_step_failure]
        return failed[0] if failed else None

    @property
    def step_failure(self) -> str:
        """The words that a data engineer reads on the failed step."""
        (failure,) = [e.step_failure_data for e in self.dagster.all_events if e.is_step_failure]
        assert failure.user_failure_data is not None
        return failure.user_failure_data.description or ""

    @property
    def tries_again(self) -> list[str]:
        """What each further try of an op gave as its reason."""
        events = [e for e in self.dagster.all_events if e.is_step_up_for_retry]
        errors = [e.step_retry_data.error for e in events]
        return [error.cause.message if error and error.cause else "" for error in errors]


class Scene:
    """An import job on ``/feed.xml`` of a template with one table, and hands to break things."""

    def __init__(
        self, settings: Settings, feeds: FeedServer, instance: DagsterInstance, api: HostApp
    ) -> None:
        self.settings, self.feeds, self.api = settings, feeds, api
        self.retry_waits = NO_WAITS
        self.instance = instance
        self.template: dict[str, Any] = {}
        self.job: dict[str, Any] = {}

    def add_import_job(self, *, mode: str = "upsert", **changes: Any) -> None:
        """Make the template and, on the first feed, the import job; nothing has run yet."""
        self.serve(FIRST, '"v1"')
        self.template = self.api.template(
            columns=COLUMNS, destinations=[{"type": "sql", "table": "products", "mode": mode}]
        )
        body = {
            "url": f"{self.feeds.url(PATH)}?key=s3cr3t-query",
            "authHeaderName": "X-Token",
            "authHeaderValue": "s3cr3t-header",
            "externalUserId": "ann",
            "mappings": MAPPINGS,
            "interval": {"every": 1, "unit": "hours"},
            "runNow": False,
        }
        path = f"/v1/import-jobs/{self.template['_id']}"
        self.job = self.api.ok("POST", path, body | changes, status=201)

    def serve(self, content: str | bytes, etag: str | None = None) -> None:
        """Let the feed be ``content`` from now on; with a validator, 304 for whoever has it."""
        headers = {"Content-Type": "application/xml"} | ({"ETag": etag} if etag else {})
        self.feeds.routes[PATH] = (200, headers, content)

    def answer(self, route: Route) -> None:
        """Let the feed's address answer like that from now on."""
        self.feeds.routes[PATH] = route

    def change(self, **changes: Any) -> dict[str, Any]:
        """``PUT`` the import job."""
        changed: dict[str, Any] = self.api.ok("PUT", f"/v1/import-jobs/{self.job_id}", changes)
        return changed

    def change_template(self, **changes: Any) -> dict[str, Any]:
        """``PUT`` the template."""
        path = f"/v1/templates/{self.template['_id']}"
        self.template = self.api.ok("PUT", path, changes)
        return self.template

    def map(self, *mappings: dict[str, str]) -> None:
        """``PUT`` the mappings."""
        self.api.ok("PUT", f"/v1/import-jobs/{self.job_id}/mappings", {"mappings": list(mappings)})

    def move_feed(self, url: str) -> None:
        """Let the import job point to ``url``, unseen by the API, which would look at it first."""
        runtime = Runtime(self.settings)
        with runtime.transaction() as connection:
            changes = {"url": url}
            import_jobs.update_import_job(connection, self.job_id, now=utc_now(), changes=changes)
        runtime.engine.dispose()

    def set(self, **settings: Any) -> None:
        """Let the runs from now on have other settings; the API goes on with its own."""
        self.settings = self.settings.model_copy(update=settings)

    @property
    def job_id(self) -> str:
        """The import job's id."""
        return str(self.job["_id"])

    def run_asked(self, run: dict[str, Any]) -> Outcome:
        """Run the import job for a Run that was asked for by the API."""
        return self.run({RUN_ID_TAG: run["_id"]})

    def run(self, tags: dict[str, str] | None = None) -> Outcome:
        """Run the import job, and look at it from all sides."""
        before = len(self.feeds.requests)
        runtime = Runtime(self.settings, retry_waits=self.retry_waits)
        try:
            result = build_job(runtime, self.job_id).execute_in_process(
                instance=self.instance, raise_on_error=False, tags=tags
            )
        finally:
            runtime.engine.dispose()
        requests = len(self.feeds.requests) - before
        told = repr(self.instance.all_logs(result.run_id))
        assert not [secret for secret in SECRETS if secret in told]
        path = f"/v1/import-jobs/{self.job_id}"
        run = self.api.ok("GET", f"{path}/runs?limit=1")[0]
        return Outcome(run, self.api.ok("GET", path), result, requests)

    def logged(self, words: str) -> bool:
        """Whether the last run's log has these words."""
        last = self.instance.get_runs(limit=1)[0].run_id
        return any(words in entry.user_message for entry in self.instance.all_logs(last))

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Do by hand what a person does to the destination."""
        engine = create_engine(self.settings.default_destination_url)
        try:
            with engine.begin() as connection:
                result = connection.execute(text(statement))
                return [tuple(row) for row in result] if result.returns_rows else []
        finally:
            engine.dispose()

    def rows(self, table: str = "products") -> list[tuple[Any, ...]]:
        """What the destination holds."""
        return self.sql(f"SELECT link, title, price FROM imports.{table} ORDER BY link")

    @contextmanager
    def api_with_these_settings(self) -> Iterator[HostApp]:
        """The control API, started anew with the settings that the runs have now."""
        key = self.api.http.headers["accesskey"]
        with serving(create_app(self.settings)) as url, host_app(url, key) as app:
            yield app


def cut(content: str, *, chunked: bool = False) -> Callable[[Handler], None]:
    """An answer that promises all of ``content``, sends half of it, and hangs up."""

    def route(handler: Handler) -> None:
        half = content[: len(content) // 2].encode()
        handler.send_response(200)
        if chunked:
            handler.send_header("Transfer-Encoding", "chunked")
        else:
            handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(half), half) if chunked else half)
        handler.close_connection = True

    return route


def stubborn(content: str) -> Callable[[Handler], None]:
    """A server that answers 304 to whoever asks conditionally, whatever has changed."""

    def route(handler: Handler) -> None:
        asked = handler.headers.get("If-None-Match") or handler.headers.get("If-Modified-Since")
        handler.answer(304 if asked else 200, {"ETag": f'"{len(content)}"'}, content)

    return route


def in_turn(*routes: tuple[int, dict[str, str], str]) -> Callable[[Handler], None]:
    """One answer after the other; the last one stays."""
    left = list(routes)

    def route(handler: Handler) -> None:
        handler.answer(*(left.pop(0) if len(left) > 1 else left[0]))

    return route
