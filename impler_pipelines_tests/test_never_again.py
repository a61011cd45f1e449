"""Faults that importers of feeds are known for, each with a short proof that this one lacks it.

The number is the fault's point in the project's list; the rooms' own tests go deeper.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from impler_pipelines_tests.never_again import reading, running, tenants, timing
from impler_pipelines_tests.orchestration.conftest import instance, world  # noqa: F401 - fixtures

Proof = Callable[..., None]

TABLE: dict[str, Proof] = {
    "1 a missing field shifts no value onto another record's row": reading.missing_field,
    "1 N records give exactly N rows": reading.as_many_rows_as_records,
    "1 a namesake elsewhere in the feed is not the record's value": reading.namesakes_elsewhere,
    "2 repeated elements do not double rows": reading.repeated_elements,
    "2 repeated elements with attributes lose nothing": reading.repeated_elements_with_attributes,
    "2 150,000 items are read": reading.a_hundred_and_fifty_thousand_items,
    "3 every column is validated, not the first alone": reading.every_column_is_validated,
    "3 a record is a row or a reject, never both": reading.a_row_or_a_reject,
    "3 what is loaded is not delivered again": running.delivered_once,
    "4 the time zone is the import job's own": timing.the_zone_is_the_import_jobs,
    "4 every 2 weeks is 14 days": timing.every_two_weeks,
    "4 every 3 days stays 3 days over a month's end": timing.every_three_days,
    "4 day 31 skips no month": timing.day_31,
    "4 a bad cron is refused": timing.bad_cron,
    "5 a tick that comes late still runs": running.a_late_tick,
    "5 a tick that never came is made up for": running.a_tick_that_never_came,
    "5 a pause across a due time does not stop it": running.a_pause_across_a_due_time,
    "5 without an end date it goes on": running.no_end_date,
    "6 an error leaves a trace": running.an_error_leaves_a_trace,
    "6 a 404 ends the run and says so": running.a_404_ends_the_run,
    "7 another tenant's key opens nothing": tenants.another_tenants_key,
    "7 the stored secret is in no answer": tenants.the_stored_secret,
    "7 an address is checked, however it is spelt": tenants.an_address_in_disguise,
    "7 the address behind a redirect is checked": tenants.a_redirect_to_a_private_address,
    "8 two replicas run a due time once": running.one_due_time_one_run,
    "8 mapping twice duplicates nothing": tenants.mapping_twice,
}


def _proofs(*, with_a_store: bool) -> list[Any]:
    return [
        pytest.param(proof, id=fault)
        for fault, proof in TABLE.items()
        if bool(inspect.signature(proof).parameters) is with_a_store
    ]


@pytest.mark.parametrize("proof", _proofs(with_a_store=False))
def test_never_again(proof: Proof) -> None:
    proof()


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("world", ["store"], indirect=True)
@pytest.mark.parametrize("proof", _proofs(with_a_store=True))
def test_never_again_in_a_store(proof: Proof, request: pytest.FixtureRequest) -> None:
    proof(request.getfixturevalue("world"))
