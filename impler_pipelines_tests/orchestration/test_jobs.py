"""Whole jobs in this process: success, unchanged, terminal, transient, cancelled, re-executed."""

from __future__ import annotations

import threading
import time

import pytest
from dagster import DagsterRunStatus, ExecuteInProcessResult

from impler_pipelines.errors import DestinationRefused
from impler_pipelines.model import FieldMapping, Filter, ImportJobStatus, RunStatus, Trigger
from impler_pipelines.orchestration import failures
from impler_pipelines.orchestration.names import RUN_ID_TAG
from impler_pipelines.orchestration.places import all_rows_stand
from impler_pipelines.orchestration.runtime import Runtime, utc_now
from impler_pipelines.store import import_jobs, plans, runs, templates
from impler_pipelines.store.destinations import TableSpec
from impler_pipelines_tests.feed_server import Handler
from impler_pipelines_tests.orchestration.conftest import FEED, ITEM, World, rss
from impler_pipelines_tests.orchestration.scene import COLUMNS, FIRST_ROWS, SECOND, Scene


class TestSuccess:
    def test_each_record_keeps_its_own_values(self, world: World) -> None:
        job = world.add_import_job()
        first = world.runs(job)[0]
        assert world.execute(job, **{RUN_ID_TAG: first.id}).success
        assert [tuple(r) for r in world.rows()] == [
            ("Lamp", "/1", 10.5, first.id),
            ("Chair", "/2", None, first.id),
        ]

    def test_the_run_says_what_happened(self, world: World) -> None:
        job = world.add_import_job()
        first = world.runs(job)[0]
        world.execute(job, **{RUN_ID_TAG: first.id})
        run = world.runs(job)[0]
        assert (run.id, run.status, run.trigger) == (first.id, RunStatus.SUCCESS, Trigger.FIRST)
        assert (run.records, run.filtered, run.valid, run.invalid) == (3, 0, 2, 1)
        assert (run.inserted, run.updated, run.unchanged, run.deleted) == (2, 0, 0, 0)
        assert (run.http_status, run.bytes, run.attempts) == (200, len(FEED.encode()), 1)
        assert run.started_at
        assert run.ended_at
        assert run.ended_at >= run.started_at

    def test_the_reject_has_its_reason(self, world: World) -> None:
        job = world.add_import_job()
        world.execute(job)
        with world.runtime.transaction() as connection:
            (reject,) = runs.list_rejects(connection, world.runs(job)[0].id)
        assert reject.index == 2
        assert [(e.column, e.value) for e in reject.errors] == [("price", "no number")]

    def test_the_import_job_shows_the_totals(self, world: World) -> None:
        job = world.add_import_job()
        world.execute(job)
        seen = world.read(job)
        assert (seen.total_records, seen.valid_records, seen.invalid_records) == (3, 2, 1)
        assert seen.last_run is not None
        assert seen.last_error is None

    def test_the_secret_is_sent_and_shown_nowhere(self, world: World) -> None:
        job = world.add_import_job()
        result = world.execute(job)
        assert world.feeds.requests[0].header("X-Token") == "s3cret"
        logged = world.instance.all_logs(result.run_id)
        assert "s3cret" not in repr(logged)

    def test_artifacts_of_a_success_are_removed(self, world: World) -> None:
        job = world.add_import_job()
        world.execute(job)
        artifacts = world.runtime.settings.home / "artifacts"
        left = [p for p in artifacts.rglob("*") if p.is_file()]
        # The feed alone, for its reject.
        assert {p.parent.name for p in left} == {f"kept-{job.id}"}
        world.feeds.routes["/feed.xml"] = (200, {}, rss(("Lamp", "/1", "10.5")))
        world.execute(job)
        assert [p for p in artifacts.rglob("*") if p.is_file()] == []

    def test_a_run_started_in_the_ui_is_a_manual_run_with_tags(self, world: World) -> None:
        job = world.add_import_job(run_now=False)
        result = world.execute(job)
        (run,) = world.runs(job)
        assert (run.trigger, run.status) == (Trigger.MANUAL, RunStatus.SUCCESS)
        dagster_run = world.instance.get_run_by_id(result.run_id)
        assert dagster_run is not None
        assert dagster_run.tags[RUN_ID_TAG] == run.id


