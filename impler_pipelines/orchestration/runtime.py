"""What every evaluation and op of one process shares: settings, the store, the artifact place.

Nothing here goes stale: it keeps connections, never what was read over them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from impler_pipelines.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from impler_pipelines.orchestration.artifacts import Artifacts
    from impler_pipelines.orchestration.dagster_gateway import DagsterGateway
    from impler_pipelines.store.host_turns import HostTurns
    from impler_pipelines.store.secrets import SecretBox

RETRY_WAITS_SECONDS = (2.0, 8.0, 32.0)  # before the second, third and fourth try of an op


class Runtime:
    """One process's access to the store, Dagster and the artifacts; each opened on first use."""

    def __init__(
        self,
        settings: Settings,
        *,
        report: Callable[[str, int, str], None] = lambda _op, _done, _unit: None,
        retry_waits: Sequence[float] = RETRY_WAITS_SECONDS,
        clock: Callable[[], dt.datetime] | None = None,
    ) -> None:
        self.settings = settings
        self.report = report  # called with op, amount done and its unit as the ops go on
        self.retry_waits = tuple(retry_waits)  # seconds; as many as an op is tried again
        self.now = clock or utc_now  # what ticks of sensors and schedules go by
        self._clock = clock

    @cached_property
    def engine(self) -> Engine:
        """The store's connection pool."""
        from impler_pipelines.store.engine import open_store

        return open_store(self.settings.store_url)

    @cached_property
    def host_turns(self) -> HostTurns:
        """The installation's turns at hosts."""
        from impler_pipelines.store.host_turns import HostTurns

        return HostTurns(self.settings.store_url)

    @cached_property
    def secrets(self) -> SecretBox:
        """The box that opens stored secrets."""
        from impler_pipelines.store.secrets import secret_box

        return secret_box(self.settings)

    @cached_property
    def gateway(self) -> DagsterGateway:
        """GraphQL to Dagster's webserver."""
        from impler_pipelines.orchestration.dagster_gateway import DagsterGateway

        return DagsterGateway(self.settings.dagster_webserver_url)

    @property
    def destination_name(self) -> str:
        """Which database destinations without a URL are in, without secrets; empty: the store's."""
        from impler_pipelines.sources.urls import public_url

        return public_url(self.settings.destination_url)

    @cached_property
    def default_destination(self) -> Engine:
        """Where rows go unless a destination names its own URL; raises ``DestinationRefused``.

        One for all runs of a process: SQLAlchemy remembers each of a hundred that asked for a
        table's columns.
        """
        from impler_pipelines.destinations.engines import open_destination

        return open_destination(self.settings.default_destination_url)

    @cached_property
    def artifacts(self) -> Artifacts:
        """Where runs keep what their ops hand to each other."""
        from impler_pipelines.orchestration.artifacts import Artifacts

        return Artifacts(self.settings.artifacts_base_url)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction on the store; raises ``StoreUnavailable``."""
        from impler_pipelines.store.engine import transaction

        with transaction(self.engine) as connection:
            yield connection

    def time_in(self, connection: Connection) -> dt.datetime:
        """The database's clock, which hosts have in common, unless a clock was given.

        Signs of life go by it: who leaves one and who misses it may be on different hosts.
        """
        from impler_pipelines.store.engine import database_time

        return self._clock() if self._clock else database_time(connection)


def utc_now() -> dt.datetime:
    """The clock of this room: pure rooms and the store are told the time."""
    return dt.datetime.now(dt.UTC)
