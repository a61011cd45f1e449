"""What a person reads in Dagster: metadata of every op, failures, retries, the tables' assets."""

from __future__ import annotations

import datetime as dt
import socket
from collections.abc import Mapping
from typing import Any

import pytest
from dagster import (
    AssetKey,
    AssetMaterialization,
    DagsterEventType,
    ExecuteInProcessResult,
)
from sqlalchemy import create_engine, text

from impler_pipelines.errors import FeedRefused, FeedUnavailable, MappingInvalid
from impler_pipelines.model import Column, Filter, SourceAuth, SqlDestination, Trigger
from impler_pipelines.orchestration import reporting
from impler_pipelines.orchestration.assets import asset_key
from impler_pipelines.orchestration.names import (
    EXTERNAL_USER_TAG,
    FEED_HOST_TAG,
    IMPORT_JOB_TAG,
    RUN_ID_TAG,
    TEMPLATE_TAG,
    TRIGGER_TAG,
)
from impler_pipelines.orchestration.runtime import utc_now
from impler_pipelines.store import templates
from impler_pipelines_tests.feed_server import Handler
from impler_pipelines_tests.orchestration.conftest import FEED, World, rss

PRODUCTS = AssetKey(["imports", "products"])
QUERY = "token=hunter2"


def entries(result: ExecuteInProcessResult, op: str) -> Mapping[str, Any]:
    """The metadata of an op's output."""
    (event,) = [e for e in result.events_for_node(op) if e.is_successful_output]
    return {name: entry.value for name, entry in event.step_output_data.metadata.items()}


def load_of(result: ExecuteInProcessResult) -> AssetMaterialization:
    """The one materialization of a run."""
    (event,) = result.get_asset_materialization_events()
    return event.materialization


def values(event: AssetMaterialization) -> Mapping[str, Any]:
    """The metadata of an event of an asset."""
    return {name: entry.value for name, entry in event.metadata.items()}


def unused_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class TestOps:
    def test_fetch_feed(self, world: World) -> None:
        found = entries(world.execute(world.add_import_job()), "fetch_feed")
        assert found["source"] == world.feeds.url("/feed.xml")
        assert (found["HTTP status"], found["bytes"]) == (200, len(FEED.encode()))
        assert isinstance(found["seconds"], float)
        assert found["MB per second"] >= 0
        assert found["content type"] == "not given"

    def test_extract_records(self, world: World) -> None:
        found = entries(world.execute(world.add_import_job()), "extract_records")
        assert (found["records"], found["warnings"]) == (3, 0)
        assert found["record path"] == "rss > channel > item"
        assert isinstance(found["seconds"], float)
        assert found["MB per second"] >= 0
        assert "what was warned of" not in found

    def test_extract_records_lists_its_warnings(self, world: World) -> None:
        world.feeds.routes["/feed.xml"] = (200, {}, rss(("Lamp", "/1", None)))
        found = entries(world.execute(world.add_import_job()), "extract_records")
        assert found["warnings"] == 1
        assert found["what was warned of"] == (
            "- No record has a value at rss \\> channel \\> item \\> price."
        )

    def test_map_columns(self, world: World) -> None:
        job = world.add_import_job(filters=(Filter("title", "startsWith", "R"),))
        found = entries(world.execute(job), "map_columns")
        counts = [found[name] for name in ("records", "filtered", "valid", "rejected")]
        assert counts == [3, 2, 0, 1]
        assert found["records per second"] > 0
        assert found["rejects by reason"].splitlines() == [
            "| column | rule | records |",
            "| --- | --- | --- |",
            "| price | double | 1 |",
        ]

    def test_map_columns_shows_a_few_rows_and_rejects(self, world: World) -> None:
        found = entries(world.execute(world.add_import_job()), "map_columns")
        assert found["first rows"].splitlines() == [
            "| title | link | price |",
            "| --- | --- | --- |",
            "| Lamp | /1 | 10.5 |",
            "| Chair | /2 |  |",
        ]
        assert (
            found["first rejects"].splitlines()[2].startswith("| 2 | price | double | no number |")
        )

    def test_values_stay_out_of_it_where_the_setting_says_so(self, world: World) -> None:
        settings = world.runtime.settings.model_copy(update={"preview_rows": 0})
        world.runtime.settings = settings
        result = world.execute(world.add_import_job())
        found = entries(result, "map_columns")
        assert not {"first rows", "first rejects"} & found.keys()
        assert found["rejects by reason"].endswith("| price | double | 1 |")
        logged = repr(world.instance.all_logs(result.run_id))
        assert not [value for value in ("Lamp", "Chair", "no number") if value in logged]


