from __future__ import annotations

import datetime as dt

import pytest

from impler_pipelines.model import ImportJob, ImportJobStatus, RunStatus, Trigger
from impler_pipelines.store import import_jobs, runs
from impler_pipelines.store.due import Claim, claim_due_run
from impler_pipelines.store.due_times import overdue_import_jobs, postpone
from impler_pipelines_tests.store.shop import HOUR, MINUTE, NOW, Shop, at, race

DUE = at("13:00")
SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def job(shop: Shop) -> ImportJob:
    """Due at 13:00 and every hour after it."""
    return shop.add(run_now=False)


def claim(shop: Shop, job: ImportJob, now: dt.datetime) -> Claim:
    return shop.do(claim_due_run, job.id, now=now)


class TestClaim:
    def test_a_due_time(self, shop: Shop, job: ImportJob) -> None:
        claimed = claim(shop, job, DUE)
        assert claimed.run is not None
        assert (claimed.run.status, claimed.run.trigger) == (RunStatus.QUEUED, Trigger.SCHEDULE)
        assert (claimed.run.due_at, claimed.run.created_at) == (DUE, DUE)
        assert claimed.job is not None
        assert (claimed.job.id, claimed.job.headings) == (job.id, ())
        assert shop.read(job).next_run == DUE + HOUR

    def test_not_before_it(self, shop: Shop, job: ImportJob) -> None:
        early = claim(shop, job, DUE - SECOND)
        assert early.run is None
        assert "13:00:00" in early.reason
        assert shop.read(job).next_run == DUE

    def test_only_once(self, shop: Shop, job: ImportJob) -> None:
        claim(shop, job, DUE)
        assert claim(shop, job, DUE + SECOND).run is None
        assert len(shop.history(job)) == 1

    def test_two_at_once_are_one_run(self, shop: Shop, job: ImportJob) -> None:
        one, other = race(
            shop.engine,
            lambda c: claim_due_run(c, job.id, now=DUE),
            lambda c: claim_due_run(c, job.id, now=DUE),
        )
        assert one.run is not None
        assert isinstance(other, Claim)
        assert other.run is None
        assert len(shop.history(job)) == 1

    def test_many_missed_ones_are_one_run(self, shop: Shop, job: ImportJob) -> None:
        claimed = claim(shop, job, DUE + 5 * HOUR + MINUTE)
        assert claimed.run is not None
        assert claimed.run.due_at == DUE
        assert shop.read(job).next_run == DUE + 6 * HOUR
        assert claim(shop, job, DUE + 5 * HOUR + 2 * MINUTE).run is None

    @pytest.mark.parametrize("began", [False, True])
    def test_skips_while_a_run_is_active(self, shop: Shop, job: ImportJob, began: bool) -> None:
        asked = shop.ask(job)
        if began:
            shop.begin(job, asked)
        skipped = claim(shop, job, DUE)
        assert (skipped.run, skipped.reason) == (None, "A run is still queued or running.")
        assert shop.read(job).next_run == DUE + HOUR

    def test_a_clock_that_went_back(self, shop: Shop, job: ImportJob) -> None:
        claimed = claim(shop, job, DUE)
        assert claimed.run is not None
        shop.do(runs.fail_run, claimed.run.id, error="broke", now=DUE)
        shop.set(job, next_run=DUE)
        again = claim(shop, job, DUE)
        assert (again.run, again.reason) == (None, "This due time was claimed.")
        assert shop.read(job).next_run == DUE + HOUR

    @pytest.mark.parametrize("change", ["pause", "delete"])
    def test_not_off_the_schedule(self, shop: Shop, job: ImportJob, change: str) -> None:
        after = getattr(shop, change)(job)
        skipped = claim(shop, job, DUE)
        assert (skipped.run, skipped.reason) == (None, f"The import job is {after.status}.")

    def test_an_unknown_import_job(self, shop: Shop) -> None:
        assert shop.do(claim_due_run, "0" * 24, now=NOW) == Claim(
            None, None, "There is no such import job."
        )


class TestEnd:
    def test_a_due_time_at_the_end_runs(self, shop: Shop) -> None:
        job = shop.add(ends_on=DUE, run_now=False)
        assert claim(shop, job, DUE).run is not None
        assert shop.read(job).next_run is None

    def test_a_tick_that_comes_after_the_end_claims_what_was_due_before(self, shop: Shop) -> None:
        job = shop.add(ends_on=DUE, run_now=False)
        shop.do(import_jobs.complete_ended_import_jobs, now=DUE + HOUR)
        claimed = claim(shop, job, DUE + HOUR)
        assert claimed.run is not None
        assert claimed.run.due_at == DUE
        after = shop.read(job)
        assert (after.status, after.next_run) == (ImportJobStatus.COMPLETED, None)

    def test_what_was_postponed_past_the_end_does_not_run(self, shop: Shop) -> None:
        job = shop.add(ends_on=at("13:30"), run_now=False)
        shop.set(job, next_run=at("13:45"))
        late = claim(shop, job, at("14:00"))
        assert (late.run, late.reason) == (None, "It ended at 2026-11-22 13:30 UTC.")
        assert shop.read(job).status is ImportJobStatus.COMPLETED


class TestPostpone:
    @pytest.mark.parametrize(
        ("until", "moved_to"),
        [
            pytest.param(at("12:59"), at("13:00"), id="earlier than the next run"),
            pytest.param(at("13:00"), at("13:00"), id="at the next run"),
            pytest.param(at("13:00:01"), at("14:00"), id="just after it"),
            pytest.param(at("16:00"), at("16:00"), id="at a later one"),
            pytest.param(at("16:20"), at("17:00"), id="between later ones"),
        ],
    )
    def test_keeps_to_the_schedule(
        self, shop: Shop, job: ImportJob, until: dt.datetime, moved_to: dt.datetime
    ) -> None:
        shop.do(postpone, job.id, until=until)
        assert shop.read(job).next_run == moved_to

    def test_past_the_end_there_is_none(self, shop: Shop) -> None:
        job = shop.add(ends_on=at("15:00"))
        shop.do(postpone, job.id, until=at("15:01"))
        assert shop.read(job).next_run is None

    def test_a_paused_one_stays(self, shop: Shop, job: ImportJob) -> None:
        shop.pause(job)
        shop.do(postpone, job.id, until=at("15:01"))
        assert shop.read(job).next_run is None


class TestOverdue:
    def test_are_found_longest_first(self, shop: Shop) -> None:
        first = shop.add()
        second = shop.add(now=NOW + HOUR)
        shop.pause(shop.add())
        shop.add(now=NOW + 3 * HOUR)
        found = shop.do(overdue_import_jobs, before=at("15:00"))
        assert found == [first.id, second.id]
