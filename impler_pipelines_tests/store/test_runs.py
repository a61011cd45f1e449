from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest

from impler_pipelines.errors import NotFound, RunCancelled, StateConflict
from impler_pipelines.model import (
    CellError,
    Column,
    FeedState,
    ImportJob,
    Reject,
    Run,
    RunStatus,
    Trigger,
)
from impler_pipelines.store import import_jobs, plans, runs, sync
from impler_pipelines.store.due import claim_due_run
from impler_pipelines_tests.store.shop import (
    COLUMNS,
    HOUR,
    MINUTE,
    NOW,
    Shop,
    at,
    attempt,
    load,
    race,
)

QUEUED, RUNNING, SUCCESS, UNCHANGED, FAILED, CANCELLED = RunStatus
SECOND = dt.timedelta(seconds=1)
DEAD = dt.timedelta(seconds=runs.DEAD_AFTER_SECONDS)


@pytest.fixture
def job(shop: Shop) -> ImportJob:
    return shop.add()


@pytest.fixture
def first(shop: Shop, job: ImportJob) -> Run:
    """The first run of ``job``, queued."""
    return shop.history(job)[0]


class TestRunNow:
    def test_asks_for_a_run(self, shop: Shop) -> None:
        job = shop.add(run_now=False)
        run = shop.ask(job)
        assert (run.status, run.trigger, run.due_at) == (QUEUED, Trigger.MANUAL, NOW)
        assert (run.created_at, run.attempts, run.dagster_run_id) == (NOW, 0, None)

    def test_the_one_that_is_queued_is_the_answer(
        self, shop: Shop, job: ImportJob, first: Run
    ) -> None:
        assert shop.ask(job) == first

    def test_one_that_runs_is_waited_for(self, shop: Shop, job: ImportJob, first: Run) -> None:
        shop.begin(job, first)
        assert shop.ask(job, now=NOW + MINUTE).status is QUEUED

    @pytest.mark.parametrize("changes", [{"interval": None}, {"ends_on": at("12:00")}])
    def test_without_a_schedule(self, shop: Shop, changes: dict[str, object]) -> None:
        assert shop.ask(shop.add(run_now=False, **changes)).status is QUEUED

    def test_not_while_columns_are_unmapped(self, shop: Shop) -> None:
        with pytest.raises(StateConflict, match="required columns"):
            shop.ask(shop.add(mappings=()))

    def test_of_an_unknown_import_job(self, shop: Shop) -> None:
        with pytest.raises(NotFound):
            shop.do(runs.run_now, "0" * 24, now=NOW)

    def test_two_at_once_are_one(self, shop: Shop) -> None:
        job = shop.add(run_now=False)
        one, other = race(
            shop.engine,
            lambda c: runs.run_now(c, job.id, now=NOW),
            lambda c: runs.run_now(c, job.id, now=NOW + SECOND),
        )
        assert one == other