class TestLoad:
    def test_what_the_load_did(self, world: World) -> None:
        job = world.add_import_job()
        first = world.runs(job)[0]
        load = load_of(world.execute(job, **{RUN_ID_TAG: first.id}))
        found = values(load)
        assert load.asset_key == PRODUCTS
        counts = ("inserted", "updated", "unchanged", "deleted", "rejected")
        assert [found[name] for name in counts] == [2, 0, 0, 0, 1]
        assert (found["import job"], found["user"], found["run"]) == (job.id, "ann", first.id)
        assert isinstance(found["seconds"], float)
        assert found["rows per second"] > 0
        assert load.description == (
            f"Import job {job.id} of ann:"
            " 2 inserted, 0 updated, 0 unchanged, 0 deleted, 1 rejected."
        )

    def test_the_number_of_rows_is_that_of_the_whole_table(self, world: World) -> None:
        world.execute(world.add_import_job())
        world.feeds.routes["/feed.xml"] = (200, {}, rss(("Lamp", "/1", "1")))
        load = load_of(world.execute(world.add_import_job(external_user_id="bob")))
        assert (values(load)["inserted"], values(load)["dagster/row_count"]) == (1, 3)

    def test_the_table_and_its_columns(self, world: World) -> None:
        found = values(load_of(world.execute(world.add_import_job())))
        on_postgres = not world.runtime.settings.destination_url
        name = found["dagster/table_name"]
        assert name.endswith(".imports.products") if on_postgres else name == "products"
        columns = {column.name: column for column in found["dagster/column_schema"].columns}
        assert list(columns) == [
            *("title", "link", "price"),
            *("_import_job_id", "_external_user_id", "_run_id", "_row_key", "_loaded_at"),
        ]
        assert columns["price"].type == ("DOUBLE PRECISION" if on_postgres else "DOUBLE")
        assert (columns["price"].description, columns["price"].constraints.nullable) == (
            "Price",
            True,
        )
        assert not columns["_row_key"].constraints.nullable

    @pytest.mark.parametrize("world", ["store"], indirect=True)
    def test_rows_that_cannot_be_counted_do_not_fail_the_load(self, world: World) -> None:
        """As a table that may be written but is locked against being read for the time."""
        from impler_pipelines.orchestration.loading import describe_destination
        from impler_pipelines.store import plans

        job = world.add_import_job()
        with world.runtime.transaction() as connection:
            plan = plans.load_plan(connection, world.runtime.secrets, job.id)
        said: list[str] = []
        described, rows = describe_destination(
            world.runtime, plan, plan.destinations[0], said.append
        )
        assert described.name.endswith(".imports.products")
        assert rows is None
        assert "not counted" in said[0]


class TestUnchanged:
    def test_the_run_says_so(self, world: World) -> None:
        job = world.add_import_job()
        world.execute(job)
        found = entries(world.execute(job), "fetch_feed")
        assert (found["result"], found["HTTP status"], found["bytes"]) == ("unchanged", 304, 0)
        assert "304 Not Modified" in found["why"]
        assert "skipped" in found["why"]

    def test_the_same_bytes_are_told_from_a_304(self, world: World) -> None:
        world.feeds.routes["/feed.xml"] = (200, {}, FEED)
        job = world.add_import_job()
        world.execute(job)
        assert "same bytes" in entries(world.execute(job), "fetch_feed")["why"]

    def test_the_tables_plots_are_left_alone(self, world: World) -> None:
        job = world.add_import_job()
        world.execute(job)
        result = world.execute(job)
        of_assets = {DagsterEventType.ASSET_OBSERVATION, DagsterEventType.ASSET_MATERIALIZATION}
        assert not [e for e in result.all_events if e.event_type in of_assets]


