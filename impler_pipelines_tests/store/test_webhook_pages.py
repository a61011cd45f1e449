"""The outbox's lines: claimed by one sender at a time, in order, and forgotten when old."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import func, select

from impler_pipelines.model import (
    CellError,
    PageStatus,
    Reject,
    Run,
    WebhookDestination,
    WebhookPage,
)
from impler_pipelines.store import outbox, runs, webhook_pages
from impler_pipelines.store.destinations import (
    WebhookSpec,
    destinations_of,
    replace_destinations,
)
from impler_pipelines.store.outbox import PageHeader
from impler_pipelines.store.secrets import SecretBox
from impler_pipelines.store.tables import rejects, sent_rows
from impler_pipelines.store.tables import runs as runs_table
from impler_pipelines.store.tables import webhook_pages as pages_table
from impler_pipelines.store.templates import get_template
from impler_pipelines.store.webhook_pages import ClaimedPage, Line
from impler_pipelines_tests.store.shop import HOUR, MINUTE, NOW, Shop, race

DAY = dt.timedelta(days=1)
HOOK = WebhookSpec("https://host.test/hook", 2, 5, 60, include_invalid=False, changes_only=True)


class Hooked:
    """An import job of a template with one webhook."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        template = shop.add_template(HOOK)
        shop.template_id = template.id
        self.destination_id = template.destinations[0].id
        self.job = shop.add()
        self.run = shop.history(self.job)[0]

    @property
    def line(self) -> Line:
        return Line(self.destination_id, self.job.id)

    def add(self, number: int = 1, *, now: dt.datetime = NOW) -> None:
        header = PageHeader(
            template_id=self.shop.template_id,
            import_job_id=self.job.id,
            run_id=self.run.id,
            destination_id=self.destination_id,
            chunk_size=2,
            extra={},
            is_invalid=False,
            total_records=number,
        )
        self.shop.do(outbox.add_pages, header, [(b"[1]", 1)] * number, now=now)

    def claim(self, *, now: dt.datetime = NOW) -> ClaimedPage | None:
        return self.shop.do(webhook_pages.claim_page, self.line, now=now, until=now + MINUTE)

    def pages(self) -> list[WebhookPage]:
        """In the order of sending."""
        found = self.shop.do(webhook_pages.list_pages, project_id=self.shop.project_id, limit=50)
        return sorted(found, key=lambda page: page.page)

    def sent(self, claimed: ClaimedPage | None, *, now: dt.datetime = NOW) -> None:
        assert claimed is not None
        self.shop.do(webhook_pages.note_sent, claimed.page, http_status=200, now=now)

    def failed(self, claimed: ClaimedPage | None, again_at: dt.datetime | None) -> None:
        assert claimed is not None
        self.shop.do(
            webhook_pages.note_failed,
            claimed.page,
            http_status=500,
            error="No.",
            again_at=again_at,
            now=NOW,
        )


@pytest.fixture
def hooked(shop: Shop) -> Hooked:
    return Hooked(shop)


class TestClaim:
    def test_is_one_sender_s_until_its_time_is_up(self, hooked: Hooked) -> None:
        hooked.add()
        first = hooked.claim()
        assert first is not None
        assert hooked.claim() is None
        assert hooked.shop.do(webhook_pages.lines_due, now=NOW) == []
        again = hooked.claim(now=NOW + MINUTE)
        assert again is not None
        assert again.page.id == first.page.id

    def test_of_two_at_once_one_has_it(self, hooked: Hooked) -> None:
        hooked.add()

        def claim(connection: Any) -> ClaimedPage | None:
            return webhook_pages.claim_page(connection, hooked.line, now=NOW, until=NOW + MINUTE)

        found = race(hooked.shop.engine, claim, claim)
        assert [one is None for one in found] == [False, True]

    def test_goes_down_the_line(self, hooked: Hooked) -> None:
        hooked.add(3)
        seen = []
        while claimed := hooked.claim():
            seen.append(claimed.page.page)
            hooked.sent(claimed)
        assert seen == [1, 2, 3]
        assert hooked.claim() is None

    def test_waits_for_the_first_of_the_line(self, hooked: Hooked) -> None:
        hooked.add(2)
        hooked.failed(hooked.claim(), NOW + HOUR)
        assert hooked.claim(now=NOW + HOUR - MINUTE) is None
        claimed = hooked.claim(now=NOW + HOUR)
        assert claimed is not None
        assert (claimed.page.page, claimed.page.attempts) == (1, 1)

    def test_goes_on_behind_a_dead_one(self, hooked: Hooked) -> None:
        hooked.add(2)
        hooked.failed(hooked.claim(), None)
        claimed = hooked.claim()
        assert claimed is not None
        assert claimed.page.page == 2

    def test_what_a_late_sender_says_is_not_heard(self, hooked: Hooked) -> None:
        hooked.add()
        late = hooked.claim()
        hooked.sent(hooked.claim(now=NOW + MINUTE))
        hooked.failed(late, None)
        (page,) = hooked.pages()
        assert (page.status, page.attempts, page.error) == (PageStatus.SENT, 1, None)
        assert hooked.shop.history(hooked.job)[0].warnings == ()


