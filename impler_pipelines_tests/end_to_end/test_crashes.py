"""SIGKILL at every moment, with real processes: afterwards everything is as if undisturbed.

One test, so that one stack serves all stories, whichever worker it is given to.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from impler_pipelines.supervisor.ports import free_port
from impler_pipelines_tests.end_to_end.crashes import (
    RUN_STORIES,
    SETTLE_LIMIT_SECONDS,
    Victim,
    all_is_killed,
    all_is_stopped,
    parts_are_killed_in_turn,
    the_database_is_killed,
)
from impler_pipelines_tests.end_to_end.running_stack import (
    RunningStack,
    stack_in_a_temporary_home,
    until,
)
from impler_pipelines_tests.end_to_end.shop import Shop

_AT_A_TIME = 4  # each run takes seconds of a processor, and most of a story is waiting
LATER = ("parts", "database", "stopped", "power_fetching", "power_loading")


@pytest.fixture
def stack() -> Iterator[RunningStack]:
    """A stack that is not started yet, and loads into its own database."""
    with stack_in_a_temporary_home(free_port(), free_port(), rows_in_store=True) as stack:
        yield stack


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_whatever_is_killed_the_rows_and_the_history_are_right(
    shop: Shop, subtests: pytest.Subtests
) -> None:
    shop.stack.start()
    with ThreadPoolExecutor(_AT_A_TIME) as tellers:
        told = {name: tellers.submit(story, shop) for name, story in RUN_STORIES.items()}
        made = {name: tellers.submit(Victim, shop, name) for name in LATER}
    for name, story in told.items():
        with subtests.test(name):
            story.result()
    later = {name: victim.result() for name, victim in made.items()}
    with subtests.test("parts_are_killed_in_turn"):
        parts_are_killed_in_turn(later["parts"])
    with subtests.test("the_database_is_killed"):
        the_database_is_killed(later["database"])

    all_is_stopped(later["stopped"])
    confirmed = all_is_killed(later["power_fetching"], later["power_loading"])
    cut = ("stopped", "power_fetching", "power_loading")
    with ThreadPoolExecutor(len(cut) + 1) as tellers:
        told = {name: tellers.submit(later[name].settles, attempts=2) for name in cut}
        told["confirmed"] = tellers.submit(happens_once, shop.stack, confirmed["_id"])
    for name, story in told.items():
        with subtests.test(name):
            story.result()
    with subtests.test("nothing_executes_for_ever"):
        query = (
            "{runsOrError(filter: {statuses: [STARTED, STARTING, QUEUED]}) {... on Runs {count}}}"
        )
        until(
            lambda: shop.stack.dagster(query)["runsOrError"]["count"] == 0,
            "Dagster without a run under way",
            SETTLE_LIMIT_SECONDS,
        )
    shop.stack.stop()


def happens_once(stack: RunningStack, job_id: str) -> None:
    """The first run of an import job that was confirmed just before the end."""
    until(lambda: stack.ended(job_id, "FIRST"), "the first run", SETTLE_LIMIT_SECONDS)
    (run,) = stack.runs(job_id)
    assert (run["status"], run["inserted"]) == ("SUCCESS", 3)