class TestBegin:
    def test_a_queued_run(self, shop: Shop, job: ImportJob, first: Run) -> None:
        run = shop.begin(job, first, now=NOW + MINUTE)
        assert (run.status, run.attempts, run.dagster_run_id) == (RUNNING, 1, "dagster-1")
        assert (run.started_at, run.ended_at) == (NOW + MINUTE, None)

    def test_later_ops_join_it(self, shop: Shop, job: ImportJob, first: Run) -> None:
        run = shop.begin(job, first)
        assert shop.begin(job, first, now=NOW + HOUR) == run

    def test_started_in_dagster_it_is_a_manual_run(self, shop: Shop) -> None:
        job = shop.add(run_now=False)
        run = shop.begin(job)
        assert (run.trigger, run.due_at, run.attempts) == (Trigger.MANUAL, NOW, 1)
        assert shop.begin(job) == run
        assert shop.history(job) == [run]

    def test_a_run_of_another_import_job(self, shop: Shop, job: ImportJob, first: Run) -> None:
        with pytest.raises(NotFound):
            shop.begin(shop.add(), first)

    def test_nothing_is_left_of_a_refused_one(self, shop: Shop) -> None:
        job = shop.add(mappings=())
        with pytest.raises(StateConflict, match="required columns"):
            shop.begin(job)
        assert shop.history(job) == []

    def test_a_manual_run_may_start_while_paused(self, shop: Shop, job: ImportJob) -> None:
        shop.pause(job)
        asked = shop.ask(job, now=NOW + MINUTE)
        assert shop.begin(job, asked).status is RUNNING

    def test_a_run_due_at_the_end_may_start_after_it(self, shop: Shop) -> None:
        job = shop.add(ends_on=at("13:00"), run_now=False)
        due = shop.do(claim_due_run, job.id, now=at("13:00")).run
        shop.do(import_jobs.complete_ended_import_jobs, now=at("13:01"))
        assert shop.begin(job, due, now=at("13:02")).status is RUNNING

    @pytest.mark.parametrize("status", [SUCCESS, UNCHANGED])
    def test_launched_twice_it_is_done_once(
        self, shop: Shop, job: ImportJob, first: Run, status: RunStatus
    ) -> None:
        _end(shop, job, shop.begin(job, first), status)
        with pytest.raises(RunCancelled, match="twice"):
            shop.begin(job, first, by="dagster-2")
        assert (shop.history(job)[0].status, shop.history(job)[0].attempts) == (status, 1)

    def test_launched_twice_at_once_one_executes_it(
        self, shop: Shop, job: ImportJob, first: Run
    ) -> None:
        begun, outcome = race(
            shop.engine,
            lambda c: runs.begin_attempt(c, **attempt(job, first, by="dagster-1")),
            lambda c: runs.begin_attempt(c, **attempt(job, first, by="dagster-2")),
        )
        assert isinstance(outcome, StateConflict)
        assert shop.history(job) == [begun]

    def test_another_run_waits_for_a_living_process(
        self, shop: Shop, job: ImportJob, first: Run
    ) -> None:
        shop.begin(job, first)
        other = shop.ask(job, now=NOW + SECOND)
        with pytest.raises(StateConflict, match="still running"):
            shop.begin(job, other, by="dagster-2", now=NOW + DEAD - SECOND)
        assert shop.begin(job, other, by="dagster-2", now=NOW + DEAD).status is RUNNING

    def test_a_heartbeat_keeps_others_waiting(self, shop: Shop, job: ImportJob, first: Run) -> None:
        shop.begin(job, first)
        shop.do(runs.beat, first.id, dagster_run_id="dagster-1", now=NOW + HOUR)
        with pytest.raises(StateConflict, match="still running"):
            shop.begin(job, by="dagster-2", now=NOW + HOUR + MINUTE)


class TestReexecution:
    def test_takes_the_run_over_at_once(self, shop: Shop, job: ImportJob, first: Run) -> None:
        begun = shop.begin(job, first)
        again = shop.begin(job, first, by="dagster-2", again=True, now=NOW + SECOND)
        assert (again.id, again.attempts, again.dagster_run_id) == (first.id, 2, "dagster-2")
        assert again.started_at == begun.started_at

    def test_another_run_still_has_to_wait(self, shop: Shop, job: ImportJob, first: Run) -> None:
        other = shop.begin(job, first)
        shop.do(runs.fail_run, first.id, error="broke", now=NOW)
        shop.begin(job, shop.ask(job, now=NOW + SECOND), by="dagster-2")
        with pytest.raises(StateConflict, match="still running"):
            shop.begin(job, other, by="dagster-3", again=True, now=NOW + MINUTE)

    @pytest.mark.parametrize("status", [SUCCESS, UNCHANGED, FAILED])
    def test_of_what_has_ended(
        self, shop: Shop, job: ImportJob, first: Run, status: RunStatus
    ) -> None:
        _end(shop, job, shop.begin(job, first), status)
        again = shop.begin(job, first, by="dagster-2", again=True, now=NOW + HOUR)
        assert (again.status, again.attempts) == (RUNNING, 2)
        assert (again.ended_at, again.error) == (None, None)
        assert (again.inserted, again.valid) == (None, None)

    def test_of_what_was_cancelled(self, shop: Shop, job: ImportJob, first: Run) -> None:
        shop.pause(job)
        shop.resume(job)
        with pytest.raises(RunCancelled, match="paused"):
            shop.begin(job, first, by="dagster-2", again=True)

    @pytest.mark.parametrize("status", [SUCCESS, FAILED])
    def test_refused_it_leaves_the_run_as_it_ended(
        self, shop: Shop, job: ImportJob, first: Run, status: RunStatus
    ) -> None:
        _end(shop, job, shop.begin(job, first), status)
        ended = shop.history(job)
        for forbid in (shop.pause, shop.delete):
            forbid(job)
            with pytest.raises(RunCancelled):
                shop.begin(job, first, by="dagster-2", again=True)
            assert shop.history(job) == ended

    def test_the_failure_of_the_process_before_it_changes_nothing(
        self, shop: Shop, job: ImportJob, first: Run
    ) -> None:
        shop.begin(job, first)
        again = shop.begin(job, first, by="dagster-2", again=True)
        for end in (
            lambda: shop.do(
                runs.fail_run, first.id, error="late", now=NOW, dagster_run_id="dagster-1"
            ),
            lambda: shop.do(
                runs.cancel_run, first.id, reason="late", now=NOW, dagster_run_id="dagster-1"
            ),
        ):
            assert end() is False
        assert shop.history(job) == [again]
        assert shop.read(job).consecutive_failures == 0

    def test_taken_over_while_the_failure_waits(
        self, shop: Shop, job: ImportJob, first: Run
    ) -> None:
        shop.begin(job, first)
        again, failed = race(
            shop.engine,
            lambda c: runs.begin_attempt(c, **attempt(job, first, by="dagster-2", again=True)),
            lambda c: runs.fail_run(c, first.id, error="late", now=NOW, dagster_run_id="dagster-1"),
        )
        assert failed is False
        assert shop.history(job) == [again]


