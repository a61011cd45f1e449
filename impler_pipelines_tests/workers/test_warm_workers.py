"""Runs on warm workers with nothing faked, and SIGKILL for each part that they need.

One test, so that one stack serves all stories, whichever worker of pytest's it is given to.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from impler_pipelines.supervisor.ports import free_port
from impler_pipelines_tests.end_to_end.crashes import SETTLE_LIMIT_SECONDS
from impler_pipelines_tests.end_to_end.running_stack import (
    RunningStack,
    stack_in_a_temporary_home,
    until,
)
from impler_pipelines_tests.feed_server import FeedServer
from impler_pipelines_tests.workers.stories import STORIES, WORKERS, Warm

_UNDER_WAY = "{runsOrError(filter: {statuses: [STARTED, STARTING, QUEUED]}) {... on Runs {count}}}"


@pytest.fixture
def stack() -> Iterator[RunningStack]:
    """A stack with warm workers that is not started yet, and loads into its own database."""
    with stack_in_a_temporary_home(free_port(), free_port(), rows_in_store=True) as stack:
        stack.workers = WORKERS
        yield stack


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_import_jobs_on_warm_workers(
    stack: RunningStack, feed_hosts: list[FeedServer], subtests: pytest.Subtests
) -> None:
    stack.start()
    warm = Warm(stack, feed_hosts)
    for story in STORIES:
        with subtests.test(story.__name__):
            story(warm)
    with subtests.test("nothing_executes_for_ever"):
        until(
            lambda: stack.dagster(_UNDER_WAY)["runsOrError"]["count"] == 0,
            "Dagster without a run under way",
            SETTLE_LIMIT_SECONDS,
        )
    stack.stop()