class TestFailures:
    def test_the_message_comes_first_and_alone(self, world: World) -> None:
        world.feeds.routes["/feed.xml"] = (404, {}, "gone")
        failure = world.execute(world.add_import_job()).failure_data_for_node("fetch_feed")
        assert failure is not None
        assert failure.user_failure_data is not None
        assert "404" in failure.user_failure_data.description
        assert failure.error.cause is None
        assert failure.error.context is None
        found = {k: v.value for k, v in failure.user_failure_data.metadata.items()}
        assert (found["error"], found["HTTP status"]) == ("FeedRefused", 404)
        assert found[reporting.CAUSE] == {"code": "feed_refused", "status": 404}
        assert found["tries in this run"] == 1
        assert "not tried again" in found["next try"]

    def test_a_retry_says_why_and_when(self, world: World) -> None:
        answers = iter([503, 200])

        def route(handler: Handler) -> None:
            status = next(answers)
            handler.answer(status, {"Retry-After": "1"}, FEED if status == 200 else "")

        world.feeds.routes["/feed.xml"] = route
        result = world.execute(world.add_import_job())
        (event,) = [e for e in result.all_events if e.is_step_up_for_retry]
        cause = event.step_retry_data.error.cause
        assert "503" in cause.message
        assert (cause.stack, cause.cause, cause.context) == ([], None, None)
        messages = [log.user_message for log in world.instance.all_logs(result.run_id)]
        assert [m for m in messages if "503" in m and "Try 2 of 4 in 2 s, at " in m]

    @pytest.mark.parametrize(
        ("error", "expected"),
        [
            pytest.param(
                FeedUnavailable("u", "the server answered 429", status=429, retry_after=7200),
                {"HTTP status": 429, "asked to wait, seconds": 7200.0},
                id="long-wait",
            ),
            pytest.param(FeedRefused("u", "r", status=410), {"HTTP status": 410}, id="final"),
            pytest.param(MappingInvalid("gone"), {"error": "MappingInvalid"}, id="mapping"),
        ],
    )
    def test_what_is_known_of_an_error(
        self, error: FeedUnavailable | FeedRefused, expected: dict[str, Any]
    ) -> None:
        found = reporting.failed(error, tries=1)
        assert {name: found[name] for name in expected} == expected
        assert ("next try" in found) == isinstance(error, FeedRefused | MappingInvalid)

    def test_causes_are_named_by_class(self) -> None:
        error = FeedUnavailable("u", "no connection to the server")
        error.__cause__ = ConnectionRefusedError(f"https://x/?{QUERY}")
        assert reporting.failed(error, tries=4)["caused by"] == "ConnectionRefusedError"


class TestSecrets:
    """URL, query, userinfo, auth header and destination: nowhere in what Dagster stores."""

    SECRETS = ("hunter2", "s3cret", "pass-word")

    def job(self, world: World, url: str) -> Any:
        return world.add_import_job(url=url, auth=SourceAuth("X-Token", "s3cret"))

    def assert_nothing_shows(self, world: World, result: ExecuteInProcessResult) -> None:
        run = world.instance.get_run_by_id(result.run_id)
        stored = repr((run, world.instance.all_logs(result.run_id)))
        assert [secret for secret in self.SECRETS if secret in stored] == []

    def url(self, world: World, path: str = "/feed.xml") -> str:
        return world.feeds.url(f"{path}?{QUERY}").replace("://", "://ann:pass-word@")

    def test_success_and_unchanged(self, world: World) -> None:
        job = self.job(world, self.url(world))
        for _ in range(2):
            self.assert_nothing_shows(world, world.execute(job))

    def test_refused(self, world: World) -> None:
        result = world.execute(self.job(world, self.url(world, "/nothing.xml")))
        assert not result.success
        self.assert_nothing_shows(world, result)

    def test_a_connection_that_is_refused_and_tried_again(self, world: World) -> None:
        """The HTTP client's own messages hold the path with its query."""
        world.runtime.retry_waits = (0.0,)
        result = world.execute(
            self.job(world, f"http://ann:pass-word@127.0.0.1:{unused_port()}/feed.xml?{QUERY}")
        )
        assert not result.success
        assert [e for e in result.all_events if e.is_step_up_for_retry]
        self.assert_nothing_shows(world, result)