class TestProgress:
    def test_is_kept(self, shop: Shop, job: ImportJob, first: Run) -> None:
        shop.begin(job, first)
        found = {"http_status": 200, "bytes": 5_000_000_000, "records": 3, "warnings": ["a\0b"]}
        shop.do(runs.note_progress, first.id, found, dagster_run_id="dagster-1")
        (run,) = shop.history(job)
        assert (run.http_status, run.bytes, run.records) == (200, 5_000_000_000, 3)
        assert run.warnings == ("a\ufffdb",)

    def test_of_a_run_that_has_ended_is_not(self, shop: Shop, job: ImportJob, first: Run) -> None:
        shop.begin(job, first)
        shop.delete(job)
        ended = shop.history(job)
        shop.do(runs.note_progress, first.id, {"records": 3}, dagster_run_id="dagster-1")
        assert shop.history(job) == ended


class TestTakenOver:
    """What the process of an attempt can still do once another one has the Run: nothing."""

    @pytest.fixture
    def again(self, shop: Shop, job: ImportJob, first: Run) -> Run:
        shop.begin(job, first)
        return shop.begin(job, first, by="dagster-2", again=True, now=NOW + HOUR)

    def test_it_does_not_load(self, shop: Shop, job: ImportJob, first: Run, again: Run) -> None:
        with pytest.raises(RunCancelled, match="taken"):
            shop.load(job, first)
        assert shop.history(job) == [again]
        shop.load(job, again)
        assert shop.history(job)[0].status is SUCCESS

    def test_it_notes_nothing(self, shop: Shop, job: ImportJob, first: Run, again: Run) -> None:
        shop.do(runs.note_progress, first.id, {"bytes": 1}, dagster_run_id="dagster-1")
        assert shop.history(job) == [again]

    def test_it_does_not_keep_the_run_alive(
        self, shop: Shop, job: ImportJob, first: Run, again: Run
    ) -> None:
        late = NOW + HOUR + DEAD
        shop.do(runs.beat, first.id, dagster_run_id="dagster-1", now=late)
        assert shop.do(sync.beating_dagster_runs, now=late + SECOND) == set()

    def test_it_does_not_give_it_back(
        self, shop: Shop, job: ImportJob, first: Run, again: Run
    ) -> None:
        assert shop.do(runs.give_back, first.id, dagster_run_id="dagster-1", now=NOW) is False
        assert shop.history(job) == [again]


