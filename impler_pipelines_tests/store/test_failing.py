from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, select, text

from impler_pipelines.errors import NotFound
from impler_pipelines.model import FeedState, ImportJob, Interval, Unit
from impler_pipelines.store import events, runs, templates
from impler_pipelines.store.destinations import TableSpec, WebhookSpec, find_webhook
from impler_pipelines.store.due import claim_due_run
from impler_pipelines.store.failing import FAILING_AFTER, LONGEST_WAIT, back_off
from impler_pipelines.store.tables import webhook_pages
from impler_pipelines_tests.store.shop import HOUR, MINUTE, NOW, Shop, at, race

SPEC = WebhookSpec("https://shop.test/events", 500, 5, 60.0, False, True)


@pytest.fixture
def job(shop: Shop) -> ImportJob:
    return shop.add(run_now=False)


def fail(shop: Shop, job: ImportJob, times: int = 1, *, now: dt.datetime = NOW) -> ImportJob:
    """So many runs that failed, one after the other; the import job as it is then."""
    for _ in range(times):
        run = shop.begin(job, shop.ask(job, now=now), now=now)
        shop.do(runs.fail_run, run.id, error="no answer", now=now)
    return shop.read(job)


def succeed(shop: Shop, job: ImportJob, *, now: dt.datetime) -> ImportJob:
    run = shop.begin(job, shop.ask(job, now=now), now=now)
    shop.load(job, run, now=now)
    return shop.read(job)


def told(connection: Connection) -> list[tuple[str, dict[str, Any]]]:
    """The events in the outbox, in order."""
    query = select(webhook_pages).order_by(webhook_pages.c.sequence)
    return [(row.event, json.loads(row.data)) for row in connection.execute(query)]


class TestBackOff:
    def test_two_failures_change_nothing(self, shop: Shop, job: ImportJob) -> None:
        failing = fail(shop, job, 2)
        assert (failing.next_run, failing.failing_since) == (job.next_run, None)

    @pytest.mark.parametrize(
        ("failures", "hours"), [(3, 2), (4, 4), (5, 8), (6, 16), (7, 24), (8, 24), (500, 24)]
    )
    def test_doubles_the_time_between_runs(
        self, shop: Shop, job: ImportJob, failures: int, hours: int
    ) -> None:
        shop.set(job, consecutive_failures=failures - 1)
        failing = fail(shop, job)
        assert failing.next_run is not None
        assert failing.next_run - at("12:00") == dt.timedelta(hours=hours)

    @pytest.mark.parametrize("every", [1, 7])
    def test_a_schedule_of_days_is_slow_enough(self, shop: Shop, every: int) -> None:
        days = Interval(every, Unit.DAYS, at=dt.time(9), starts_on=NOW.date())
        job = shop.add(run_now=False, interval=days)
        assert fail(shop, job, 6).next_run == job.next_run

    def test_never_passes_over_more_than_a_day(self, shop: Shop) -> None:
        job = shop.add(run_now=False, interval=None, cron="*/15 9-17 * * MON-FRI")
        shop.set(job, consecutive_failures=50)
        failing = fail(shop, job, now=at("16:00"))
        assert failing.next_run is not None
        assert failing.next_run <= at("16:00") + LONGEST_WAIT + dt.timedelta(minutes=15)

    def test_is_never_for_good(self, shop: Shop, job: ImportJob) -> None:
        now = NOW
        for _ in range(12):
            due = shop.read(job).next_run
            assert due is not None
            assert due - now <= LONGEST_WAIT + HOUR
            now = due
            claimed = shop.do(claim_due_run, job.id, now=now).run
            assert claimed is not None
            shop.begin(job, claimed, now=now)
            shop.do(runs.fail_run, claimed.id, error="no answer", now=now)

    def test_a_resume_and_an_edit_start_from_now(self, shop: Shop, job: ImportJob) -> None:
        fail(shop, job, 8)
        shop.pause(job)
        assert shop.resume(job).next_run == job.next_run
        fail(shop, job)
        edited = shop.change(job, interval=Interval(5, Unit.MINUTES, starts_on=NOW.date()))
        assert edited.next_run is not None
        assert edited.next_run - NOW <= dt.timedelta(minutes=5)

    def test_while_paused_it_stays_without_a_next_run(self, shop: Shop, job: ImportJob) -> None:
        shop.set(job, consecutive_failures=7)
        shop.pause(job)
        assert fail(shop, job).next_run is None

    @pytest.mark.parametrize("failures", [3, 6, 50])
    def test_the_end_of_the_schedule_is_not_passed_over(self, shop: Shop, failures: int) -> None:
        end = at("23:30")
        job = shop.add(run_now=False, ends_on=end)
        shop.set(job, consecutive_failures=failures - 1)
        failing = fail(shop, job)
        assert failing.next_run is not None
        assert job.next_run is not None
        assert job.next_run < failing.next_run <= end

    @given(failures=st.integers(FAILING_AFTER, 10**6), minutes=st.integers(1, 3000))
    def test_waits_are_bounded_by_a_day_or_the_schedule(self, failures: int, minutes: int) -> None:
        between = dt.timedelta(minutes=minutes)
        wait = back_off(between, failures)
        assert between <= wait <= max(between, LONGEST_WAIT)
        assert back_off(between, failures + 1) >= wait


