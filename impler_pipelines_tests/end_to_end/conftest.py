"""Real stacks: each in a temporary home on free ports, and gone afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from impler_pipelines.supervisor.ports import free_port
from impler_pipelines_tests.end_to_end.running_stack import (
    RunningStack,
    stack_in_a_temporary_home,
)
from impler_pipelines_tests.end_to_end.shop import Shop
from impler_pipelines_tests.feed_server import FeedServer


@pytest.fixture
def stack() -> Iterator[RunningStack]:
    """A stack that is not started yet."""
    with stack_in_a_temporary_home(free_port(), free_port()) as stack:
        yield stack


@pytest.fixture
def shop(stack: RunningStack, feed_server: FeedServer) -> Shop:
    """A host app on that stack, and the feeds of its users."""
    return Shop(stack, feed_server)
