from __future__ import annotations

import pytest

from impler_pipelines.errors import RunCancelled, StateConflict
from impler_pipelines.model import ImportJob, Run, RunStatus, Trigger
from impler_pipelines.store import runs, sync
from impler_pipelines.store.due import claim_due_run
from impler_pipelines_tests.store.shop import COLUMNS, HOUR, MINUTE, NOW, Shop, at, load, race


@pytest.fixture
def job(shop: Shop) -> ImportJob:
    return shop.add()


@pytest.fixture
def first(shop: Shop, job: ImportJob) -> Run:
    """The first run of ``job``, queued."""
    return shop.history(job)[0]


def fail(shop: Shop, job: ImportJob, run: Run | None = None) -> Run:
    """A run that has begun and failed."""
    run = shop.begin(job, run or shop.history(job)[0])
    assert shop.do(runs.fail_run, run.id, error="no answer", now=NOW + MINUTE)
    return shop.history(job)[0]


class TestCancel:
    def test_a_queued_run(self, shop: Shop, job: ImportJob, first: Run) -> None:
        run = shop.do(runs.cancel_by_request, first, now=NOW + MINUTE)
        assert (run.status, run.ended_at) == (RunStatus.CANCELLED, NOW + MINUTE)
        assert run.error == "Cancelled by request."
        assert shop.do(sync.runs_to_launch, now=NOW + MINUTE) == []

    def test_one_under_way_may_not_load_any_more(
        self, shop: Shop, job: ImportJob, first: Run
    ) -> None:
        run = shop.begin(job, first)
        shop.do(runs.cancel_by_request, run, now=NOW)
        with pytest.raises(RunCancelled):
            shop.load(job, run)
        assert shop.read(job).consecutive_failures == 0

    def test_twice_is_once(self, shop: Shop, first: Run) -> None:
        cancelled = shop.do(runs.cancel_by_request, first, now=NOW)
        assert shop.do(runs.cancel_by_request, cancelled, now=NOW + HOUR) == cancelled

    def test_one_that_has_ended(self, shop: Shop, job: ImportJob, first: Run) -> None:
        run = shop.begin(job, first)
        shop.load(job, run)
        with pytest.raises(StateConflict, match="SUCCESS"):
            shop.do(runs.cancel_by_request, run, now=NOW)

    def test_a_load_that_seals_first_wins(self, shop: Shop, job: ImportJob, first: Run) -> None:
        run = shop.begin(job, first)
        _, refused = race(
            shop.engine,
            lambda c: runs.record_load(c, **load(job, run)),
            lambda c: runs.cancel_by_request(c, run, now=NOW),
        )
        assert isinstance(refused, StateConflict)
        assert shop.history(job)[0].status is RunStatus.SUCCESS

    def test_the_schedule_goes_on(self, shop: Shop, job: ImportJob, first: Run) -> None:
        shop.do(runs.cancel_by_request, first, now=NOW)
        assert shop.do(claim_due_run, job.id, now=at("13:00")).run is not None