class TestUnchanged:
    def test_a_304_ends_the_run_and_skips_the_rest(self, world: World) -> None:
        job = world.add_import_job()
        world.execute(job)
        result = world.execute(job)
        assert result.success
        assert {e.step_key for e in result.all_events if e.is_step_skipped} == {
            "extract_records",
            "map_columns",
            "load_rows",
        }
        assert world.feeds.requests[-1].header("If-None-Match") == '"v1"'
        run = world.runs(job)[0]
        assert (run.status, run.http_status, run.inserted) == (RunStatus.UNCHANGED, 304, None)

    def test_the_same_bytes_without_validators(self, world: World) -> None:
        world.feeds.routes["/feed.xml"] = (200, {}, FEED)
        job = world.add_import_job()
        world.execute(job)
        world.execute(job)
        assert world.runs(job)[0].status is RunStatus.UNCHANGED

    def test_a_changed_feed_updates_only_what_changed(self, world: World) -> None:
        job = world.add_import_job()
        world.execute(job)
        newer = rss(("Lamp", "/1", "11"), ("Chair", "/2", None), ("Desk", "/4", "5"))
        world.feeds.routes["/feed.xml"] = (200, {"ETag": '"v2"'}, newer)
        world.execute(job)
        run = world.runs(job)[0]
        assert (run.inserted, run.updated, run.unchanged) == (1, 1, 1)
        assert [r.price for r in world.rows()] == [11, None, 5]

    def test_an_edited_mapping_reads_the_feed_anew(self, world: World) -> None:
        job = world.add_import_job()
        world.execute(job)
        mappings = (*job.mappings[:1], job.mappings[1], FieldMapping("price", f"{ITEM} > title"))
        with world.runtime.transaction() as connection:
            import_jobs.update_import_job(
                connection, job.id, now=utc_now(), changes={"mappings": mappings}
            )
        world.execute(job)
        assert world.feeds.requests[-1].header("If-None-Match") is None
        assert world.runs(job)[0].invalid == 3

    def test_a_failed_load_is_not_taken_for_loaded(self, world: World) -> None:
        world.feeds.routes["/feed.xml"] = (200, {"ETag": '"v1"'}, FEED[:-20])
        job = world.add_import_job()
        assert not world.execute(job).success
        world.feeds.routes["/feed.xml"] = (200, {"ETag": '"v1"'}, FEED)
        world.execute(job)
        assert world.runs(job)[0].status is RunStatus.SUCCESS
        assert len(world.rows()) == 2


def load_nowhere(world: World) -> None:
    """Let the template's rows go to a server that is not there."""
    with world.runtime.transaction() as connection:
        templates.update_template(
            connection,
            world.runtime.secrets,
            project_id=world.project_id,
            template_id=world.template_id,
            now=utc_now(),
            destination_specs=[TableSpec("rows", url="postgresql://u:p@localhost:1/d")],
        )


class TestTerminal:
    @pytest.mark.parametrize(
        ("route", "says", "cause"),
        [
            pytest.param(
                (404, {}, "gone"), "404", {"code": "feed_refused", "status": 404}, id="not-found"
            ),
            pytest.param(
                (200, {}, "<rss>\n<channel><item></rss>"),
                "line 2",
                {"code": "feed_malformed", "line": 2, "column": 22},
                id="malformed",
            ),
            pytest.param(
                (200, {}, "<html><body>hello</body></html>"),
                "web page",
                {"code": "web_page"},
                id="html",
            ),
            pytest.param((200, {}, ""), "empty", None, id="empty"),
        ],
    )
    def test_fails_at_once_and_says_why(
        self,
        world: World,
        route: tuple[int, dict[str, str], str],
        says: str,
        cause: dict[str, str | int] | None,
    ) -> None:
        world.feeds.routes["/feed.xml"] = route
        job = world.add_import_job()
        assert not world.execute(job).success
        run = world.runs(job)[0]
        assert run.status is RunStatus.FAILED
        assert run.error is not None
        assert says in run.error
        seen = world.read(job)
        assert (seen.last_error, seen.consecutive_failures) == (run.error, 1)
        assert (run.error_cause, seen.last_error_cause) == (cause, cause)
        assert not run.error_internal
        assert not seen.last_error_internal
        assert len(world.feeds.requests) == 1

    def test_the_run_keeps_the_status_that_ended_it(self, world: World) -> None:
        world.feeds.routes["/feed.xml"] = (410, {}, "gone")
        job = world.add_import_job()
        world.execute(job)
        assert world.runs(job)[0].http_status == 410

    def test_a_filter_on_a_column_that_is_gone(self, world: World) -> None:
        job = world.add_import_job(filters=(Filter("colour", "equals", "red"),))
        assert not world.execute(job).success
        error = world.runs(job)[0].error
        assert error is not None
        assert "colour" in error

    def test_the_next_good_run_works(self, world: World) -> None:
        world.feeds.routes["/feed.xml"] = (404, {}, "gone")
        job = world.add_import_job()
        world.execute(job)
        world.feeds.routes["/feed.xml"] = (200, {}, FEED)
        assert world.execute(job).success
        seen = world.read(job)
        assert (seen.last_error, seen.consecutive_failures) == (None, 0)
        assert seen.last_error_cause is None

    def test_what_a_destination_says_is_for_operators(self, world: World) -> None:
        load_nowhere(world)
        job = world.add_import_job()
        assert not world.execute(job).success
        run, seen = world.runs(job)[0], world.read(job)
        assert "localhost:1" in (run.error or "")
        assert run.error_internal
        assert (seen.last_error, seen.last_error_internal) == (run.error, True)

    def test_a_destination_whose_name_now_points_inwards(self, world: World) -> None:
        """Checked when the template was made, and again at the address that is dialled."""
        load_nowhere(world)
        job = world.add_import_job()
        guarded = Runtime(
            world.runtime.settings.model_copy(update={"allow_private_addresses": False})
        )
        with world.runtime.transaction() as connection:
            plan = plans.load_plan(connection, world.runtime.secrets, job.id)
        with pytest.raises(DestinationRefused, match="loopback"):
            all_rows_stand(guarded, plan)