class TestRecovery:
    def test_the_first_success_restores_the_schedule(self, shop: Shop, job: ImportJob) -> None:
        assert fail(shop, job, 8).failing_since == NOW
        later = NOW + 5 * MINUTE
        recovered = succeed(shop, job, now=later)
        assert (recovered.failing_since, recovered.consecutive_failures) == (None, 0)
        assert recovered.next_run == job.next_run

    def test_an_unchanged_feed_is_a_success(self, shop: Shop, job: ImportJob) -> None:
        fail(shop, job, 8)
        run = shop.begin(job, shop.ask(job))
        shop.do(
            runs.record_unchanged,
            job_id=job.id,
            run_id=run.id,
            dagster_run_id="dagster-1",
            feed_state=FeedState(),
            now=NOW,
        )
        assert shop.read(job).next_run == job.next_run

    def test_a_due_time_that_waits_for_its_tick_is_kept(self, shop: Shop, job: ImportJob) -> None:
        failing = fail(shop, job, 3)
        assert failing.next_run is not None
        late = failing.next_run + MINUTE
        assert succeed(shop, job, now=late).next_run == failing.next_run

    def test_one_without_a_next_run_gets_one(self, shop: Shop, job: ImportJob) -> None:
        fail(shop, job, 3)
        shop.set(job, next_run=None)
        assert succeed(shop, job, now=NOW).next_run == job.next_run

    def test_a_run_that_fetched_nothing_tells_nothing(self, shop: Shop, job: ImportJob) -> None:
        loaded = shop.begin(job, shop.ask(job))
        shop.load(job, loaded)
        failing = fail(shop, job, 3)
        (kept,) = (run for run in shop.history(job) if run.id == loaded.id)
        rejects = shop.begin(job, shop.do(runs.retry_rejects, kept, now=NOW + MINUTE))
        shop.load(job, rejects)
        after = shop.read(job)
        assert (after.failing_since, after.consecutive_failures) == (failing.failing_since, 3)
        assert (after.next_run, after.last_error) == (failing.next_run, "no answer")

    def test_of_a_paused_one_nothing_is_due(self, shop: Shop, job: ImportJob) -> None:
        fail(shop, job, 3)
        shop.pause(job)
        assert succeed(shop, job, now=NOW).next_run is None