class TestTags:
    def test_every_run_can_be_filtered(self, world: World) -> None:
        job = world.add_import_job(run_now=False)
        result = world.execute(job)
        run = world.instance.get_run_by_id(result.run_id)
        assert run is not None
        expected = {
            RUN_ID_TAG: world.runs(job)[0].id,
            IMPORT_JOB_TAG: job.id,
            EXTERNAL_USER_TAG: "ann",
            TEMPLATE_TAG: world.template_id,
            FEED_HOST_TAG: "127.0.0.1",
            TRIGGER_TAG: Trigger.MANUAL.value,
        }
        assert {name: run.tags.get(name) for name in expected} == expected


class TestPreviews:
    def test_hostile_headers_and_values_stay_in_their_cells(self, world: World) -> None:
        keys = ("a|b", "c`d")
        with world.runtime.transaction() as connection:
            templates.update_template(
                connection,
                world.runtime.secrets,
                project_id=world.project_id,
                template_id=world.template_id,
                now=utc_now(),
                columns=(Column("title", "Title"), *(Column(key, key) for key in keys)),
            )
        feed = rss(("x | y\n\n# z <img src=x> `code` [l](javascript:1) " + "w" * 200, "/1", None))
        world.feeds.routes["/feed.xml"] = (
            200,
            {},
            feed.replace("<img src=x>", "&lt;img src=x&gt;"),
        )
        shown = entries(world.execute(world.add_import_job()), "map_columns")["first rows"]
        lines = shown.splitlines()
        assert lines[0] == "| title | a\\|b | c\\`d |"
        assert len(lines) == 3
        assert lines[2].startswith(
            "| x \\| y \\# z \\<img src=x\\> \\`code\\` \\[l\\](javascript:1) ww"
        )
        assert lines[2].endswith("w… |  |  |")


class TestAssetKeys:
    @pytest.mark.parametrize(
        ("url", "key"),
        [
            pytest.param(None, ["imports", "t"], id="default"),
            pytest.param(
                "postgresql://u:p@db.example:5432/shop",
                ["imports", "db.example", "shop", "t"],
                id="own",
            ),
            pytest.param(
                "postgresql://db.example/shop", ["imports", "db.example", "shop", "t"], id="public"
            ),
        ],
    )
    def test_tell_databases_apart_and_show_no_login(self, url: str | None, key: list[str]) -> None:
        assert asset_key(SqlDestination("1", "t", url=url)) == AssetKey(key)


def test_a_count_reads_the_table_as_it_is(world: World) -> None:
    """Rows that others have put there count, too."""
    job = world.add_import_job()
    world.execute(job)
    engine = create_engine(world.runtime.settings.default_destination_url)
    schema = "" if world.runtime.settings.destination_url else "imports."
    with engine.begin() as connection:
        connection.execute(text(f"DELETE FROM {schema}products"))
    engine.dispose()
    world.feeds.routes["/feed.xml"] = (200, {}, rss(("Lamp", "/1", "1")))
    assert values(load_of(world.execute(job)))["dagster/row_count"] == 1


def test_retries_are_announced_in_utc() -> None:
    at = dt.datetime(2026, 11, 2, 8, 30, tzinfo=dt.UTC)
    error = FeedUnavailable("https://x/feed", "the server answered 503")
    assert reporting.retrying(error, tried=1, most=4, wait=8, at=at) == (
        "https://x/feed could not be fetched: the server answered 503."
        " Try 2 of 4 in 8 s, at 08:30:00 UTC."
    )
