from __future__ import annotations

import datetime as dt

import pytest

from impler_pipelines.errors import NotFound, RequestInvalid, StateConflict
from impler_pipelines.model import (
    Column,
    FieldMapping,
    ImportJobStatus,
    Interval,
    RunStatus,
    SourceAuth,
    Trigger,
    Unit,
)
from impler_pipelines.store import import_jobs, plans, runs, templates
from impler_pipelines.store.due import claim_due_run
from impler_pipelines.store.import_jobs import check_mappings
from impler_pipelines_tests.store.shop import (
    COLUMNS,
    HOUR,
    HOURLY,
    MAPPED,
    MINUTE,
    NEW,
    NOW,
    Shop,
    at,
    attempt,
    load,
    race,
)

MAPPING, SCHEDULING, RUNNING, PAUSED, COMPLETED, TERMINATED = ImportJobStatus
DAILY = Interval(1, Unit.DAYS, at=dt.time(18, 0), starts_on=dt.date(2026, 1, 1))
BRAND = Column("brand", "Brand", is_required=True)
BRAND_MAPPED = (*MAPPED, FieldMapping("brand", "rss > item > brand"))


class TestCreate:
    @pytest.mark.parametrize(
        ("changes", "status", "next_run", "first_runs"),
        [
            pytest.param({}, RUNNING, at("13:00"), 1, id="mapped and scheduled"),
            pytest.param({"run_now": False}, RUNNING, at("13:00"), 0, id="without a first run"),
            pytest.param({"mappings": ()}, MAPPING, None, 0, id="unmapped"),
            pytest.param({"interval": None}, SCHEDULING, None, 0, id="unscheduled"),
            pytest.param(
                {"interval": None, "cron": "30 14 * * *"}, RUNNING, at("14:30"), 1, id="cron"
            ),
            pytest.param({"ends_on": at("12:30")}, RUNNING, None, 1, id="ends before the next"),
        ],
    )
    def test_settles_the_first_state(
        self,
        shop: Shop,
        changes: dict[str, object],
        status: ImportJobStatus,
        next_run: dt.datetime | None,
        first_runs: int,
    ) -> None:
        job = shop.add(**changes)
        assert (job.status, job.next_run) == (status, next_run)
        history = shop.history(job)
        assert [r.trigger for r in history] == [Trigger.FIRST] * first_runs
        assert (job.activated_at is not None) == (status is RUNNING)

    def test_comes_back_as_it_was_given(self, shop: Shop) -> None:
        job = shop.add()
        assert (job.headings, job.mappings, job.interval) == (NEW.headings, NEW.mappings, HOURLY)
        assert (job.extra, job.external_user_id, job.url) == (NEW.extra, "ann", NEW.url)
        assert shop.read(job) == job

    def test_a_required_column_with_a_default_needs_no_path(self, shop: Shop) -> None:
        shop.require(*COLUMNS, Column("brand", "Brand", is_required=True, default_value="none"))
        assert shop.add().status is RUNNING

    def test_on_a_template_of_another_project(self, shop: Shop) -> None:
        shop.project_id = shop.add_project("rival")
        with pytest.raises(NotFound, match="template"):
            shop.add()

    def test_while_the_template_is_deleted(self, shop: Shop) -> None:
        _, outcome = race(
            shop.engine,
            lambda c: templates.delete_template(
                c, shop.box, project_id=shop.project_id, template_id=shop.template_id, now=NOW
            ),
            lambda c: import_jobs.create_import_job(
                c,
                shop.box,
                NEW,
                project_id=shop.project_id,
                template_id=shop.template_id,
                now=NOW,
            ),
        )
        assert isinstance(outcome, NotFound)

    def test_while_the_template_gets_a_required_column(self, shop: Shop) -> None:
        def require(connection: object) -> None:
            templates.update_template(
                connection,  # type: ignore[arg-type]  # a Connection, as race gives it
                shop.box,
                project_id=shop.project_id,
                template_id=shop.template_id,
                columns=(*COLUMNS, BRAND),
                now=NOW,
            )

        _, job = race(
            shop.engine,
            require,
            lambda c: import_jobs.create_import_job(
                c,
                shop.box,
                NEW,
                project_id=shop.project_id,
                template_id=shop.template_id,
                now=NOW,
            ),
        )
        assert not isinstance(job, Exception)
        assert (job.status, shop.history(job)) == (MAPPING, [])