class TestGivenBack:
    def test_it_is_queued_and_launched_again(self, shop: Shop, job: ImportJob, first: Run) -> None:
        shop.begin(job, first)
        assert shop.do(runs.give_back, first.id, dagster_run_id="dagster-1", now=NOW)
        (run,) = shop.history(job)
        assert (run.status, run.attempts, run.dagster_run_id) == (QUEUED, 1, None)
        (launch,) = shop.do(sync.runs_to_launch, now=NOW + MINUTE)
        assert launch.run_id == first.id
        assert shop.begin(job, first, by="dagster-2", again=True).attempts == 2
        assert shop.read(job).consecutive_failures == 0

    def test_a_pause_cancels_it(self, shop: Shop, job: ImportJob, first: Run) -> None:
        shop.begin(job, first)
        shop.do(runs.give_back, first.id, dagster_run_id="dagster-1", now=NOW)
        shop.pause(job)
        assert shop.history(job)[0].status is CANCELLED

    @pytest.mark.parametrize("what", ["paused", "unmapped"])
    def test_what_may_not_begin_any_more_is_cancelled(
        self, shop: Shop, job: ImportJob, first: Run, what: str
    ) -> None:
        """It was running when the import job stopped, and so was not cancelled with the rest."""
        shop.begin(job, first)
        if what == "paused":
            shop.pause(job)
        else:
            shop.require(*COLUMNS, Column("brand", "Brand", is_required=True))
        assert shop.do(runs.give_back, first.id, dagster_run_id="dagster-1", now=NOW) is False
        (run,) = shop.history(job)
        assert run.status is CANCELLED
        assert "was lost" in str(run.error)

    def test_one_asked_for_by_hand_goes_on_while_paused(self, shop: Shop, job: ImportJob) -> None:
        shop.pause(job)
        run = shop.begin(job, shop.ask(job))
        assert shop.do(runs.give_back, run.id, dagster_run_id="dagster-1", now=NOW)

    @pytest.mark.parametrize("status", [SUCCESS, UNCHANGED, FAILED])
    def test_what_has_ended_stays(
        self, shop: Shop, job: ImportJob, first: Run, status: RunStatus
    ) -> None:
        _end(shop, job, shop.begin(job, first), status)
        ended = shop.history(job)
        assert shop.do(runs.give_back, first.id, dagster_run_id="dagster-1", now=NOW) is False
        assert shop.history(job) == ended


class TestRecord:
    def test_a_load(self, shop: Shop, job: ImportJob, first: Run) -> None:
        shop.begin(job, first)
        shop.load(job, first, now=NOW + MINUTE)
        (run,) = shop.history(job)
        assert (run.status, run.ended_at) == (SUCCESS, NOW + MINUTE)
        assert (run.records, run.filtered, run.valid, run.invalid) == (5, 0, 4, 1)
        assert (run.inserted, run.updated, run.unchanged, run.deleted) == (3, 1, 0, 0)
        seen = shop.read(job)
        assert (seen.total_records, seen.valid_records, seen.invalid_records) == (5, 4, 1)
        assert (seen.last_run, seen.last_error) == (NOW + MINUTE, None)
        plan = shop.do(plans.load_plan, shop.box, job.id)
        assert plan.feed_state == FeedState(etag='"1"', fingerprint="f")

    def test_an_unchanged_feed(self, shop: Shop, job: ImportJob, first: Run) -> None:
        shop.begin(job, first)
        shop.do(runs.note_progress, first.id, {"records": 7}, dagster_run_id="dagster-1")
        _end(shop, job, first, UNCHANGED)
        (run,) = shop.history(job)
        assert (run.status, run.records, run.inserted) == (UNCHANGED, None, None)
        seen = shop.read(job)
        assert (seen.last_run, seen.total_records) == (NOW, None)

    def test_a_success_ends_a_row_of_failures(self, shop: Shop, job: ImportJob, first: Run) -> None:
        shop.begin(job, first)
        _end(shop, job, first, FAILED)
        run = shop.begin(job, by="dagster-2", now=NOW + HOUR)
        shop.load(job, run)
        seen = shop.read(job)
        assert (seen.consecutive_failures, seen.last_error) == (0, None)

    def test_only_a_run_under_way(self, shop: Shop, job: ImportJob, first: Run) -> None:
        with pytest.raises(RunCancelled, match="QUEUED"):
            shop.load(job, first)

    def test_of_two_loads_of_one_run_the_first_counts(
        self, shop: Shop, job: ImportJob, first: Run
    ) -> None:
        shop.begin(job, first)
        _, outcome = race(
            shop.engine,
            lambda c: runs.record_load(c, **load(job, first)),
            lambda c: runs.record_load(c, **load(job, first)),
        )
        assert isinstance(outcome, RunCancelled)

    def test_a_beat_and_a_load_do_not_deadlock(
        self, shop: Shop, job: ImportJob, first: Run
    ) -> None:
        shop.begin(job, first)
        race(
            shop.engine,
            lambda c: runs.record_load(c, **load(job, first)),
            lambda c: runs.beat(c, first.id, dagster_run_id="dagster-1", now=NOW),
        )
        assert shop.history(job)[0].status is SUCCESS

    def test_rejects_first_and_a_pause_do_not_deadlock(
        self, shop: Shop, job: ImportJob, first: Run
    ) -> None:
        shop.begin(job, first)
        with shop.transaction() as connection:
            runs.replace_rejects(connection, first.id, _rejects(1))
            shop.pause(job)  # commits, though the rejects hold the Run's key
            runs.record_load(connection, **load(job, first))
        assert shop.history(job)[0].status is SUCCESS