class TestTransient:
    def test_a_server_error_is_tried_again_in_the_run(self, world: World) -> None:
        answers = iter([503, 200])

        def route(handler: Handler) -> None:
            status = next(answers)
            handler.answer(status, {"Retry-After": "1"}, FEED if status == 200 else "")

        world.feeds.routes["/feed.xml"] = route
        job = world.add_import_job()
        assert world.execute(job).success
        run = world.runs(job)[0]
        assert (run.status, run.attempts, run.valid) == (RunStatus.SUCCESS, 1, 2)

    def test_a_long_retry_after_ends_the_run_and_moves_the_next(self, world: World) -> None:
        world.feeds.routes["/feed.xml"] = (429, {"Retry-After": "7200"}, "")
        job = world.add_import_job()
        assert not world.execute(job).success
        assert len(world.feeds.requests) == 1
        moved = world.read(job).next_run
        assert moved is not None
        assert (moved - utc_now()).total_seconds() > 7000
        assert failures.LONGEST_WAIT_SECONDS == 60


def dagster_status(world: World, result: ExecuteInProcessResult) -> DagsterRunStatus:
    """How Dagster's page of runs shows it."""
    run = world.instance.get_run_by_id(result.run_id)
    assert run is not None
    return run.status


class TestCancelled:
    def test_a_paused_import_job_does_not_start(self, world: World) -> None:
        job = world.add_import_job()
        queued = world.runs(job)[0]
        with world.runtime.transaction() as connection:
            import_jobs.pause_import_job(connection, job.id, now=utc_now())
        result = world.execute(job, **{RUN_ID_TAG: queued.id})
        assert dagster_status(world, result) is DagsterRunStatus.CANCELED
        assert world.feeds.requests == []
        run = world.runs(job)[0]
        assert (run.status, run.started_at) == (RunStatus.CANCELLED, None)

    def test_deleted_while_it_runs_loads_nothing(self, world: World) -> None:
        job = world.add_import_job()

        def route(handler: Handler) -> None:
            with world.runtime.transaction() as connection:
                import_jobs.terminate_import_job(connection, job.id, now=utc_now())
            handler.answer(200, {}, FEED)

        world.feeds.routes["/feed.xml"] = route
        world.execute(job)
        assert world.runs(job)[0].status is RunStatus.CANCELLED
        assert world.read(job).status is ImportJobStatus.TERMINATED
        with pytest.raises(Exception, match="products"):
            world.rows()

    def test_cancelled_while_it_fetches(self, world: World) -> None:
        job = world.add_import_job()
        served = threading.Event()

        def route(handler: Handler) -> None:
            """A feed that goes on for a minute, a little at a time."""
            handler.send_response(200)
            handler.send_header("Connection", "close")
            handler.end_headers()
            for _ in range(600):
                handler.wfile.write(b"<rss>".ljust(100_000))
                if not served.is_set():
                    served.set()
                    with world.runtime.transaction() as connection:
                        runs.cancel_by_request(connection, world.runs(job)[0], now=utc_now())
                time.sleep(0.1)

        world.feeds.routes["/feed.xml"] = route
        begun = time.monotonic()
        result = world.execute(job)
        assert time.monotonic() - begun < 3 * runs.HEARTBEAT_SECONDS
        (run,) = (run for run in world.runs(job) if run.attempts)
        assert (run.status, run.error) == (RunStatus.CANCELLED, "Cancelled by request.")
        assert dagster_status(world, result) is DagsterRunStatus.CANCELED
        assert world.read(job).consecutive_failures == 0
        assert not world.runtime.artifacts.exists(run.id)

    def test_a_run_refused_while_another_is_alive_ends_at_once(self, world: World) -> None:
        job = world.add_import_job()
        queued = world.runs(job)[0]
        with world.runtime.transaction() as connection:
            alive = runs.begin_attempt(
                connection,
                job_id=job.id,
                run_id=None,
                dagster_run_id="elsewhere",
                reexecution=False,
                now=utc_now(),
            )
        assert not world.execute(job, **{RUN_ID_TAG: queued.id}).success
        states = {run.id: run.status for run in world.runs(job)}
        assert states == {queued.id: RunStatus.FAILED, alive.id: RunStatus.RUNNING}

    def test_a_second_launch_leaves_the_living_attempt_alone(self, world: World) -> None:
        job = world.add_import_job()
        first = world.runs(job)[0]
        with world.runtime.transaction() as connection:
            runs.begin_attempt(
                connection,
                job_id=job.id,
                run_id=first.id,
                dagster_run_id="elsewhere",
                reexecution=False,
                now=utc_now(),
            )
        assert not world.execute(job, **{RUN_ID_TAG: first.id}).success
        assert [run.status for run in world.runs(job)] == [RunStatus.RUNNING]

    def test_a_run_launched_twice_is_done_once(self, world: World) -> None:
        job = world.add_import_job()
        first = world.runs(job)[0]
        world.execute(job, **{RUN_ID_TAG: first.id})
        world.execute(job, **{RUN_ID_TAG: first.id})
        (run,) = world.runs(job)
        assert (run.status, run.attempts) == (RunStatus.SUCCESS, 1)
        assert len(world.feeds.requests) == 1