class TestRetry:
    def test_queues_the_same_run_again(self, shop: Shop, job: ImportJob) -> None:
        failed = fail(shop, job)
        again = shop.do(runs.retry_failed, failed)
        assert (again.id, again.status, again.ended_at) == (failed.id, RunStatus.QUEUED, None)
        (launch,) = shop.do(sync.runs_to_launch, now=NOW + HOUR)
        assert (launch.run_id, launch.from_failed_op) == (failed.id, True)

    def test_once_it_has_begun_it_goes_on_from_nothing_else(
        self, shop: Shop, job: ImportJob
    ) -> None:
        shop.do(runs.retry_failed, fail(shop, job))
        run = shop.begin(job, shop.history(job)[0], by="dagster-2", again=True)
        assert (run.attempts, run.error) == (2, None)
        assert shop.do(runs.give_back, run.id, dagster_run_id="dagster-2", now=NOW)
        (launch,) = shop.do(sync.runs_to_launch, now=NOW + HOUR)
        assert not launch.from_failed_op

    @pytest.mark.parametrize("what", ["import job", "template"])
    def test_after_an_edit_it_begins_anew(self, shop: Shop, job: ImportJob, what: str) -> None:
        """What was read before was read by the former mapping or columns."""
        failed = fail(shop, job)
        if what == "template":
            shop.require(*COLUMNS, now=NOW + HOUR)
        else:
            shop.change(job, now=NOW + HOUR, url="https://shop.example/other.xml")
        shop.do(runs.retry_failed, failed)
        (launch,) = shop.do(sync.runs_to_launch, now=NOW + HOUR)
        assert not launch.from_failed_op

    def test_counts_as_one_failure_however_often(self, shop: Shop, job: ImportJob) -> None:
        failed = fail(shop, job)
        for number in range(3):
            shop.do(runs.retry_failed, failed)
            run = shop.begin(job, failed, by=f"again-{number}", again=True)
            shop.do(runs.fail_run, run.id, error="no answer", now=NOW + MINUTE)
        assert shop.read(job).consecutive_failures == 1

    def test_its_losses_are_counted_from_then_on(self, shop: Shop, job: ImportJob) -> None:
        shop.do(runs.retry_failed, fail(shop, job))
        shop.begin(job, shop.history(job)[0], by="dagster-2", again=True)
        (silent,) = shop.do(sync.silent_runs, now=NOW + HOUR)
        assert silent.attempts_before == 1

    def test_run_now_makes_it_fetch(self, shop: Shop, job: ImportJob) -> None:
        again = shop.do(runs.retry_failed, fail(shop, job))
        assert shop.ask(job, now=NOW + HOUR).id == again.id
        (launch,) = shop.do(sync.runs_to_launch, now=NOW + HOUR)
        assert not launch.from_failed_op

    def test_one_of_the_schedule_is_launched_at_once(self, shop: Shop) -> None:
        job = shop.add(run_now=False)
        claimed = shop.do(claim_due_run, job.id, now=at("13:00")).run
        assert claimed is not None
        failed = fail(shop, job, claimed)
        assert failed.trigger is Trigger.SCHEDULE
        shop.do(runs.retry_failed, failed)
        assert len(shop.do(sync.runs_to_launch, now=at("13:05"))) == 1

    def test_only_one_that_failed(self, shop: Shop, job: ImportJob, first: Run) -> None:
        with pytest.raises(StateConflict, match="QUEUED"):
            shop.do(runs.retry_failed, first)

    def test_two_at_once_are_one(self, shop: Shop, job: ImportJob) -> None:
        failed = fail(shop, job)
        _, second = race(
            shop.engine,
            lambda c: runs.retry_failed(c, failed),
            lambda c: runs.retry_failed(c, failed),
        )
        assert isinstance(second, StateConflict)

    def test_not_beside_another_run(self, shop: Shop, job: ImportJob) -> None:
        failed = fail(shop, job)
        shop.ask(job, now=NOW + HOUR)
        with pytest.raises(StateConflict, match="queued or running"):
            shop.do(runs.retry_failed, failed)

    def test_not_after_a_later_one(self, shop: Shop, job: ImportJob) -> None:
        failed = fail(shop, job)
        later = shop.begin(job, shop.ask(job, now=NOW + HOUR), now=NOW + HOUR)
        shop.load(job, later, now=NOW + HOUR)
        with pytest.raises(StateConflict, match="Another run"):
            shop.do(runs.retry_failed, failed)

    def test_not_after_a_later_one_that_was_cancelled_in_the_middle(
        self, shop: Shop, job: ImportJob
    ) -> None:
        """One of several tables may have taken its rows."""
        failed = fail(shop, job)
        later = shop.begin(job, shop.ask(job, now=NOW + HOUR), now=NOW + HOUR)
        shop.do(runs.cancel_by_request, later, now=NOW + HOUR)
        with pytest.raises(StateConflict, match="Another run"):
            shop.do(runs.retry_failed, failed)

    def test_not_after_an_earlier_one_that_was_executed_again(
        self, shop: Shop, job: ImportJob, first: Run
    ) -> None:
        shop.load(job, shop.begin(job, first))
        failed = fail(shop, job, shop.ask(job, now=NOW + MINUTE))
        again = shop.begin(job, first, by="dagster-9", again=True, now=NOW + HOUR)
        shop.load(job, again, now=NOW + HOUR)
        with pytest.raises(StateConflict, match="Another run"):
            shop.do(runs.retry_failed, failed)

    def test_after_a_later_one_that_never_began(self, shop: Shop, job: ImportJob) -> None:
        failed = fail(shop, job)
        shop.do(runs.cancel_by_request, shop.ask(job, now=NOW + HOUR), now=NOW + HOUR)
        assert shop.do(runs.retry_failed, failed).status is RunStatus.QUEUED

    def test_not_while_it_could_not_begin(self, shop: Shop, job: ImportJob) -> None:
        failed = fail(shop, job)
        shop.pause(job)
        with pytest.raises(StateConflict, match="PAUSED"):
            shop.do(runs.retry_failed, failed)
        shop.delete(job)
        with pytest.raises(StateConflict, match="TERMINATED"):
            shop.do(runs.retry_failed, failed)

    def test_by_hand_also_while_paused(self, shop: Shop) -> None:
        job = shop.add(run_now=False)
        failed = fail(shop, job, shop.ask(job))
        shop.pause(job)
        assert shop.do(runs.retry_failed, failed).status is RunStatus.QUEUED

    def test_not_one_of_a_schedule_that_is_gone(self, shop: Shop) -> None:
        job = shop.add(run_now=False)
        claimed = shop.do(claim_due_run, job.id, now=at("13:00")).run
        assert claimed is not None
        failed = fail(shop, job, claimed)
        shop.change(job, interval=None)
        with pytest.raises(StateConflict, match="SCHEDULING"):
            shop.do(runs.retry_failed, failed)


class TestLateProcess:
    def test_one_that_counted_as_dead_cancels_nothing(
        self, shop: Shop, job: ImportJob, first: Run
    ) -> None:
        run = shop.begin(job, first)
        shop.do(runs.give_back, run.id, dagster_run_id="dagster-1", now=NOW)
        cancel = {"reason": "The run is QUEUED.", "now": NOW, "dagster_run_id": "dagster-1"}
        assert not shop.do(runs.cancel_run, run.id, **cancel, begun=True)
        assert shop.history(job)[0].status is RunStatus.QUEUED
