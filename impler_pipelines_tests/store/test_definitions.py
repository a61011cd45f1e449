from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from impler_pipelines.model import (
    Column,
    ImportJob,
    Interval,
    Unit,
)
from impler_pipelines.scheduling import Timing, ticks
from impler_pipelines.store import definitions, import_jobs, sync, templates
from impler_pipelines.store.destinations import TableSpec
from impler_pipelines.store.due import claim_due_run
from impler_pipelines_tests.store.shop import (
    COLUMNS,
    HOUR,
    HOURLY,
    MAPPED,
    NOW,
    Shop,
    at,
)


@pytest.fixture
def job(shop: Shop) -> ImportJob:
    return shop.add()


class TestDefinitions:
    def test_of_live_import_jobs(self, shop: Shop, job: ImportJob) -> None:
        shop.delete(shop.add())
        (definition,) = shop.do(definitions.live_definitions).values()
        assert (definition.job_id, definition.template_id) == (job.id, shop.template_id)
        assert (definition.template_name, definition.external_user_id) == ("Products", "ann")
        assert definition.timing == Timing(HOURLY, None, "UTC", None, 0)
        assert definition.scheduled

    def test_have_the_phase_that_next_run_has(self, shop: Shop) -> None:
        every = Interval(15, Unit.MINUTES, starts_on=dt.date(2026, 1, 1))
        for job in [shop.add(interval=every) for _ in range(5)]:
            definition = shop.do(definitions.live_definitions)[job.id]
            assert definition.timing == import_jobs.timing_of(job)
            assert definition.timing is not None
            (string,) = ticks(definition.timing).cron_strings
            assert job.next_run is not None
            assert str(job.next_run.minute % 15) in string.split()[0].replace("/", ",").split(",")

    def test_stay_the_same_while_a_run_goes_on(self, shop: Shop, job: ImportJob) -> None:
        before = shop.do(definitions.live_definitions)
        run = shop.begin(job, shop.history(job)[0])
        shop.load(job, run)
        shop.do(claim_due_run, job.id, now=at("13:00"))
        shop.pause(job)
        assert shop.do(definitions.live_definitions) == before

    def test_without_an_interval_the_schedule_is_still_there(
        self, shop: Shop, job: ImportJob
    ) -> None:
        """It has to be, for it to be stopped."""
        shop.change(job, interval=None)
        definition = shop.do(definitions.live_definitions)[job.id]
        assert (definition.timing, definition.scheduled) == (None, True)
        assert shop.do(sync.schedules_to_switch) == {job.id: False}

    @pytest.mark.parametrize("changes", [{"mappings": ()}, {"interval": None}])
    def test_never_active_it_has_no_schedule(self, shop: Shop, changes: dict[str, object]) -> None:
        job = shop.add(**changes)
        assert not shop.do(definitions.live_definitions)[job.id].scheduled
        assert shop.do(sync.schedules_to_switch) == {}


class TestChanged:
    """Whatever makes a definition another one is found by when it was changed."""

    LATER = NOW + HOUR

    @pytest.mark.parametrize(
        "changes",
        [
            pytest.param({"url": "https://other.example/"}, id="url"),
            pytest.param({"interval": Interval(2, Unit.DAYS, starts_on=NOW.date())}, id="interval"),
            pytest.param({"interval": None, "cron": "0 7 * * *"}, id="cron"),
            pytest.param({"timezone": "Europe/Berlin"}, id="time zone"),
            pytest.param({"ends_on": NOW + 9 * HOUR}, id="end"),
            pytest.param({"interval": None}, id="no schedule"),
        ],
    )
    def test_an_edit(self, shop: Shop, job: ImportJob, changes: dict[str, object]) -> None:
        self.found(shop, job, lambda: shop.change(job, now=self.LATER, **changes))

    def test_a_new_one(self, shop: Shop, job: ImportJob) -> None:
        new = shop.add(now=self.LATER)
        assert set(shop.do(definitions.changed_definitions, since=self.LATER)) == {new.id}

    def test_a_deleted_one(self, shop: Shop, job: ImportJob) -> None:
        self.found(shop, job, lambda: shop.delete(job, now=self.LATER))
        assert shop.do(definitions.changed_definitions, since=self.LATER) == {job.id: None}

    def test_mapped_it_has_a_schedule(self, shop: Shop) -> None:
        job = shop.add(mappings=())
        self.found(shop, job, lambda: shop.change(job, now=self.LATER, mappings=MAPPED))

    def test_a_column_that_is_required_no_more_gives_it_a_schedule(self, shop: Shop) -> None:
        brand = Column("brand", "Brand", is_required=True)
        shop.require(*COLUMNS, brand)
        job = shop.add()
        self.found(shop, job, lambda: shop.require(*COLUMNS, now=self.LATER))

    @pytest.mark.parametrize(
        "change", [{"name": "Goods"}, {"destination_specs": [TableSpec("goods")]}]
    )
    def test_its_template(self, shop: Shop, job: ImportJob, change: dict[str, Any]) -> None:
        given = {"project_id": shop.project_id, "template_id": shop.template_id, **change}
        self.found(
            shop,
            job,
            lambda: shop.do(templates.update_template, shop.box, now=self.LATER, **given),
        )

    def test_nothing_of_the_rest(self, shop: Shop, job: ImportJob) -> None:
        run = shop.begin(job, shop.history(job)[0])
        shop.load(job, run, now=self.LATER)
        shop.do(claim_due_run, job.id, now=self.LATER + HOUR)
        assert shop.do(definitions.changed_definitions, since=self.LATER) == {}

    def found(self, shop: Shop, job: ImportJob, change: Callable[[], object]) -> None:
        before = shop.do(definitions.live_definitions).get(job.id)
        assert shop.do(definitions.changed_definitions, since=self.LATER) == {}
        change()
        after = shop.do(definitions.live_definitions).get(job.id)
        assert after != before
        assert shop.do(definitions.changed_definitions, since=self.LATER)[job.id] == after


def test_the_first_mapping_makes_it_live_with_a_schedule(shop: Shop) -> None:
    job = shop.add(mappings=())
    shop.change(job, mappings=MAPPED)
    assert shop.do(definitions.live_definitions)[job.id].scheduled