class TestSweep:
    def test_ended_pages_go_when_they_are_old(self, hooked: Hooked) -> None:
        hooked.add(3)
        hooked.sent(hooked.claim())
        hooked.failed(hooked.claim(), None)
        sweep = webhook_pages.sweep_pages
        assert hooked.shop.do(sweep, before=NOW) == 0
        assert hooked.shop.do(sweep, before=NOW + MINUTE) == 2
        assert [page.status for page in hooked.pages()] == [PageStatus.WAITING]

    def remembered(self, hooked: Hooked) -> int:
        count = select(func.count()).select_from(sent_rows)
        return hooked.shop.do(lambda c: c.execute(count).scalar_one())

    @pytest.mark.parametrize("gone", ["import job", "webhook", None])
    def test_forgets_what_nobody_can_be_sent_again(self, hooked: Hooked, gone: str | None) -> None:
        with hooked.shop.transaction() as connection:
            outbox.stage_rows(connection, [(0, b"k" * 16, b"d" * 16)])
            (webhook,) = destinations_of(connection, hooked.shop.box, hooked.shop.template_id)
            assert isinstance(webhook, WebhookDestination)
            outbox.rows_to_send(connection, webhook, hooked.job.id)
        if gone == "import job":
            hooked.shop.delete(hooked.job)
        elif gone == "webhook":
            hooked.shop.do(_without_destinations, hooked)
        hooked.shop.do(webhook_pages.sweep_pages, before=NOW)
        assert self.remembered(hooked) == (0 if gone else 1)


def _without_destinations(connection: Any, hooked: Hooked) -> None:
    replace_destinations(
        connection,
        hooked.shop.box,
        template_id=hooked.shop.template_id,
        project_id=hooked.shop.project_id,
        specs=[],
    )


class TestAnotherKey:
    def test_the_template_is_read_without_the_secret(self, hooked: Hooked) -> None:
        shop = hooked.shop
        shop.box = SecretBox("another key")
        found = shop.do(
            get_template, shop.box, project_id=shop.project_id, template_id=shop.template_id
        )
        (webhook,) = found.destinations
        assert (webhook.id, getattr(webhook, "signing_secret", None)) == (
            hooked.destination_id,
            "",
        )


class TestHistory:
    def loaded(self, hooked: Hooked, days: int) -> Run:
        """A run that ended so many days ago and has a reject."""
        shop, now = hooked.shop, NOW - days * DAY
        run = shop.ask(hooked.job, now=now)
        begun = shop.begin(hooked.job, run, by=f"dagster-{days}", now=now)
        shop.load(hooked.job, begun, now=now)
        refused = Reject(0, {"title": None}, (CellError("title", "required", None, "No."),))
        shop.do(runs.replace_rejects, run.id, [refused])
        shop.do(
            lambda c: c.execute(
                runs_table.update().where(runs_table.c.id == run.id).values(created_at=now)
            )
        )
        return run

    def test_rejects_of_all_but_the_last_load_go(self, hooked: Hooked) -> None:
        hooked.shop.do(runs.cancel_queued_runs, hooked.job.id, reason="", now=NOW)
        old, last = self.loaded(hooked, 60), self.loaded(hooked, 50)
        assert hooked.shop.do(runs.sweep_rejects, before=NOW - 70 * DAY) == 0
        assert hooked.shop.do(runs.sweep_rejects, before=NOW - 40 * DAY) == 1
        left = hooked.shop.do(lambda c: list(c.scalars(select(rejects.c.run_id))))
        assert (left, old.id in left) == ([last.id], False)

    def test_runs_go_with_all_that_is_theirs_but_the_last(self, hooked: Hooked) -> None:
        hooked.shop.do(runs.cancel_queued_runs, hooked.job.id, reason="", now=NOW)
        old, waiting = self.loaded(hooked, 400), self.loaded(hooked, 390)
        hooked.run = waiting
        hooked.add()
        hooked.run = old
        hooked.add(now=NOW - HOUR)
        hooked.shop.do(
            lambda c: c.execute(
                pages_table.update()
                .where(pages_table.c.run_id == old.id)
                .values(status=PageStatus.SENT)
            )
        )
        assert hooked.shop.do(runs.sweep_runs, before=NOW - 365 * DAY) == 1
        left = {run.id for run in hooked.shop.history(hooked.job)}
        assert old.id not in left
        assert waiting.id in left