class TestFail:
    def test_tells_the_import_job(self, shop: Shop, job: ImportJob, first: Run) -> None:
        shop.begin(job, first)
        assert shop.do(runs.fail_run, first.id, error="no \0 feed", now=NOW + MINUTE)
        (run,) = shop.history(job)
        assert (run.status, run.error, run.ended_at) == (FAILED, "no \ufffd feed", NOW + MINUTE)
        seen = shop.read(job)
        assert (seen.last_error, seen.consecutive_failures) == ("no \ufffd feed", 1)
        assert seen.last_run == NOW + MINUTE

    def test_counts_in_a_row(self, shop: Shop, job: ImportJob) -> None:
        for n in range(3):
            run = shop.begin(job, by=f"dagster-{n}", now=NOW + n * MINUTE)
            shop.do(runs.fail_run, run.id, error="broke", now=NOW)
        assert shop.read(job).consecutive_failures == 3

    @pytest.mark.parametrize("status", [SUCCESS, UNCHANGED, FAILED])
    def test_what_has_ended_stays(
        self, shop: Shop, job: ImportJob, first: Run, status: RunStatus
    ) -> None:
        _end(shop, job, shop.begin(job, first), status)
        ended = shop.history(job), shop.read(job)
        assert shop.do(runs.fail_run, first.id, error="late", now=NOW) is False
        assert shop.do(runs.cancel_run, first.id, reason="late", now=NOW) is False
        assert (shop.history(job), shop.read(job)) == ended

    def test_one_that_never_began(self, shop: Shop, job: ImportJob, first: Run) -> None:
        end = {"now": NOW, "dagster_run_id": "dagster-9"}
        assert shop.do(runs.fail_run, first.id, error="did not start", **end)
        assert shop.history(job)[0].status is FAILED

    def test_an_unknown_run(self, shop: Shop) -> None:
        assert shop.do(runs.fail_run, "0" * 24, error="", now=NOW) is False
        assert shop.do(runs.cancel_run, "0" * 24, reason="", now=NOW) is False


class TestCancel:
    def test_says_why_and_counts_no_failure(self, shop: Shop, job: ImportJob, first: Run) -> None:
        shop.begin(job, first)
        assert shop.do(runs.cancel_run, first.id, reason="Stopped in Dagster.", now=NOW)
        (run,) = shop.history(job)
        assert (run.status, run.error) == (CANCELLED, "Stopped in Dagster.")
        seen = shop.read(job)
        assert (seen.consecutive_failures, seen.last_error, seen.last_run) == (0, None, None)
        with pytest.raises(RunCancelled):
            shop.load(job, first)