class TestRead:
    def test_of_another_project(self, shop: Shop) -> None:
        job = shop.add()
        rival = shop.add_project("rival")
        with pytest.raises(NotFound):
            shop.do(import_jobs.get_import_job, project_id=rival, job_id=job.id)

    def test_of_a_deleted_one(self, shop: Shop) -> None:
        job = shop.add()
        shop.delete(job)
        assert shop.read(job).status is TERMINATED


class TestList:
    def test_newest_first_without_headings_and_deleted_ones(self, shop: Shop) -> None:
        old, gone, new = (shop.add(now=NOW + n * MINUTE) for n in range(3))
        shop.delete(gone)
        found = shop.do(import_jobs.list_import_jobs, project_id=shop.project_id, limit=10)
        assert [job.id for job in found] == [new.id, old.id]
        assert {job.headings for job in found} == {()}

    @pytest.mark.parametrize("size", [1, 2, 3])
    def test_pages_over_equal_times_lose_and_repeat_nothing(self, shop: Shop, size: int) -> None:
        made = [shop.add(now=NOW + (n // 3) * MINUTE).id for n in range(5)]
        seen: list[str] = []
        before = None
        while True:
            page = shop.do(
                import_jobs.list_import_jobs,
                project_id=shop.project_id,
                external_user_id="ann",
                limit=size,
                before=before,
            )
            if not page:
                break
            seen += [job.id for job in page]
            before = (page[-1].created_at, page[-1].id)
        assert sorted(seen) == sorted(made)
        assert len(seen) == len(set(seen))

    def test_other_users_and_projects_are_apart(self, shop: Shop) -> None:
        shop.add()
        bobs = shop.add(external_user_id="bob")
        query = {"limit": 10, "external_user_id": "bob"}
        found = shop.do(import_jobs.list_import_jobs, project_id=shop.project_id, **query)
        assert [job.id for job in found] == [bobs.id]
        rival = shop.add_project("rival")
        assert shop.do(import_jobs.list_import_jobs, project_id=rival, **query) == []


class TestUpdate:
    def test_another_interval_counts_from_now(self, shop: Shop) -> None:
        job = shop.add()
        changed = shop.change(job, interval=DAILY, now=NOW + MINUTE)
        assert (changed.next_run, changed.updated_at) == (at("18:00"), NOW + MINUTE)

    @pytest.mark.parametrize(
        "changes",
        [
            pytest.param({"interval": HOURLY, "timezone": "UTC", "cron": None}, id="same schedule"),
            pytest.param({"ends_on": at("20:00")}, id="an end"),
            pytest.param({"extra": {}, "url": "https://other.example/"}, id="something else"),
        ],
    )
    def test_an_overdue_run_survives_an_edit(self, shop: Shop, changes: dict[str, object]) -> None:
        job = shop.add(run_now=False)
        assert shop.change(job, now=at("13:00:01"), **changes).next_run == at("13:00")

    def test_an_earlier_end_takes_the_next_run(self, shop: Shop) -> None:
        job = shop.change(shop.add(), ends_on=at("12:30"))
        assert (job.status, job.next_run) == (RUNNING, None)

    def test_a_cleared_end_gives_it_back(self, shop: Shop) -> None:
        job = shop.change(shop.add(ends_on=at("12:30")), ends_on=None)
        assert (job.status, job.next_run) == (RUNNING, at("13:00"))

    def test_removing_the_interval_stops_the_schedule(self, shop: Shop) -> None:
        job = shop.add()
        first = shop.history(job)[0]
        shop.do(runs.cancel_run, first.id, reason="made room", now=NOW)
        claimed = shop.do(claim_due_run, job.id, now=at("13:00")).run
        assert claimed is not None
        stopped = shop.change(job, interval=None, now=at("13:01"))
        assert (stopped.status, stopped.next_run) == (SCHEDULING, None)
        assert shop.history(job)[0].status is RunStatus.CANCELLED

    def test_removing_the_interval_leaves_what_a_person_asked_for(self, shop: Shop) -> None:
        job = shop.add()
        shop.change(job, interval=None)
        assert [r.status for r in shop.history(job)] == [RunStatus.QUEUED]

    def test_a_deleted_one(self, shop: Shop) -> None:
        job = shop.add()
        shop.delete(job)
        with pytest.raises(StateConflict, match="deleted"):
            shop.change(job, url="https://other.example/")
        assert shop.read(job).url == job.url

    @pytest.mark.parametrize("auth", [SourceAuth("Authorization", "new"), None])
    def test_the_secret(self, shop: Shop, auth: SourceAuth | None) -> None:
        job = shop.add()
        shop.change(job, auth=auth)
        assert shop.do(plans.load_plan, shop.box, job.id).auth == auth

    def test_a_secret_is_never_dropped_for_want_of_a_box(self, shop: Shop) -> None:
        job = shop.add()
        change = {"auth": SourceAuth("A", "b")}
        with pytest.raises(ValueError, match="box"):
            shop.do(import_jobs.update_import_job, job.id, now=NOW, changes=change)
        plan = shop.do(plans.load_plan, shop.box, job.id)
        assert plan.auth == NEW.auth


class TestPause:
    def test_takes_it_off_the_schedule(self, shop: Shop) -> None:
        job = shop.pause(shop.add())
        assert (job.status, job.next_run) == (PAUSED, None)
        assert job.headings == NEW.headings
        (run,) = shop.history(job)
        assert (run.status, run.started_at) == (RunStatus.CANCELLED, None)
        assert run.error is not None
        assert "paused" in run.error

    def test_again_changes_nothing(self, shop: Shop) -> None:
        job = shop.pause(shop.add())
        assert shop.pause(job, now=NOW + HOUR) == job

    def test_a_run_that_has_started_goes_on(self, shop: Shop) -> None:
        job = shop.add()
        run = shop.begin(job, shop.history(job)[0])
        shop.pause(job)
        assert shop.begin(job, run) == run
        shop.load(job, run)
        assert shop.history(job)[0].status is RunStatus.SUCCESS
        assert shop.read(job).status is PAUSED

    @pytest.mark.parametrize(
        ("changes", "status"),
        [
            pytest.param({"mappings": ()}, MAPPING, id="mapping"),
            pytest.param({"interval": None}, SCHEDULING, id="scheduling"),
        ],
    )
    def test_only_a_running_one(
        self, shop: Shop, changes: dict[str, object], status: ImportJobStatus
    ) -> None:
        job = shop.add(**changes)
        with pytest.raises(StateConflict, match=status):
            shop.pause(job)

    def test_wins_against_a_run_about_to_start(self, shop: Shop) -> None:
        job = shop.add()
        queued = shop.history(job)[0]
        _, outcome = race(
            shop.engine,
            lambda c: import_jobs.pause_import_job(c, job.id, now=NOW),
            lambda c: runs.begin_attempt(c, **attempt(job, queued)),
        )
        assert "paused" in str(outcome)
        assert shop.history(job)[0].status is RunStatus.CANCELLED

    def test_comes_after_a_run_that_has_just_started(self, shop: Shop) -> None:
        job = shop.add()
        queued = shop.history(job)[0]
        race(
            shop.engine,
            lambda c: runs.begin_attempt(c, **attempt(job, queued)),
            lambda c: import_jobs.pause_import_job(c, job.id, now=NOW),
        )
        assert shop.history(job)[0].status is RunStatus.RUNNING

    def test_wins_against_a_tick(self, shop: Shop) -> None:
        job = shop.add(run_now=False)
        _, claim = race(
            shop.engine,
            lambda c: import_jobs.pause_import_job(c, job.id, now=at("13:00")),
            lambda c: claim_due_run(c, job.id, now=at("13:00")),
        )
        assert not isinstance(claim, Exception)
        assert (claim.run, shop.history(job)) == (None, [])


class TestResume:
    def test_counts_from_now(self, shop: Shop) -> None:
        job = shop.pause(shop.add())
        resumed = shop.resume(job, now=at("15:20"))
        assert (resumed.status, resumed.next_run) == (RUNNING, at("16:00"))

    def test_only_a_paused_one(self, shop: Shop) -> None:
        job = shop.add()
        with pytest.raises(StateConflict, match="RUNNING"):
            shop.resume(job)

    def test_past_its_end_it_is_completed(self, shop: Shop) -> None:
        job = shop.pause(shop.add(ends_on=at("14:00")))
        assert shop.resume(job, now=at("14:30")).status is COMPLETED


class TestFirstRun:
    def test_is_asked_for_once_over_everything(self, shop: Shop) -> None:
        job = shop.add(mappings=(), interval=None)
        shop.change(job, mappings=MAPPED)
        assert shop.history(job) == []
        shop.change(job, interval=HOURLY)
        shop.change(job, mappings=MAPPED)
        shop.change(job, interval=DAILY)
        shop.pause(job)
        shop.resume(job, now=NOW + MINUTE)
        shop.change(job, interval=None)
        shop.change(job, interval=HOURLY)
        shop.require(*COLUMNS, BRAND)
        shop.change(job, mappings=BRAND_MAPPED, now=NOW + HOUR)
        assert [r.trigger for r in shop.history(job)] == [Trigger.FIRST]


class TestDelete:
    def test_is_final(self, shop: Shop) -> None:
        job = shop.add()
        gone = shop.delete(job, now=NOW + HOUR)
        assert (gone.status, gone.next_run) == (TERMINATED, None)
        assert shop.history(job)[0].status is RunStatus.CANCELLED
        with pytest.raises(NotFound):
            shop.delete(job)
        for change in (shop.pause, shop.resume):
            with pytest.raises(StateConflict):
                change(job)
        with pytest.raises(StateConflict):
            shop.ask(job)

    def test_a_run_under_way_loads_nothing(self, shop: Shop) -> None:
        job = shop.add()
        run = shop.begin(job, shop.history(job)[0])
        shop.delete(job)
        for go_on in (shop.begin, shop.load):
            with pytest.raises(Exception, match="deleted"):
                go_on(job, run)
        (after,) = shop.history(job)
        assert (after.status, after.inserted) == (RunStatus.CANCELLED, None)

    def test_of_two_at_once_one_is_told_that_it_is_gone(self, shop: Shop) -> None:
        job = shop.add()
        _, outcome = race(
            shop.engine,
            lambda c: import_jobs.terminate_import_job(c, job.id, now=NOW),
            lambda c: import_jobs.terminate_import_job(c, job.id, now=NOW),
        )
        assert isinstance(outcome, NotFound)

    def test_wins_against_a_load(self, shop: Shop) -> None:
        job = shop.add()
        run = shop.begin(job, shop.history(job)[0])
        _, outcome = race(
            shop.engine,
            lambda c: import_jobs.terminate_import_job(c, job.id, now=NOW),
            lambda c: runs.record_load(c, **load(job, run)),
        )
        assert "deleted" in str(outcome)
        assert shop.read(job).total_records is None

    def test_comes_after_a_load_that_has_just_ended(self, shop: Shop) -> None:
        job = shop.add()
        run = shop.begin(job, shop.history(job)[0])
        race(
            shop.engine,
            lambda c: runs.record_load(c, **load(job, run)),
            lambda c: import_jobs.terminate_import_job(c, job.id, now=NOW),
        )
        assert shop.history(job)[0].status is RunStatus.SUCCESS
        assert shop.read(job).status is TERMINATED


class TestTemplateColumns:
    def test_a_new_required_column_stops_those_that_lack_it(self, shop: Shop) -> None:
        lacks, has = shop.add(), shop.add(mappings=BRAND_MAPPED)
        shop.require(*COLUMNS, BRAND)
        stopped = shop.read(lacks)
        assert (stopped.status, stopped.next_run) == (MAPPING, None)
        assert stopped.last_error is not None
        assert "brand" in stopped.last_error
        assert shop.history(lacks)[0].status is RunStatus.CANCELLED
        assert shop.read(has) == has

    def test_mapped_again_it_goes_on_and_forgets_why_it_stopped(self, shop: Shop) -> None:
        job = shop.add()
        shop.require(*COLUMNS, BRAND)
        again = shop.change(job, mappings=BRAND_MAPPED, now=at("13:30"))
        assert (again.status, again.next_run) == (RUNNING, at("14:00"))
        assert again.last_error is None

    def test_a_paused_one_is_paused_again(self, shop: Shop) -> None:
        job = shop.pause(shop.add())
        shop.require(*COLUMNS, BRAND)
        assert shop.read(job).status is MAPPING
        again = shop.change(job, mappings=BRAND_MAPPED)
        assert (again.status, again.next_run) == (PAUSED, None)

    def test_the_column_gone_again_it_goes_on(self, shop: Shop) -> None:
        job = shop.add()
        shop.require(*COLUMNS, BRAND)
        shop.require(*COLUMNS, now=at("13:30"))
        assert (shop.read(job).status, shop.read(job).next_run) == (RUNNING, at("14:00"))

    def test_one_more_column_is_told_as_well(self, shop: Shop) -> None:
        job, new = shop.add(), shop.add(mappings=())
        shop.require(*COLUMNS, BRAND)
        shop.require(*COLUMNS, BRAND, Column("size", "Size", is_required=True))
        said = shop.read(job).last_error
        assert said is not None
        assert "brand, size" in said
        assert shop.read(new).last_error is None

    def test_a_success_meanwhile_leaves_the_reason(self, shop: Shop) -> None:
        job = shop.add()
        run = shop.begin(job, shop.history(job)[0])
        shop.require(*COLUMNS, BRAND)
        shop.load(job, run)
        assert "brand" in (shop.read(job).last_error or "")

    def test_deleted_ones_stay_as_they_are(self, shop: Shop) -> None:
        job = shop.delete(shop.add())
        shop.require(*COLUMNS, BRAND)
        assert shop.read(job) == job


class TestEnd:
    def test_a_later_end_makes_it_run_again(self, shop: Shop) -> None:
        job = shop.add(ends_on=at("12:30"))
        shop.do(import_jobs.complete_ended_import_jobs, now=at("12:31"))
        assert shop.read(job).status is COMPLETED
        again = shop.change(job, ends_on=at("20:00"), now=at("15:10"))
        assert (again.status, again.next_run) == (RUNNING, at("16:00"))

    def test_a_due_time_at_the_end_itself_is_left_to_its_tick(self, shop: Shop) -> None:
        job = shop.add(ends_on=at("13:00"), run_now=False)
        assert shop.do(import_jobs.complete_ended_import_jobs, now=at("13:00:01")) == 0
        assert shop.read(job).next_run == at("13:00")

    def test_an_edit_after_the_end_leaves_it_too(self, shop: Shop) -> None:
        job = shop.add(ends_on=at("13:00"), run_now=False)
        changed = shop.change(job, extra={}, now=at("13:00:01"))
        assert (changed.status, changed.next_run) == (RUNNING, at("13:00"))

    def test_a_paused_one_ends_as_well(self, shop: Shop) -> None:
        job = shop.pause(shop.add(ends_on=at("14:00")))
        assert shop.do(import_jobs.complete_ended_import_jobs, now=at("14:01")) == 1
        assert shop.read(job).status is COMPLETED
        assert shop.change(job, ends_on=None).status is RUNNING

    def test_a_paused_one_without_a_schedule_is_not_paused_when_it_gets_one(
        self, shop: Shop
    ) -> None:
        job = shop.pause(shop.add())
        interval = job.interval
        assert shop.change(job, interval=None).status is SCHEDULING
        assert shop.change(job, interval=interval).status is RUNNING

    def test_not_before_its_end(self, shop: Shop) -> None:
        shop.add(ends_on=at("12:45"))
        assert shop.do(import_jobs.complete_ended_import_jobs, now=at("12:45")) == 0

    def test_does_not_wait_for_one_that_is_locked(self, shop: Shop) -> None:
        job, other = shop.add(ends_on=at("12:30")), shop.add(ends_on=at("12:30"))
        with shop.transaction() as connection:
            import_jobs.lock_import_job(connection, job.id)
            assert shop.do(import_jobs.complete_ended_import_jobs, now=at("12:31")) == 1
        assert shop.read(other).status is COMPLETED


class TestHeadings:
    def test_are_read_by_no_transition_of_the_state(self, shop: Shop) -> None:
        """Templates that change, ticks and attempts, with a row whose headings can't be read."""
        job = shop.add()
        shop.set(job, headings="not what headings are")
        shop.do(import_jobs.settle_template, shop.template_id, now=NOW)
        queued = shop.history(job)[0]
        shop.begin(job, queued)
        shop.load(job, queued)
        assert shop.do(claim_due_run, job.id, now=at("13:00")).run is not None
        shop.do(plans.load_plan, shop.box, job.id)
        shop.do(import_jobs.list_import_jobs, limit=1)


class TestCheckMappings:
    @pytest.mark.parametrize(
        ("mappings", "fields"),
        [
            pytest.param(MAPPED, [], id="fine"),
            pytest.param([FieldMapping("colour", "a")], ["0.key"], id="unknown column"),
            pytest.param(
                [FieldMapping("title", "a"), FieldMapping("title", "b")], ["1.key"], id="twice"
            ),
        ],
    )
    def test_keys(self, mappings: list[FieldMapping], fields: list[str]) -> None:
        self._check(mappings, None, [f"mappings.{field}" for field in fields])

    def test_a_path_that_the_feed_lacks(self) -> None:
        self._check([FieldMapping("title", "rss > gone")], NEW.headings, ["mappings.0.path"])

    def _check(self, mappings: object, headings: object, fields: list[str]) -> None:
        found: list[str] = []
        try:
            check_mappings(mappings, columns=COLUMNS, headings=headings)  # type: ignore[arg-type]  # tables of the tests above
        except RequestInvalid as error:
            found = [problem.field for problem in error.problems]
        assert found == fields
