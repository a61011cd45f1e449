"""The control API once more, with other settings, on the stack's own database and secret."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from impler_pipelines.settings import Settings
from impler_pipelines.supervisor.ports import free_port
from impler_pipelines_tests.end_to_end.running_stack import (
    RunningStack,
    stack_in_a_temporary_home,
)


@contextmanager
def other_api(stack: RunningStack, **settings: str) -> Iterator[str]:
    """The address of another process of the API; ``settings`` are variables of its own."""
    shared = Settings(home=stack.home)
    with stack_in_a_temporary_home(free_port(), free_port(), rows_in_store=True) as other:
        other.environment |= {
            "IMPLER_DATABASE_URL": shared.plain_store_url,
            "IMPLER_SECRET_KEY": shared.secret_key_file.read_text().strip(),
            **settings,
        }
        other.access_key = stack.access_key
        other.start(only="api")
        yield other.api_url
        other.stop()