class TestRead:
    def test_of_another_import_job(self, shop: Shop, job: ImportJob, first: Run) -> None:
        assert shop.do(runs.get_run, job_id=job.id, run_id=first.id) == first
        for ids in (
            {"job_id": shop.add().id, "run_id": first.id},
            {"job_id": job.id, "run_id": ""},
        ):
            with pytest.raises(NotFound, match="run"):
                shop.do(runs.get_run, **ids)

    @pytest.mark.parametrize("size", [1, 2, 4])
    def test_pages_over_equal_times_lose_and_repeat_nothing(
        self, shop: Shop, job: ImportJob, size: int
    ) -> None:
        for n in range(4):  # asked for in one moment: due at different ones
            shop.do(
                runs.enqueue_run,
                job.id,
                trigger=Trigger.SCHEDULE,
                due_at=NOW + (n + 1) * HOUR,
                now=NOW,
            )
        everything = shop.history(job)
        assert list(_paged(shop, job, size)) == everything
        assert len(everything) == 5

    def test_of_a_deleted_import_job(self, shop: Shop, job: ImportJob, first: Run) -> None:
        shop.delete(job)
        assert [run.id for run in shop.history(job)] == [first.id]


class TestUniqueDueTime:
    def test_a_second_run_of_a_due_time(self, shop: Shop, job: ImportJob, first: Run) -> None:
        again = shop.do(
            runs.enqueue_run, job.id, trigger=Trigger.SCHEDULE, due_at=first.due_at, now=NOW
        )
        assert again is None
        other = shop.add(run_now=False)
        assert shop.do(
            runs.enqueue_run, other.id, trigger=Trigger.SCHEDULE, due_at=first.due_at, now=NOW
        )


class TestRejects:
    def test_in_the_feeds_order_page_by_page(self, shop: Shop, first: Run) -> None:
        stored = _rejects(2500)
        shop.do(runs.replace_rejects, first.id, iter(stored))
        assert shop.do(runs.list_rejects, first.id) == stored
        assert shop.do(runs.list_rejects, first.id, limit=2, after=1998) == stored[1999:2001]
        assert shop.do(runs.reject_fields, first.id) == ["price", "title"]

    def test_of_a_later_attempt_replace_them(self, shop: Shop, first: Run) -> None:
        for count in (3, 1, 0):
            shop.do(runs.replace_rejects, first.id, _rejects(count))
            assert shop.do(runs.list_rejects, first.id) == _rejects(count)

    def test_with_characters_that_postgresql_does_not_take(self, shop: Shop, first: Run) -> None:
        odd = Reject(0, {"a\0": "\ud800", "b": None}, (CellError("a", "type", "x\0y", "no"),))
        shop.do(runs.replace_rejects, first.id, [odd])
        assert shop.do(runs.list_rejects, first.id) == [
            Reject(0, {"a\ufffd": "\ufffd", "b": None}, (CellError("a", "type", "x\ufffdy", "no"),))
        ]


class TestRequiredColumnMeanwhile:
    def test_a_run_under_way_goes_on_and_no_other_starts(
        self, shop: Shop, job: ImportJob, first: Run
    ) -> None:
        run = shop.begin(job, first)
        shop.require(*COLUMNS, Column("brand", "Brand", is_required=True))
        assert shop.begin(job, first) == run
        shop.do(runs.fail_run, first.id, error="broke", now=NOW)
        with pytest.raises(StateConflict, match="required columns"):
            shop.begin(job, first, by="dagster-2", again=True)


def _end(shop: Shop, job: ImportJob, run: Run, status: RunStatus) -> None:
    if status is SUCCESS:
        shop.load(job, run)
    elif status is UNCHANGED:
        shop.do(
            runs.record_unchanged,
            job_id=job.id,
            run_id=run.id,
            dagster_run_id=run.dagster_run_id or "dagster-1",
            feed_state=FeedState(),
            now=NOW,
        )
    else:
        shop.do(runs.fail_run, run.id, error="broke", now=NOW)


def _rejects(count: int) -> list[Reject]:
    return [
        Reject(
            n,
            {"title": f"Lamp {n}", "price": None},
            (CellError("price", "required", None, "is missing"),),
        )
        for n in range(count)
    ]


def _paged(shop: Shop, job: ImportJob, size: int) -> Iterator[Run]:
    before = None
    while page := shop.do(runs.list_runs, job_id=job.id, limit=size, before=before):
        yield from page
        before = (page[-1].created_at, page[-1].id)