class TestAppend:
    def test_a_key_that_an_earlier_run_loaded_is_a_reject(self, scene: Scene) -> None:
        scene.add_import_job(mode="append")
        assert scene.run().run["inserted"] == 2
        scene.serve(SECOND)
        run = scene.run().run
        assert (run["valid"], run["invalid"], run["inserted"]) == (1, 2, 1)
        path = f"/v1/import-jobs/{scene.job_id}/runs/{run['_id']}/rejects"
        lamp, chair = scene.api.ok("GET", path)
        (error,) = lamp["errors"]
        assert (error["column"], error["rule"], error["value"]) == ("link", "unique", "/1")
        assert "an earlier run" in error["message"]
        assert chair["index"] == 1
        assert scene.rows() == [*FIRST_ROWS, ("/3", "Desk", 5.0)]

    def test_previews_say_so_before_it_happens(self, scene: Scene) -> None:
        scene.add_import_job(mode="append")
        scene.run()
        scene.serve(SECOND)
        path = f"/v1/import-jobs/{scene.job_id}/preview"
        for seen in (scene.api.ok("GET", path), scene.api.ok("POST", path, {})):
            assert (seen["valid"], seen["indexes"]) == (1, [2])
            assert [one["index"] for one in seen["rejects"]] == [0, 1]
            assert "an earlier run" in seen["rejects"][0]["errors"][0]["message"]

    def test_a_key_that_comes_twice_has_one_reason(self, scene: Scene) -> None:
        scene.add_import_job(mode="append")
        scene.run()
        scene.serve(rss(("New", "/7", "1"), ("Again", "/7", "2")))
        run = scene.run().run
        path = f"/v1/import-jobs/{scene.job_id}/runs/{run['_id']}/rejects"
        (again,) = scene.api.ok("GET", path)
        (error,) = again["errors"]
        assert "in this feed" in error["message"]

    def test_without_unique_columns_rows_are_added(self, scene: Scene) -> None:
        scene.add_import_job(mode="append")
        columns = [{**column, "isUnique": False} for column in COLUMNS]
        scene.change_template(columns=columns)
        assert scene.run().run["inserted"] == 2
        scene.serve(SECOND)
        assert scene.run().run["inserted"] == 3
        assert len(scene.rows()) == 5


class TestMapping:
    def test_without_any_mapping_it_fails(self, scene: Scene) -> None:
        columns = [{**column, "isRequired": False} for column in COLUMNS]
        scene.add_import_job()
        scene.change_template(columns=columns)
        scene.map()
        run = scene.run().run
        assert (run["status"], "No column is mapped" in run["error"]) == ("FAILED", True)
