"""Real Redis, real workers, real stacks; skips where Redis is not installed, except in CI."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from impler_pipelines_tests.feed_server import FeedServer
from impler_pipelines_tests.workers.redis_server import find_redis


@pytest.fixture(scope="session", autouse=True)
def redis_program() -> str:
    """The path of redis-server."""
    program = find_redis()
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("no Redis is installed: .ci/programs.sh redis installs one")
        pytest.skip("install redis-server to run these")
    return program


@pytest.fixture
def feed_hosts() -> Iterator[list[FeedServer]]:
    """Four hosts of feeds: one feed at a time is asked of each."""
    servers = [FeedServer(address=f"127.0.0.{number}") for number in range(1, 5)]
    for server in servers:
        server.__enter__()
    yield servers
    for server in servers:
        server.__exit__(None, None, None)