class TestEvents:
    @pytest.fixture
    def _webhook(self, shop: Shop) -> None:
        shop.do(events.set_project_webhook, shop.box, shop.project_id, SPEC)

    @pytest.mark.usefixtures("_webhook")
    def test_each_once(self, shop: Shop, job: ImportJob) -> None:
        fail(shop, job, 5)
        succeed(shop, job, now=NOW + HOUR)
        succeed(shop, job, now=NOW + 2 * HOUR)
        (first, failing), (second, recovered) = shop.do(told)
        assert (first, second) == ("import_job.failing", "import_job.recovered")
        assert failing["importJobId"] == recovered["importJobId"] == job.id
        assert failing["lastError"] == "no answer"
        assert failing["consecutiveFailures"] == FAILING_AFTER
        assert failing["failingSince"] == NOW.isoformat().replace("+00:00", "Z")
        assert (recovered["lastError"], recovered["failingSince"]) == (None, None)

    @pytest.mark.usefixtures("_webhook")
    def test_again_when_it_fails_again(self, shop: Shop, job: ImportJob) -> None:
        for _ in range(2):
            fail(shop, job, 3)
            succeed(shop, job, now=NOW)
        assert [name for name, _ in shop.do(told)] == [
            "import_job.failing",
            "import_job.recovered",
        ] * 2

    def test_nobody_is_told_without_a_webhook(self, shop: Shop, job: ImportJob) -> None:
        fail(shop, job, 3)
        assert shop.do(told) == []

    @pytest.mark.usefixtures("_webhook")
    def test_an_edit_of_the_template_is_not_waited_for(self, shop: Shop, job: ImportJob) -> None:
        """It holds the template and then wants the import jobs: who waits here would deadlock."""
        fail(shop, job, 2)
        run = shop.begin(job, shop.ask(job))
        with shop.transaction() as editing, shop.transaction() as failing:
            templates.update_template(
                editing,
                shop.box,
                project_id=shop.project_id,
                template_id=shop.template_id,
                now=NOW,
                name="Other",
            )
            failing.execute(text("SET LOCAL lock_timeout = '5s'"))
            runs.fail_run(failing, run.id, error="no answer", now=NOW)
        assert [name for name, _ in shop.do(told)] == ["import_job.failing"]

    @pytest.mark.usefixtures("_webhook")
    def test_of_another_project_nothing_is_told(self, shop: Shop) -> None:
        other = shop.add_project("other")
        template = shop.add_template(TableSpec("others"), project_id=other)
        theirs = replace(shop, project_id=other, template_id=template.id)
        fail(theirs, theirs.add(run_now=False), 3)
        assert shop.do(told) == []


class TestTheProjectsWebhook:
    def test_keeps_its_id_and_secret(self, shop: Shop) -> None:
        first = shop.do(events.set_project_webhook, shop.box, shop.project_id, SPEC)
        moved = replace(SPEC, callback_url="https://shop.test/elsewhere")
        second = shop.do(events.set_project_webhook, shop.box, shop.project_id, moved)
        assert second == replace(first, callback_url=moved.callback_url)
        assert shop.do(find_webhook, shop.box, first.id) == second
        assert shop.do(events.project_webhook, shop.box, shop.project_id) == second

    def test_two_who_set_the_first_one_at_once(self, shop: Shop) -> None:
        one, other = race(
            shop.engine,
            lambda c: events.set_project_webhook(c, shop.box, shop.project_id, SPEC),
            lambda c: events.set_project_webhook(c, shop.box, shop.project_id, SPEC),
        )
        assert one == other

    def test_is_gone_once_it_is_removed(self, shop: Shop) -> None:
        there = shop.do(events.set_project_webhook, shop.box, shop.project_id, SPEC)
        assert shop.do(events.remove_project_webhook, shop.box, shop.project_id) == there
        assert shop.do(events.project_webhook, shop.box, shop.project_id) is None
        with pytest.raises(NotFound):
            shop.do(events.remove_project_webhook, shop.box, shop.project_id)
